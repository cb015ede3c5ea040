//! The methods of `Tensor` and `Var` by family, the pages `methods.md` of their documentation.
//!
//! `WENGERT_BLESS=1` adds a new method to the family that most methods of its file are in, or else most methods of its
//! folder. A method that another family suits better is moved there by hand; one that is gone is a broken link, which
//! rustdoc denies.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::examples::{Method, methods};

const COLUMNS: usize = 120;

/// A title and the names under it.
type Family = (String, Vec<String>);

/// The families of a page.
fn parse(page: &str) -> Vec<Family> {
    let of_one = |text: &str| {
        let (title, names) = text.split_once("**: ").expect("a title in bold");
        let names = names.split("(Self::").skip(1);
        let name = |rest: &str| rest.split(')').next().unwrap_or_default().to_owned();
        (title.to_owned(), names.map(name).collect())
    };
    page.split("* **").skip(1).map(of_one).collect()
}

fn print(families: &[Family]) -> String {
    let mut page = String::from("# Methods by family\n\n");
    for (title, names) in families {
        let mut line = format!("* **{title}**:");
        for (place, name) in names.iter().enumerate() {
            let comma = if place + 1 < names.len() { "," } else { "" };
            let word = format!("[`{name}`](Self::{name}){comma}");
            if line.len() + 1 + word.len() > COLUMNS {
                let _ = writeln!(page, "{line}");
                line = format!("  {word}");
            } else {
                let _ = write!(line, " {word}");
            }
        }
        let _ = writeln!(page, "{line}");
    }
    page
}

/// The family with most methods of which `is_near` says that they are defined near a new one.
fn nearest(families: &[Family], is_near: impl Fn(&str) -> bool) -> Option<usize> {
    let count = |family: &Family| family.1.iter().filter(|name| is_near(name)).count();
    (0..families.len())
        .filter(|&place| count(&families[place]) > 0)
        .max_by_key(|&place| count(&families[place]))
}

/// The same families with the methods that they lack.
fn updated(mut families: Vec<Family>, methods: &BTreeMap<String, Method>) -> Vec<Family> {
    let listed: BTreeSet<String> = families.iter().flat_map(|f| f.1.clone()).collect();
    for (name, method) in methods.iter().filter(|(name, _)| !listed.contains(*name)) {
        let near = |is_near: fn(&Path, &Path) -> bool| {
            let beside = |other: &str| methods.get(other).map(|other| other.file.as_path());
            nearest(&families, |other| {
                beside(other).is_some_and(|other| is_near(other, &method.file))
            })
        };
        let place = near(|a, b| a == b)
            .or_else(|| near(|a, b| a.parent() == b.parent()))
            .unwrap_or(families.len() - 1);
        families[place].1.push(name.clone());
    }
    families
}

#[test]
fn the_page_of_each_type_lists_its_methods_by_family() {
    for (of, folder) in [("Tensor", "../tensor/src"), ("Var", "src")] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let mut found = methods(of, &folder);
        // The methods that a macro defines for several numbers of axes have no name of their own here.
        let path = folder.join("methods.md");
        let committed = fs::read_to_string(&path).expect("the page is committed");
        found.retain(|name, _| !name.starts_with('$'));
        let page = print(&updated(parse(&committed), &found));
        if std::env::var_os("WENGERT_BLESS").is_some() {
            fs::write(&path, &page).expect("the sources can be written");
        } else {
            let name = path.display();
            assert!(
                committed == page,
                "{name} does not list the methods of {of}; WENGERT_BLESS=1 writes it"
            );
        }
    }
}
