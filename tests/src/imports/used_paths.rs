//! Collects the paths in the code of a file: imports, expressions, types, attributes and arguments of macros.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Attribute, ItemMod, ItemUse, Macro, Meta, Visibility,
    visit::{self, Visit},
};

use super::path_resolver::{PathResolver, imports};
use crate::rust_files::RustFile;

/// Returns the indices of the files that define the items which a file names.
pub(super) fn used_files(resolver: &PathResolver, file: &RustFile) -> BTreeSet<usize> {
    let mut uses = Uses {
        resolver,
        here: file.module.clone(),
        found: BTreeSet::new(),
    };
    file.items.iter().for_each(|item| uses.visit_item(item));
    uses.found
}

/// A visitor that collects the files whose items are named.
struct Uses<'m> {
    resolver: &'m PathResolver,
    here: Vec<String>,
    found: BTreeSet<usize>,
}

impl Uses<'_> {
    /// Adds the file behind a path of at least two parts; a shorter path names an item of this module or of a `use`.
    fn note(&mut self, path: &[String]) {
        if path.len() > 1 {
            self.found.extend(self.resolver.file(&self.here, path));
        }
    }

    /// Adds the files behind the paths in unparsed tokens.
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
