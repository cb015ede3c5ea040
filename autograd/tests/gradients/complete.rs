//! Every public function of `Var` has its place in the table, or a reason why not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::{ImplItem, Item, ItemMacro, Type, Visibility};
use wengert_autograd::ops::{OpInfo, table};

/// Functions without a gradient to check.
const EXEMPT: &[(&str, &str)] = &[
    ("eq", "a mask"),
    ("ne", "a mask"),
    ("lt", "a mask"),
    ("le", "a mask"),
    ("gt", "a mask"),
    ("ge", "a mask"),
    ("argmax", "places"),
    ("argmin", "places"),
];

/// The public functions of `Var` in a syntax tree.
#[derive(Default)]
struct Sources {
    /// Each function with its file.
    functions: BTreeMap<String, PathBuf>,
}

impl Sources {
    /// Reads a file and the modules that it declares.
    fn read(&mut self, path: &Path) {
        let source = fs::read_to_string(path).expect("a declared module has a file");
        let file = syn::parse_file(&source).expect("what compiles parses");
        for item in &file.items {
            match item {
                Item::Mod(module) if module.content.is_none() => {
                    self.read(&file_of(path, &module.ident.to_string()));
                }
                Item::Impl(block) if block.trait_.is_none() && is_var(&block.self_ty) => {
                    for item in &block.items {
                        match item {
                            ImplItem::Fn(function)
                                if matches!(function.vis, Visibility::Public(_)) =>
                            {
                                self.add(function.sig.ident.to_string(), path);
                            }
                            ImplItem::Macro(call) => panic!(
                                "{}: a macro inside `impl Var`: {:?}",
                                path.display(),
                                call.mac.path.segments.last().map(|s| s.ident.to_string())
                            ),
                            _ => {}
                        }
                    }
                }
                Item::Macro(call) if call.ident.is_none() => {
                    for function in generated(call) {
                        self.add(function, path);
                    }
                }
                _ => {}
            }
        }
    }

    /// `f_with` takes the options of `f`, and `f_with_indices` returns positions too: they are checked
    /// under the name `f`.
    fn add(&mut self, function: String, path: &Path) {
        let base = ["_with_indices", "_with"]
            .iter()
            .find_map(|end| function.strip_suffix(end));
        let name = base.unwrap_or(&function).to_owned();
        self.functions.insert(name, path.to_path_buf());
    }
}

/// The file of a module that a file declares.
fn file_of(parent: &Path, module: &str) -> PathBuf {
    let folder = if parent.ends_with("mod.rs") || parent.ends_with("lib.rs") {
        parent
            .parent()
            .expect("a file is in a folder")
            .to_path_buf()
    } else {
        parent.with_extension("")
    };
    let alone = folder.join(format!("{module}.rs"));
    if alone.exists() {
        alone
    } else {
        folder.join(module).join("mod.rs")
    }
}

fn is_var(of: &Type) -> bool {
    matches!(of, Type::Path(path) if path.path.segments.last().is_some_and(|s| s.ident == "Var"))
}

/// The names of the methods that a macro call defines. `smooth!` and `unary!` are given pairs
/// `method, Type`; any other macro lists its methods, so that all its lowercase words are taken for
/// names, and a word too many is missing from the table.
fn generated(call: &ItemMacro) -> Vec<String> {
    let name = &call.mac.path.segments.last().expect("a path").ident;
    let is_name = |word: &str| word.starts_with(|c: char| c.is_ascii_lowercase());
    let tokens: Vec<String> = words(call.mac.tokens.clone());
    if name == "operators" {
        // They define operators, which are methods of traits.
        Vec::new()
    } else if name == "smooth" || name == "unary" {
        let pairs = tokens.windows(3).filter(|w| {
            is_name(&w[0]) && w[1] == "," && w[2].starts_with(|c: char| c.is_ascii_uppercase())
        });
        pairs.map(|w| w[0].clone()).collect()
    } else {
        tokens.into_iter().filter(|word| is_name(word)).collect()
    }
}

/// The words and signs of a macro call that are in no brackets.
fn words(tokens: TokenStream) -> Vec<String> {
    let text = |token| match token {
        TokenTree::Ident(word) => Some(word.to_string()),
        TokenTree::Punct(sign) => Some(sign.to_string()),
        // Other words must not seem to be neighbours.
        TokenTree::Group(_) | TokenTree::Literal(_) => Some(String::new()),
    };
    tokens.into_iter().filter_map(text).collect()
}

fn sources() -> Sources {
    let mut sources = Sources::default();
    sources.read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ops/mod.rs"));
    sources
}

#[test]
fn every_public_function_is_in_the_table_or_has_a_reason() {
    let public = sources().functions;
    assert!(
        public.len() > 150,
        "only {} functions: the search is broken",
        public.len()
    );
    let tabled: BTreeSet<_> = table().map(OpInfo::name).collect();
    let exempt: BTreeSet<_> = EXEMPT.iter().map(|(name, _)| *name).collect();
    let missing: Vec<_> = public
        .iter()
        .filter(|(name, _)| !tabled.contains(name.as_str()) && !exempt.contains(name.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "neither in the table nor exempt: {missing:?}"
    );
    let needless: Vec<_> = exempt
        .iter()
        .filter(|name| tabled.contains(*name) || !public.contains_key(**name))
        .collect();
    assert!(needless.is_empty(), "exempt without need: {needless:?}");
    println!("{} public functions, {} exempt", public.len(), exempt.len());
}
