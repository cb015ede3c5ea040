//! The nearest of the names that exist, for messages about one that does not.

/// ` (did you mean "cnn"?)` if a name is similar, otherwise nothing.
pub fn nearest<'a>(given: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    /// Below it two words have nothing in common that a reader would see.
    const SIMILAR: f64 = 0.6;
    let given = given.to_lowercase();
    let best = names
        .into_iter()
        .map(|name| (strsim::normalized_damerau_levenshtein(&given, name), name))
        .filter(|&(score, _)| score >= SIMILAR)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    best.map_or_else(String::new, |(_, name)| {
        format!(" (did you mean {name:?}?)")
    })
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_misspelt_name_finds_its_neighbour_and_a_strange_one_none() {
        let names = ["epochs", "batch", "optimizer"];
        assert_eq!(nearest("epoch", names), " (did you mean \"epochs\"?)");
        assert_eq!(
            nearest("optimiser", names),
            " (did you mean \"optimizer\"?)"
        );
        assert_eq!(nearest("zzz", names), "");
    }
}
