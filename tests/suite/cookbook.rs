//! The cookbook: what it must contain. Its recipes run as tests of the documentation.

const PAGE: &str = include_str!("../../docs/cookbook.md");

/// The titles of the recipes begin with these.
const RECIPES: [&str; 39] = [
    "XOR",
    "A layer of one's own",
    "A residual block",
    "Squeeze-and-excitation",
    "An LSTM on a sequence",
    "A transformer block",
    "Focal loss",
    "An operation with two outputs",
    "A gradient penalty",
    "Freezing",
    "Groups",
    "Gradient accumulation",
    "Warm-up",
    "An average of weights (EMA)",
    "Early stopping",
    "The best weights",
    "Resume",
    "Transfer learning",
    "Editing a state dict",
    "Gradients on threads",
    "A small model, recorded once",
    "A NaN hunt",
    "A data set of one's own",
    "A folder of images",
    "Augmentation, and one's own",
    "Tabular data",
    "One image predicted",
    "Feature maps",
    "Activations while training",
    "Saliency",
    "A Hessian-vector product",
    "Newton's method",
    "Per-sample gradients",
    "Training in `f64`",
    "A number type of one's own",
    "Exact derivatives forward",
    "Weights to and from Python",
    "A model for ONNX Runtime",
    "A convolution kernel of one's own",
];

#[test]
fn the_cookbook_has_the_recipes_of_the_list_in_its_order() {
    let titles: Vec<&str> = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .collect();
    let pairs = titles.iter().zip(RECIPES);
    let other: Vec<_> = pairs
        .filter(|(title, recipe)| !title.starts_with(recipe))
        .collect();
    assert!(
        other.is_empty() && titles.len() == RECIPES.len(),
        "{} titles, {other:?}",
        titles.len()
    );
}

#[test]
fn every_recipe_is_run_and_has_at_most_25_lines() {
    for recipe in PAGE.split("\n### ").skip(1) {
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
