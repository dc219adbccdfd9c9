//! Finds which file of a crate uses which other, and the cycles among them.
//!
//! A file uses another if its code names an item that is defined there, whatever re-exports the name goes through.
//! Declaring a module and re-exporting from it do not count.

mod path_resolver;
mod used_paths;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::rust_files::RustFile;
use path_resolver::PathResolver;
use used_paths::used_files;

/// The files of a crate and which of them use which.
pub struct Imports<'f> {
    files: &'f [RustFile],
    uses: Vec<BTreeSet<usize>>,
}

impl<'f> Imports<'f> {
    /// Analyses the files of a crate.
    pub fn of(files: &'f [RustFile]) -> Self {
        let resolver = PathResolver::of(files);
        let uses = files.iter().enumerate().map(|(index, file)| {
            let mut used = used_files(&resolver, file);
            used.remove(&index);
            used
        });
        let uses = uses.collect();
        Self { files, uses }
    }

    /// Returns the paths of a shortest import cycle: each file uses the next, and the last uses the first.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn files(sources: &[(&str, &str)]) -> Vec<RustFile> {
        let parse = |(name, text): &(&str, &str)| RustFile::parse(&format!("src/{name}.rs"), text);
        sources.iter().map(parse).collect()
    }

    /// Returns the names of the files that the file `a` uses.
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
