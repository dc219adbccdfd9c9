//! Type names are unique in their crate; files, functions and parameter lists are short.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use atom_tests::{
    program::workspace,
    rust_files::{RustFile, crates},
};
use syn::{
    Block, FnArg, Ident, ImplItemFn, Item, ItemFn, Signature, TraitItemFn,
    visit::{self, Visit},
};

/// Most lines of a file, its tests included.
const MOST_LINES: usize = 400;
/// Most lines of a function, from its `fn` to its last brace.
const MOST_LINES_OF_A_FUNCTION: usize = 40;
/// Most parameters of a function besides `self`.
const MOST_PARAMETERS: usize = 4;
/// Most functions that may be longer.
const MOST_EXCEPTIONS: usize = 10;

/// Functions that are longer, by file and name, with the reason.
const LONG_FUNCTIONS: [(&str, &str, &str); 0] = [];

#[test]
fn a_type_name_is_unique_in_its_crate() {
    let mut wrong = Vec::new();
    for found in crates() {
        let mut places = BTreeMap::<String, Vec<String>>::new();
        for file in &found.files {
            for name in TypeNames::of(file) {
                let place = format!("{}:{}", file.path, name.span().start().line);
                places.entry(name.to_string()).or_default().push(place);
            }
        }
        places.retain(|_, places| places.len() > 1);
        wrong.extend(places);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn files_are_short() {
    let files = crates().into_iter().flat_map(|found| found.files);
    let long: Vec<_> = files
        .filter(|file| file.lines > MOST_LINES)
        .map(|file| format!("{}: {} lines", file.path, file.lines))
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn functions_are_short_but_for_a_few_with_a_reason() {
    let mut long = Vec::new();
    let mut used = BTreeSet::new();
    for file in crates().iter().flat_map(|found| &found.files) {
        for function in Functions::of(file) {
            let excepted = LONG_FUNCTIONS
                .iter()
                .position(|(path, name, _)| *path == file.path && *name == function.name);
            match excepted {
                _ if function.lines <= MOST_LINES_OF_A_FUNCTION => {}
                Some(at) => drop(used.insert(at)),
                None => long.push(format!("{}: {}", function.at(file), function.lines)),
            }
        }
    }
    assert!(long.is_empty(), "{long:#?}");
    assert!(LONG_FUNCTIONS.len() <= MOST_EXCEPTIONS);
    assert_eq!(
        used.len(),
        LONG_FUNCTIONS.len(),
        "only {used:?} are still needed"
    );
}

#[test]
fn functions_have_few_parameters() {
    let mut many = Vec::new();
    for file in crates().iter().flat_map(|found| &found.files) {
        let functions = Functions::of(file).into_iter();
        let wide = functions.filter(|function| function.parameters > MOST_PARAMETERS);
        many.extend(wide.map(|f| format!("{}: {}", f.at(file), f.parameters)));
    }
    assert!(many.is_empty(), "{many:#?}");
}

/// Files that may name stdout or stderr: those that print, and those that hand the output of a pipeline to them.
const TERMINAL_FILES: [&str; 2] = [
    "engine/cli/src/output/",
    "engine/runtime/src/sink/output_file.rs",
];

#[test]
fn only_the_files_that_escape_foreign_text_write_to_the_terminal() {
    let mut wrong = Vec::new();
    for file in crates().iter().flat_map(|found| &found.files) {
        let allowed = TERMINAL_FILES
            .iter()
            .any(|place| file.path.starts_with(place));
        if allowed || file.path.starts_with("tests/") {
            continue;
        }
        let text = fs::read_to_string(workspace().join(&file.path)).unwrap();
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        let named = ["io::stdout", "io::stderr"];
        let found = code.filter(|line| named.iter().any(|name| line.contains(name)));
        wrong.extend(found.map(|line| format!("{}: {}", file.path, line.trim())));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A visitor that collects the types that a file defines.
#[derive(Default)]
struct TypeNames(Vec<Ident>);

impl TypeNames {
    fn of(file: &RustFile) -> Vec<Ident> {
        let mut names = Self::default();
        file.items.iter().for_each(|item| names.visit_item(item));
        names.0
    }
}

impl<'ast> Visit<'ast> for TypeNames {
    fn visit_item(&mut self, item: &'ast Item) {
        let name = match item {
            Item::Enum(item) => Some(&item.ident),
            Item::Struct(item) => Some(&item.ident),
            Item::Trait(item) => Some(&item.ident),
            Item::Type(item) => Some(&item.ident),
            Item::Union(item) => Some(&item.ident),
            _ => None,
        };
        self.0.extend(name.cloned());
        visit::visit_item(self, item);
    }
}

/// A function with a body.
struct Function {
    name: String,
    line: usize,
    lines: usize,
    parameters: usize,
}

impl Function {
    fn new(signature: &Signature, body: &Block) -> Self {
        let inputs = signature.inputs.iter();
        let line = signature.fn_token.span.start().line;
        Self {
            name: signature.ident.to_string(),
            line,
            lines: body.brace_token.span.close().end().line + 1 - line,
            parameters: inputs
                .filter(|input| matches!(input, FnArg::Typed(_)))
                .count(),
        }
    }

    fn at(&self, file: &RustFile) -> String {
        format!("{}:{} {}", file.path, self.line, self.name)
    }
}

/// A visitor that collects the functions of a file.
#[derive(Default)]
struct Functions(Vec<Function>);

impl Functions {
    fn of(file: &RustFile) -> Vec<Function> {
        let mut functions = Self::default();
        file.items
            .iter()
            .for_each(|item| functions.visit_item(item));
        functions.0
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.0.push(Function::new(&function.sig, &function.block));
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.0.push(Function::new(&function.sig, &function.block));
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        if let Some(body) = &function.default {
            self.0.push(Function::new(&function.sig, body));
        }
        visit::visit_trait_item_fn(self, function);
    }
}

#[test]
fn names_and_sizes_are_counted() {
    let text = "enum A {}\nmod b { trait B {} }\nimpl A {\n  fn f(&self, x: u8,\n    y: u8) {\n    type C = u8;\n  }\n}\n#[cfg(test)] mod tests { struct A; }";
    let file = RustFile::parse("src/a.rs", text);
    assert_eq!(TypeNames::of(&file), ["A", "B", "C"]);
    let [function] = &Functions::of(&file)[..] else {
        panic!("one function");
    };
    assert_eq!(
        (function.line, function.lines, function.parameters),
        (4, 4, 2)
    );
}
