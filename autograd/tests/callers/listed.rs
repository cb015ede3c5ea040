//! Every public method of `Tensor` and `Var` whose documentation has a section on panics is in a list of
//! wrong calls, or has a reason why not.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::{tensors, variables};

/// Methods that no ordinary argument makes panic.
const EXEMPT: &[(&str, &str)] = &[
    ("contiguous", "only if memory is short"),
    ("as_mut_slice", "only if memory is short"),
    (
        "uniform",
        "reports an empty range through the generator's own distribution",
    ),
    (
        "normal",
        "reports a negative deviation through the generator's own distribution",
    ),
    (
        "update_view",
        "takes the layout from a closure of the caller's",
    ),
];

/// The public methods of a type under a folder that document a panic.
fn panicking_methods(of: &str, folder: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("the sources are beside the tests") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            names.append(&mut panicking_methods(of, &path));
            continue;
        }
        if path.extension().is_none_or(|end| end != "rs") {
            continue;
        }
        let source = fs::read_to_string(&path).expect("a readable file");
        let file = syn::parse_file(&source).expect("what compiles parses");
        for item in file.items {
            let syn::Item::Impl(block) = item else {
                continue;
            };
            let syn::Type::Path(ty) = &*block.self_ty else {
                continue;
            };
            if block.trait_.is_some() || ty.path.segments.last().is_none_or(|s| s.ident != of) {
                continue;
            }
            names.extend(block.items.iter().filter_map(|item| match item {
                syn::ImplItem::Fn(method)
                    if matches!(method.vis, syn::Visibility::Public(_))
                        && method.attrs.iter().any(is_panic_section) =>
                {
                    Some(method.sig.ident.to_string())
                }
                _ => None,
            }));
        }
    }
    names
}

/// Whether a line of documentation opens the section on panics.
fn is_panic_section(attribute: &syn::Attribute) -> bool {
    let syn::Meta::NameValue(pair) = &attribute.meta else {
        return false;
    };
    let syn::Expr::Lit(literal) = &pair.value else {
        return false;
    };
    matches!(&literal.lit, syn::Lit::Str(text) if text.value().trim() == "# Panics")
}

#[test]
fn every_documented_panic_is_tried() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut missing = Vec::new();
    for (of, folder, called) in [
        ("Tensor", "../tensor/src", tensors::NAMES),
        ("Var", "src", variables::NAMES),
    ] {
        let documented = panicking_methods(of, &root.join(folder));
        assert!(
            documented.len() > 80,
            "only {} methods of {of}: the search is broken",
            documented.len()
        );
        missing.extend(documented.into_iter().filter_map(|name| {
            let known =
                called.contains(&name.as_str()) || EXEMPT.iter().any(|(exempt, _)| *exempt == name);
            (!known).then(|| format!("{of}::{name}"))
        }));
    }
    assert!(missing.is_empty(), "no wrong call of {missing:?}");
}
