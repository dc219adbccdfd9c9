//! Which file of a crate uses which other, and the cycles among them.
//!
//! A file uses another if its code names an item that is defined there, whatever re-exports the name goes through.
//! Declaring a module and re-exporting from it do not count.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Attribute, Item, ItemMod, ItemUse, Macro, Meta, UseTree, Visibility,
    visit::{self, Visit},
};

use crate::rust_files::RustFile;

/// Re-exports of re-exports that are followed, at most.
const MOST_STEPS: usize = 16;

/// The files of a crate and which of them use which.
pub struct Imports<'f> {
    files: &'f [RustFile],
    uses: Vec<BTreeSet<usize>>,
}

impl<'f> Imports<'f> {
    /// Finds out which files use which.
    pub fn of(files: &'f [RustFile]) -> Self {
        let modules = Modules::of(files);
        let uses = files.iter().enumerate().map(|(index, file)| {
            let mut uses = Uses {
                modules: &modules,
                here: file.module.clone(),
                found: BTreeSet::new(),
            };
            file.items.iter().for_each(|item| uses.visit_item(item));
            uses.found.remove(&index);
            uses.found
        });
        let uses = uses.collect();
        Self { files, uses }
    }

    /// The paths of files that use one another in a circle, each the next and the last the first; a shortest one.
    pub fn shortest_cycle(&self) -> Option<Vec<&'f str>> {
        let cycles = (0..self.files.len()).filter_map(|start| self.cycle_through(start));
        let shortest = cycles.min_by_key(Vec::len)?;
        let paths = shortest.iter().map(|file| self.files[*file].path.as_str());
        Some(paths.collect())
    }

    fn cycle_through(&self, start: usize) -> Option<Vec<usize>> {
        let mut reached_from = BTreeMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(file) = queue.pop_front() {
            for used in &self.uses[file] {
                if *used == start {
                    let back = |file: &usize| reached_from.get(file).copied();
                    let mut cycle: Vec<_> = std::iter::successors(Some(file), back).collect();
                    cycle.reverse();
                    return Some(cycle);
                }
                reached_from.entry(*used).or_insert_with(|| {
                    queue.push_back(*used);
                    file
                });
            }
        }
        None
    }
}

/// A name that a `use` brings into a module.
struct Import {
    /// Its path, as it was written.
    path: Vec<String>,
    /// The name; none for `*`.
    name: Option<String>,
}

/// What a module declares.
#[derive(Default)]
struct Module {
    file: usize,
    items: BTreeSet<String>,
    imports: BTreeMap<String, Vec<String>>,
    globs: Vec<Vec<String>>,
}

/// The modules of a crate by their paths, inline ones included.
#[derive(Default)]
struct Modules(BTreeMap<Vec<String>, Module>);

impl Modules {
    fn of(files: &[RustFile]) -> Self {
        let mut modules = Self::default();
        for (index, file) in files.iter().enumerate() {
            modules.add(index, &file.module, &file.items);
        }
        modules
    }

    fn add(&mut self, file: usize, path: &[String], items: &[Item]) {
        let mut module = Module {
            file,
            ..Module::default()
        };
        for item in items {
            match item {
                Item::Mod(child) => {
                    if let Some((_, items)) = &child.content {
                        self.add(file, &join(path, [child.ident.to_string()]), items);
                    }
                }
                Item::Use(item) => {
                    for import in imports(&item.tree) {
                        match import.name {
                            Some(name) => drop(module.imports.insert(name, import.path)),
                            None => module.globs.push(import.path),
                        }
                    }
                }
                item => module.items.extend(name(item)),
            }
        }
        self.0.insert(path.to_vec(), module);
    }

    /// The file that defines what `path` names in the module `here`; none if another crate does.
    fn file(&self, here: &[String], path: &[String]) -> Option<usize> {
        let module = self.resolve(here, path, MOST_STEPS)?;
        Some(self.0.get(&module)?.file)
    }

    /// The module that a path names, or that defines the item that it names.
    fn resolve(&self, here: &[String], path: &[String], steps: usize) -> Option<Vec<String>> {
        let steps = steps.checked_sub(1)?;
        let (mut module, mut rest) = self.start(here, path, steps)?;
        while let [first, after @ ..] = rest {
            let child = join(&module, [first.clone()]);
            if self.0.contains_key(&child) {
                (module, rest) = (child, after);
                continue;
            }
            let declared = self.0.get(&module)?;
            if let Some(target) = declared.imports.get(first) {
                return self.resolve(&module, &join(target, after.to_vec()), steps);
            }
            if declared.items.contains(first) {
                break;
            }
            return match self.by_glob(&module, first, steps) {
                Some(target) => {
                    let inside = join(&["self".to_owned()], rest.to_vec());
                    self.resolve(&target, &inside, steps)
                }
                None => Some(module),
            };
        }
        Some(module)
    }

    /// The module that declares `name` and of which `module` imports everything.
    fn by_glob(&self, module: &[String], name: &str, steps: usize) -> Option<Vec<String>> {
        let globs = self.0.get(module)?.globs.iter();
        let mut targets = globs.filter_map(|glob| self.resolve(module, glob, steps));
        targets.find(|target| self.declares(target, name))
    }

    /// The module in which a path begins, and the rest of the path; none if it begins in another crate.
    fn start<'p>(
        &self,
        here: &[String],
        path: &'p [String],
        steps: usize,
    ) -> Option<(Vec<String>, &'p [String])> {
        let [first, after @ ..] = path else {
            return None;
        };
        match first.as_str() {
            "crate" => Some((Vec::new(), after)),
            "self" => Some((here.to_vec(), after)),
            "super" => {
                let ups = path.iter().take_while(|part| *part == "super").count();
                let module = here[..here.len().checked_sub(ups)?].to_vec();
                Some((module, &path[ups..]))
            }
            name => {
                let known = self.declares(here, name) || self.by_glob(here, name, steps).is_some();
                known.then(|| (here.to_vec(), path))
            }
        }
    }

    fn declares(&self, module: &[String], name: &str) -> bool {
        let declared = self.0.get(module);
        self.0.contains_key(&join(module, [name.to_owned()]))
            || declared.is_some_and(|m| {
                m.items.contains(name)
                    // `use ort;` brings in another crate.
                    || m.imports.get(name).is_some_and(|path| path[0] != name || path.len() > 1)
            })
    }
}

fn join(module: &[String], rest: impl IntoIterator<Item = String>) -> Vec<String> {
    module.iter().cloned().chain(rest).collect()
}

fn name(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

fn imports(tree: &UseTree) -> Vec<Import> {
    fn collect(tree: &UseTree, path: &[String], found: &mut Vec<Import>) {
        match tree {
            UseTree::Path(part) => {
                collect(&part.tree, &join(path, [part.ident.to_string()]), found);
            }
            UseTree::Group(group) => {
                let items = group.items.iter();
                items.for_each(|tree| collect(tree, path, found));
            }
            UseTree::Glob(_) => found.push(Import {
                path: path.to_vec(),
                name: None,
            }),
            UseTree::Name(leaf) => found.push(import(path, &leaf.ident.to_string(), None)),
            UseTree::Rename(leaf) => {
                let name = leaf.rename.to_string();
                found.push(import(path, &leaf.ident.to_string(), Some(name)));
            }
        }
    }
    let mut found = Vec::new();
    collect(tree, &[], &mut found);
    found
}

fn import(path: &[String], leaf: &str, rename: Option<String>) -> Import {
    let path = match leaf {
        "self" => path.to_vec(),
        _ => join(path, [leaf.to_owned()]),
    };
    let name = rename.or_else(|| path.last().cloned());
    Import { path, name }
}

/// Collects the files whose items are named.
struct Uses<'m> {
    modules: &'m Modules,
    here: Vec<String>,
    found: BTreeSet<usize>,
}

impl Uses<'_> {
    /// Notes a path of at least two parts: a shorter one names an item of this module or of a `use`, which is noted itself.
    fn note(&mut self, path: &[String]) {
        if path.len() > 1 {
            self.found.extend(self.modules.file(&self.here, path));
        }
    }

    /// Notes the paths in tokens that only a macro understands.
    fn note_tokens(&mut self, tokens: TokenStream) {
        let mut path = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.note(&std::mem::take(&mut path));
                    }
                    path.push(ident.to_string());
                }
                TokenTree::Group(group) => {
                    self.note(&std::mem::take(&mut path));
                    self.note_tokens(group.stream());
                }
                _ => self.note(&std::mem::take(&mut path)),
            }
            colons = 0;
        }
        self.note(&path);
    }
}

impl<'ast> Visit<'ast> for Uses<'_> {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        self.here.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.here.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if matches!(item.vis, Visibility::Inherited) {
            let imports = imports(&item.tree).into_iter();
            imports.for_each(|import| self.note(&import.path));
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<_> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        self.note(&parts);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.visit_path(&call.path);
        self.note_tokens(call.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta {
            self.note_tokens(list.tokens.clone());
        }
    }

    /// `pub(super)` and `pub(in path)` name modules without using them.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(sources: &[(&str, &str)]) -> Vec<RustFile> {
        let parse = |(name, text): &(&str, &str)| RustFile::parse(&format!("src/{name}.rs"), text);
        sources.iter().map(parse).collect()
    }

    /// The names of files that the file `a` uses.
    fn used_by_a(sources: &[(&str, &str)]) -> Vec<String> {
        let files = files(sources);
        let imports = Imports::of(&files);
        let a = files
            .iter()
            .position(|file| file.path == "src/a.rs")
            .unwrap();
        let names = imports.uses[a].iter().map(|used| sources[*used].0);
        names.map(str::to_owned).collect()
    }

    #[test]
    fn a_cycle_is_found_and_named() {
        let files = files(&[
            ("lib", "mod a; mod b; mod c; mod d;"),
            ("a", "use crate::b::B; pub struct A(B);"),
            ("b", "use super::c; pub struct B; fn f() { c::run() }"),
            ("c", "pub fn run() { let _ = crate::a::A::new(); }"),
            ("d", "use crate::{a::A, b::B};"),
        ]);
        let cycle = Imports::of(&files).shortest_cycle().unwrap();
        assert_eq!(cycle, ["src/a.rs", "src/b.rs", "src/c.rs"]);
    }

    #[test]
    fn a_parent_and_a_child_that_use_one_another_are_a_cycle() {
        let files = files(&[
            ("lib", "mod a;"),
            ("a", "mod part; use part::Part; pub struct Whole(Part);"),
            ("a/part", "use super::Whole; pub struct Part;"),
        ]);
        assert_eq!(Imports::of(&files).shortest_cycle().unwrap().len(), 2);
    }

    #[test]
    fn declarations_and_re_exports_are_no_uses() {
        let files = files(&[
            ("lib", "mod a; pub use a::A; pub struct Root;"),
            (
                "a",
                "pub(crate) mod part; pub(super) use part::Part; use crate::Root; pub struct A;",
            ),
            ("a/part", "use super::A; pub(in crate::a) struct Part;"),
        ]);
        assert_eq!(Imports::of(&files).shortest_cycle(), None);
    }

    #[test]
    fn a_re_export_leads_to_the_file_that_defines_the_item() {
        let lib = (
            "lib",
            "mod a; mod b; mod c; pub use b::B as Renamed; pub use b::*; use c::inner::C;",
        );
        let b = (
            "b",
            "pub struct B; pub fn function() {} pub use crate::c::Deep;",
        );
        let c = ("c", "pub mod inner { pub struct C; } pub struct Deep;");
        for (source, used) in [
            ("use crate::Renamed;", "b"),
            ("use crate::function;", "b"),
            ("use crate::Deep;", "c"),
            ("use super::C;", "c"),
            ("use crate::b::{self, B as Other};", "b"),
        ] {
            assert_eq!(used_by_a(&[lib, ("a", source), b, c]), [used], "{source}");
        }
    }

    #[test]
    fn paths_are_found_in_code_types_macros_and_attributes() {
        let lib = ("lib", "mod a; mod b;");
        let b = ("b", "pub struct B; pub fn run() {} pub const N: u8 = 0;");
        for source in [
            "fn f() { crate::b::run() }",
            "type T = Option<super::b::B>;",
            "fn f() { println!(\"{}\", 1 + crate::b::N) }",
            "#[arg(value_parser = super::b::run)] struct S;",
            "use super::*; fn f() { b::run() }",
            "fn f() { use crate::b::N; }",
            "impl crate::b::B {}",
        ] {
            assert!(
                used_by_a(&[lib, ("a", source), b]).contains(&"b".to_owned()),
                "{source}"
            );
        }
        for source in [
            "fn f() { other::b::run() }",
            "/// See [`crate::b::run`].\nstruct S;",
            "use other::b;",
            "#[cfg(test)] mod tests { use crate::b::B; }",
            "fn f() { let b = 1; g(b) }",
        ] {
            assert_eq!(used_by_a(&[lib, ("a", source), b]), [""; 0], "{source}");
        }
    }
}
