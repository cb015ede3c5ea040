//! Every public method of `Tensor` and `Var` has an example in its documentation; `cargo test --doc` runs them.
//!
//! The sources are read as token trees, because macros define a third of the methods.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::iter::Peekable;
use std::path::{Path, PathBuf};

use proc_macro2::token_stream::IntoIter;
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// The public methods of one type: those with an example, and those without.
#[derive(Default)]
struct Methods {
    of: &'static str,
    has_example: BTreeMap<String, bool>,
    /// Macros whose invocations give the documentation of the methods that they define.
    documented_by_caller: BTreeSet<String>,
}

impl Methods {
    fn found(&mut self, name: &str, docs: &str) {
        if !docs.contains("(hidden)") {
            let known = self.has_example.entry(name.to_owned()).or_default();
            *known |= docs.contains("```");
        }
    }

    /// The inherent `impl` blocks of the type, and the macros with such blocks.
    fn definitions(&mut self, tokens: TokenStream, macro_name: Option<&str>) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(word) if word == "impl" => {
                    let (header, body) = until_braces(&mut tokens);
                    let opens = |place: usize| header[..place].matches('<').count();
                    let closes = |place: usize| header[..place].matches('>').count();
                    // The type is the first name that is not among the generic parameters.
                    let name = header.find(self.of).filter(|&at| opens(at) == closes(at));
                    if name.is_some()
                        && !header.contains(" for ")
                        && let Some(body) = body
                    {
                        self.methods(body.stream(), macro_name);
                    }
                }
                TokenTree::Ident(word) if word == "macro_rules" => {
                    let _exclamation_mark = tokens.next();
                    let name = tokens.next().expect("a macro has a name").to_string();
                    if let Some(TokenTree::Group(body)) = tokens.next() {
                        self.definitions(body.stream(), Some(&name));
                    }
                }
                TokenTree::Group(group) => self.definitions(group.stream(), macro_name),
                _ => {}
            }
        }
    }

    /// The public methods of a block.
    fn methods(&mut self, tokens: TokenStream, macro_name: Option<&str>) {
        let mut tokens = tokens.into_iter().peekable();
        let (mut docs, mut is_public) = (String::new(), false);
        let mut from_caller = false;
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Punct(mark) if mark.as_char() == '#' => docs += &doc_text(&mut tokens),
                TokenTree::Punct(mark) if mark.as_char() == '$' => {
                    if let Some(TokenTree::Group(repeated)) = tokens.peek().cloned() {
                        let is_docs = !repeated
                            .stream()
                            .into_iter()
                            .any(|token| matches!(token, TokenTree::Ident(word) if word == "fn"));
                        from_caller |= is_docs;
                        if !is_docs {
                            self.methods(repeated.stream(), macro_name);
                        }
                    }
                }
                TokenTree::Ident(word) if word == "pub" => {
                    is_public = !matches!(tokens.peek(), Some(TokenTree::Group(_)));
                }
                TokenTree::Ident(word) if word == "fn" => {
                    let name = match tokens.next() {
                        Some(TokenTree::Ident(name)) => name.to_string(),
                        _ => format!("${}", tokens.next().expect("a method has a name")),
                    };
                    if is_public && from_caller {
                        let name = macro_name.expect("only macros repeat");
                        self.documented_by_caller.insert(name.to_owned());
                    } else if is_public {
                        self.found(&name, &docs);
                    }
                }
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                    (docs, is_public, from_caller) = (String::new(), false, false);
                }
                _ => {}
            }
        }
    }

    /// The methods that invocations of macros define: documentation, and then a name.
    fn invocations(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for window in tokens.windows(3) {
            let [
                TokenTree::Ident(name),
                TokenTree::Punct(mark),
                TokenTree::Group(body),
            ] = window
            else {
                continue;
            };
            if mark.as_char() != '!' || !self.documented_by_caller.contains(&name.to_string()) {
                continue;
            }
            let mut tokens = body.stream().into_iter().peekable();
            let mut docs = String::new();
            while let Some(token) = tokens.next() {
                match token {
                    TokenTree::Punct(mark) if mark.as_char() == '#' => {
                        docs += &doc_text(&mut tokens);
                    }
                    TokenTree::Ident(name) if !docs.is_empty() => {
                        self.found(&name.to_string(), &docs);
                        docs.clear();
                    }
                    _ => {}
                }
            }
        }
    }
}

/// The text up to the next group in braces, and that group.
fn until_braces(tokens: &mut Peekable<IntoIter>) -> (String, Option<Group>) {
    let mut text = String::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                return (text, Some(group));
            }
            token => text.extend([token.to_string().as_str(), " "]),
        }
    }
    (text, None)
}

/// The text of an attribute after its `#`, if it is documentation.
fn doc_text(tokens: &mut Peekable<IntoIter>) -> String {
    let text = tokens
        .next()
        .map(|attribute| attribute.to_string())
        .unwrap_or_default();
    if text.trim_start_matches(['[', ' ']).starts_with("doc") {
        text
    } else {
        String::new()
    }
}

/// The sources under a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the sources are beside the tests") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// A public method.
#[derive(Debug)]
pub struct Method {
    pub file: PathBuf,
    has_example: bool,
}

/// The public methods of a type, by the sources of its crate.
pub fn methods(of: &'static str, folder: &Path) -> BTreeMap<String, Method> {
    let parse = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a readable file");
        let tokens: TokenStream = text.parse().expect("what compiles is made of tokens");
        (path, tokens)
    };
    let files: Vec<_> = sources(folder).into_iter().map(parse).collect();
    let mut all = Methods {
        of,
        ..Methods::default()
    };
    for (_, tokens) in &files {
        all.definitions(tokens.clone(), None);
    }
    let mut found = BTreeMap::new();
    for (file, tokens) in files {
        let mut here = Methods {
            of,
            documented_by_caller: all.documented_by_caller.clone(),
            ..Methods::default()
        };
        here.definitions(tokens.clone(), None);
        here.invocations(tokens);
        for (name, has_example) in here.has_example {
            let method = found.entry(name).or_insert_with(|| Method {
                file: file.clone(),
                has_example,
            });
            method.has_example |= has_example;
        }
    }
    assert!(
        found.len() > 150,
        "only {} methods of {of}: the search is broken",
        found.len()
    );
    found
}

#[test]
fn every_public_method_has_an_example() {
    let mut missing = Vec::new();
    for (of, folder) in [("Tensor", "../tensor/src"), ("Var", "src")] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let found = methods(of, &root.join(folder));
        let without = found.iter().filter(|(_, method)| !method.has_example);
        missing.extend(without.map(|(name, _)| format!("{of}::{name}")));
    }
    assert!(
        missing.is_empty(),
        "no example in the documentation of {missing:?}"
    );
}

#[test]
fn a_method_without_an_example_is_found_in_blocks_and_in_macros() {
    let source = r"
        impl<T: Real> Var<T> {
            /// ```
            /// one();
            /// ```
            pub fn one(&self) {}
            /// Two.
            #[must_use]
            pub fn two(&self) {}
            pub(crate) fn private(&self) {}
        }
        impl<T: Real> Add<Var<T>> for Var<T> { fn add(self) {} }
        impl<T: Real> Other<T> { pub fn other(&self) {} }
        macro_rules! unary {
            ($($(#[$doc:meta])* $name:ident,)*) => {
                impl<T: Real> Var<T> {$( $(#[$doc])* #[must_use] pub fn $name(&self) {} )*}
            };
        }
        unary! {
            /// ```
            /// three();
            /// ```
            three,
            /// Four.
            four,
        }
        macro_rules! pools {
            ($($name:ident)*) => { impl<T: Real> Var<T> {$( /// A pool.
                pub fn $name(&self) {} )*} };
        }
    ";
    let tokens: TokenStream = source.parse().expect("tokens");
    let mut methods = Methods {
        of: "Var",
        ..Methods::default()
    };
    methods.definitions(tokens.clone(), None);
    methods.invocations(tokens);
    let found: Vec<_> = methods
        .has_example
        .iter()
        .map(|(name, has)| (name.as_str(), *has))
        .collect();
    assert_eq!(
        found,
        [
            ("$name", false),
            ("four", false),
            ("one", true),
            ("three", true),
            ("two", false)
        ]
    );
}
