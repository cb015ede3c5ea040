//! Which parameters a rule has.

use std::sync::Arc;

use wengert_tensor::Real;

use crate::rule::{Rule, Step};

/// The parameters that one rule updates, and the learning rate they stand at.
#[derive(Clone, Debug)]
pub struct Group<T: Real = f32> {
    pub(crate) pattern: String,
    pub(crate) rule: Arc<dyn Rule<T>>,
    /// The learning rate of the next step.
    pub lr: f64,
    /// The momentum or β₁ of the next step; 0 for rules without.
    pub momentum: f64,
    /// The learning rate that the first schedule found.
    pub(crate) initial: Option<f64>,
}

impl<T: Real> Group<T> {
    #[track_caller]
    pub(crate) fn new(pattern: &str, rule: impl Rule<T>) -> Self {
        rule.validate();
        Self {
            pattern: pattern.to_owned(),
            lr: rule.lr(),
            momentum: rule.momentum().unwrap_or_default(),
            initial: None,
            rule: Arc::new(rule),
        }
    }

    /// The pattern of the paths; `*` for the group that has what no other has.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// The rule with the options that it was made with.
    #[must_use]
    pub fn rule(&self) -> &dyn Rule<T> {
        &*self.rule
    }

    pub(crate) fn step(&self, count: u64) -> Step {
        Step {
            lr: self.lr,
            momentum: self.momentum,
            count,
        }
    }
}

/// Whether a path is meant by a pattern.
///
/// Without `*`, a pattern means a path itself and everything below it; `*` stands for any characters.
pub(crate) fn matches(pattern: &str, path: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = path.strip_prefix(first) else {
        return false;
    };
    let Some(last) = pieces.next_back() else {
        return first.is_empty() || rest.is_empty() || rest.starts_with('.');
    };
    // The earliest place of each piece leaves the most for those behind it.
    for piece in pieces {
        let Some(place) = rest.find(piece) else {
            return false;
        };
        rest = &rest[place + piece.len()..];
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_plain_pattern_means_a_path_and_what_is_below_it() {
        for path in ["layer1", "layer1.weight", "layer1.0.conv2.bias"] {
            assert!(matches("layer1", path), "{path}");
        }
        for path in ["layer10.weight", "layer", "net.layer1.weight"] {
            assert!(!matches("layer1", path), "{path}");
        }
    }

    #[test]
    fn a_star_stands_for_any_characters() {
        assert!(matches("*", "conv1.weight"));
        assert!(matches("*.bias", "layer1.0.bias"));
        assert!(matches("layer*.bn?*", "layer1.bn?2"));
        assert!(matches("*bn*.weight", "layer1.bn2.weight"));
        assert!(matches("a*a", "aa"));
        assert!(!matches("a*a", "a"));
        assert!(!matches("*.bias", "bias"));
        assert!(!matches("*.bias", "layer1.bias.weight"));
        assert!(!matches("*ab*b", "ab"));
    }
}
