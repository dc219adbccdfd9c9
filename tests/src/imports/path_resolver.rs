//! Resolves paths in a crate to the file that defines the item, through imports, re-exports and globs.

use std::collections::{BTreeMap, BTreeSet};

use syn::{Item, UseTree};

use crate::rust_files::RustFile;

/// Longest chain of re-exports that is followed.
const MOST_STEPS: usize = 16;

/// A name that a `use` brings into a module.
pub(super) struct Import {
    /// The path as written.
    pub(super) path: Vec<String>,
    /// The name that it gets; `None` for `*`.
    name: Option<String>,
}

/// The declarations of a module.
#[derive(Default)]
struct Module {
    file: usize,
    items: BTreeSet<String>,
    imports: BTreeMap<String, Vec<String>>,
    globs: Vec<Vec<String>>,
}

/// The modules of a crate by their paths, inline ones included.
#[derive(Default)]
pub(super) struct PathResolver(BTreeMap<Vec<String>, Module>);

impl PathResolver {
    /// Collects the declarations of all modules.
    pub(super) fn of(files: &[RustFile]) -> Self {
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

    /// Returns the file that defines the item that `path` names in the module `here`; `None` if another crate does.
    pub(super) fn file(&self, here: &[String], path: &[String]) -> Option<usize> {
        let module = self.resolve(here, path, MOST_STEPS)?;
        Some(self.0.get(&module)?.file)
    }

    /// Returns the module that a path names, or that defines the item that it names.
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

    /// Returns the module that declares `name`, among those that `module` imports by `*`.
    fn by_glob(&self, module: &[String], name: &str, steps: usize) -> Option<Vec<String>> {
        let globs = self.0.get(module)?.globs.iter();
        let mut targets = globs.filter_map(|glob| self.resolve(module, glob, steps));
        targets.find(|target| self.declares(target, name))
    }

    /// Returns the module in which a path begins, and the rest of the path; `None` if it begins in another crate.
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

/// Returns the names that a `use` brings in.
pub(super) fn imports(tree: &UseTree) -> Vec<Import> {
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
