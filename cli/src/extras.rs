//! Parts that a lean build leaves out, and how to get them.

/// The error of a part that this build does not have.
pub fn missing_text(what: &str, feature: &str) -> String {
    format!(
        "{what} is not part of this build, which leaves it out to compile quickly; build it with: cargo build \
         --release -p wengert-cli --features {feature}"
    )
}
