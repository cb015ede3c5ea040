//! Patterns of paths.

use wengert_tensor::fail::fail;

/// Whether a pattern matches a path.
///
/// Without `*`, a pattern matches a path itself and everything below it: `fc` matches `fc` and
/// `fc.weight`, not `fc_aux.weight`. `*` matches any characters; the pattern then has to match the
/// whole path.
#[must_use]
pub fn path_matches(pattern: &str, path: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = path.strip_prefix(first) else {
        return false;
    };
    let Some(last) = pieces.next_back() else {
        return first.is_empty() || rest.is_empty() || rest.starts_with('.');
    };
    // The earliest position of each piece leaves the longest rest for the pieces after it.
    for piece in pieces {
        let Some(position) = rest.find(piece) else {
            return false;
        };
        rest = &rest[position + piece.len()..];
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

/// Panics because a pattern matches nothing, and names the nearest path.
#[cold]
#[track_caller]
pub(crate) fn no_match<'a>(
    op: &str,
    pattern: &str,
    what: &str,
    paths: impl Iterator<Item = &'a str>,
) -> ! {
    match paths.min_by_key(|path| distance(pattern, path)) {
        Some(nearest) => fail(format_args!(
            "{op}: {pattern:?}: no {what} of the model matches; the nearest is {nearest:?}"
        )),
        None => fail(format_args!("{op}: {pattern:?}: the model has no {what}")),
    }
}

/// The number of characters to insert, remove or replace that makes one text the other
/// (Levenshtein 1966).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.chars().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}
