//! The cookbook: what it must contain. Its recipes run as tests of the documentation.

const PAGE: &str = include_str!("../../docs/cookbook.md");

#[test]
fn the_cookbook_has_thirty_recipes_of_at_most_25_lines() {
    let recipes: Vec<&str> = PAGE.split("\n### ").skip(1).collect();
    assert!(recipes.len() >= 30, "{} recipes", recipes.len());
    for recipe in recipes {
        let title = recipe.lines().next().expect("a title");
        let code = recipe
            .split("```rust\n")
            .nth(1)
            .and_then(|code| code.split("```").next());
        let code = code.unwrap_or_else(|| panic!("{title}: no code that is run"));
        // Lines that rustdoc hides are not read.
        let shown = |line: &&str| !line.starts_with("# ") && !line.trim().is_empty();
        let lines = code.lines().filter(shown).count();
        assert!(lines <= 25, "{title}: {lines} lines");
    }
}
