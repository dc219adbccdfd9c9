//! Parses the Rust files of the workspace's crates, for the tests of layers and style.
//!
//! Code for tests is left out: items under `#[cfg(test)]`, and the files of modules that are declared so.

use std::{
    fs,
    path::{Path, PathBuf},
};

use cargo_metadata::{Metadata, MetadataCommand};
use syn::{Attribute, ImplItem, Item};

use crate::program::workspace;

/// A crate of the workspace with the files of its `src` folder.
pub struct Crate {
    /// The name, such as `atom-models`.
    pub name: String,
    /// The files, in the order of their paths.
    pub files: Vec<RustFile>,
}

/// A parsed file.
pub struct RustFile {
    /// The path in the workspace, such as `models/src/lib.rs`.
    pub path: String,
    /// The module path in the crate; empty for the root.
    pub module: Vec<String>,
    /// The number of lines, tests included.
    pub lines: usize,
    /// The items without tests.
    pub items: Vec<Item>,
    /// The paths of the modules that it declares for tests only.
    test_modules: Vec<Vec<String>>,
}

/// Reads what cargo knows about the workspace and its members.
///
/// # Panics
/// If cargo cannot read the workspace.
pub fn metadata() -> Metadata {
    let mut command = MetadataCommand::new();
    command.manifest_path(workspace().join("Cargo.toml"));
    command.no_deps().exec().expect("cargo reads the workspace")
}

/// Parses all crates of the workspace.
///
/// # Panics
/// If a file cannot be read or parsed.
pub fn crates() -> Vec<Crate> {
    let members = metadata().packages.into_iter();
    let crates = members.map(|package| {
        let folder = package.manifest_path.parent().expect("a manifest has one");
        let mut files: Vec<_> = paths(&folder.join("src").into_std_path_buf())
            .iter()
            .map(|path| {
                let text = fs::read_to_string(path).expect("sources can be read");
                RustFile::parse(&in_workspace(path), &text)
            })
            .collect();
        let tests: Vec<_> = files.iter().flat_map(|f| f.test_modules.clone()).collect();
        files.retain(|file| !tests.iter().any(|test| file.module.starts_with(test)));
        let name = package.name.to_string();
        Crate { name, files }
    });
    crates.collect()
}

/// Returns the path of a file relative to the workspace.
///
/// # Panics
/// If the file is outside the workspace.
pub fn in_workspace(path: &Path) -> String {
    let path = path.strip_prefix(workspace());
    path.expect("it is in the workspace").display().to_string()
}

/// Returns all Rust files of a folder and its subfolders, in order.
///
/// # Panics
/// If a folder cannot be read.
pub fn paths(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            found.extend(paths(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

impl RustFile {
    /// Parses a file; the path contains the crate's `src` folder.
    ///
    /// # Panics
    /// If the text is not valid Rust.
    pub fn parse(path: &str, text: &str) -> Self {
        let syntax = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        let module = module_path(path);
        let mut items = syntax.items;
        let test_modules = items.iter().filter_map(test_module);
        let test_modules = test_modules
            .map(|name| [module.clone(), vec![name]].concat())
            .collect();
        strip_tests(&mut items);
        Self {
            path: path.to_owned(),
            module,
            lines: text.lines().count(),
            items,
            test_modules,
        }
    }
}

fn module_path(path: &str) -> Vec<String> {
    let (_, inside) = path.rsplit_once("src/").expect("sources are in src");
    let inside = inside.strip_suffix(".rs").expect("it is a Rust file");
    let mut module: Vec<_> = inside.split('/').map(str::to_owned).collect();
    module.pop_if(|last| ["lib", "main", "mod"].contains(&last.as_str()));
    module
}

fn test_module(item: &Item) -> Option<String> {
    match item {
        Item::Mod(module) if module.content.is_none() && for_tests(&module.attrs) => {
            Some(module.ident.to_string())
        }
        _ => None,
    }
}

fn strip_tests(items: &mut Vec<Item>) {
    items.retain(|item| !for_tests(attributes(item)));
    for item in items {
        match item {
            Item::Mod(module) => {
                if let Some((_, items)) = &mut module.content {
                    strip_tests(items);
                }
            }
            Item::Impl(block) => block.items.retain(
                |item| !matches!(item, ImplItem::Fn(function) if for_tests(&function.attrs)),
            ),
            _ => {}
        }
    }
}

/// True if `#[cfg(test)]` is among the attributes.
fn for_tests(attributes: &[Attribute]) -> bool {
    let cfg = attributes.iter().filter(|a| a.path().is_ident("cfg"));
    let mut arguments = cfg.filter_map(|a| a.parse_args::<syn::Path>().ok());
    arguments.any(|argument| argument.is_ident("test"))
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_knows_its_module_and_leaves_out_tests() {
        let text = "
            fn kept() {}
            #[cfg(test)] mod tests { fn gone() {} }
            #[cfg(test)] mod testing;
            impl A { fn kept() {} #[cfg(test)] fn gone() {} }
            mod inner { #[cfg(test)] use a::b; }
            #[cfg(unix)] mod unix;";
        let file = RustFile::parse("engine/media/src/clip/cut.rs", text);
        assert_eq!(file.module, ["clip", "cut"]);
        assert_eq!(file.test_modules, [["clip", "cut", "testing"]]);
        assert_eq!(file.items.len(), 4);
        assert!(matches!(&file.items[1], Item::Impl(block) if block.items.len() == 1));
        assert!(
            matches!(&file.items[2], Item::Mod(inner) if inner.content.as_ref().unwrap().1.is_empty())
        );
        assert!(RustFile::parse("models/src/lib.rs", "").module.is_empty());
        assert_eq!(RustFile::parse("a/src/b/mod.rs", "").module, ["b"]);
    }

    #[test]
    fn every_crate_has_files_and_no_file_of_tests() {
        for found in crates() {
            assert!(!found.files.is_empty(), "{}", found.name);
            let tests = found.files.iter().find(|f| f.path.ends_with("/tests.rs"));
            assert!(tests.is_none(), "{}", tests.unwrap().path);
        }
    }
}
