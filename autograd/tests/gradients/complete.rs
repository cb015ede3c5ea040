//! Every public function of `Var` has its place in the table, or a reason why not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use wengert_autograd::ops::{Entry, table};

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

/// The public functions on variables in one file of `src/ops`: written out, or named where a macro
/// is called that writes them.
fn functions(source: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut block = "";
    for line in source.lines() {
        let macro_call = line.strip_suffix("! {").filter(|name| is_name(name));
        if line == "}" {
            block = "";
        } else if line == "impl<T: Real> Var<T> {" {
            block = "impl";
        } else if let Some(name) = macro_call {
            block = name;
            continue;
        }
        let code = line.split("//").next().unwrap_or_default().trim();
        match block {
            "impl" => found.extend(code.strip_prefix("pub fn ").map(first_word)),
            "smooth" | "unary" => {
                let named = code.split_once(", ").filter(|(name, rest)| {
                    is_name(name) && rest.starts_with(|c: char| c.is_ascii_uppercase())
                });
                found.extend(named.map(|(name, _)| name.to_string()));
            }
            "" | "operators" => {}
            // A list of names, with texts between.
            _ => {
                let words = code
                    .split('"')
                    .step_by(2)
                    .flat_map(|part| part.split(|c: char| !c.is_alphanumeric() && c != '_'));
                found.extend(words.filter(|word| is_name(word)).map(str::to_string));
            }
        }
    }
    found
}

fn first_word(code: &str) -> String {
    code.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_lowercase())
        && word
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[test]
fn every_public_function_is_in_the_table_or_has_a_reason() {
    let ops = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ops");
    let mut public = BTreeMap::new();
    let list = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).expect("the sources are beside the tests");
        entries
            .map(|entry| entry.expect("a readable directory").path())
            .collect()
    };
    let files = list(&ops)
        .into_iter()
        .filter(|path| path.is_dir() && !path.ends_with("support"))
        .flat_map(|folder| list(&folder));
    for path in files {
        let name = path
            .file_name()
            .expect("a file")
            .to_string_lossy()
            .into_owned();
        let source = fs::read_to_string(&path).expect("a readable file");
        for function in functions(&source) {
            public.insert(function, name.clone());
        }
    }
    assert!(
        public.len() > 150,
        "only {} functions: the search is broken",
        public.len()
    );
    let tabled: BTreeSet<_> = table().map(Entry::name).collect();
    let exempt: BTreeSet<_> = EXEMPT.iter().map(|(name, _)| *name).collect();
    let missing: Vec<_> = public
        .iter()
        .filter(|(name, _)| !tabled.contains(name.as_str()) && !exempt.contains(name.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "neither in the table nor exempt: {missing:?}"
    );
    let stale: Vec<_> = exempt
        .iter()
        .filter(|name| tabled.contains(*name) || !public.contains_key(**name))
        .collect();
    assert!(stale.is_empty(), "exempt without need: {stale:?}");
    println!("{} public functions, {} exempt", public.len(), exempt.len());
}
