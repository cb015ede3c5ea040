//! Parameter groups: which parameters a rule updates.

use std::sync::Arc;

use wengert_tensor::Real;

use crate::rule::{Rule, Step};
use crate::rule_options::{Range, RuleOptions};

/// The parameters that one rule updates, and their learning rate.
#[derive(Clone, Debug)]
pub struct Group<T: Real = f32> {
    pub(crate) pattern: String,
    pub(crate) rule: Arc<dyn Rule<T>>,
    pub(crate) options: RuleOptions,
    /// The learning rate of the next step.
    pub lr: f64,
    /// The momentum or β₁ of the next step; 0 for rules without.
    pub momentum: f64,
    /// The learning rate when the first schedule was made.
    pub(crate) initial: Option<f64>,
}

impl<T: Real> Group<T> {
    #[track_caller]
    pub(crate) fn new(pattern: &str, rule: impl Rule<T>) -> Self {
        let options = rule.options();
        options.validate();
        Self {
            pattern: pattern.to_owned(),
            lr: options.lr,
            momentum: options.momentum.unwrap_or_default(),
            initial: None,
            rule: Arc::new(rule),
            options,
        }
    }

    /// The pattern of the paths; `*` for the first group, which has all parameters of no other group.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// The rule with the options that it was made with.
    #[must_use]
    pub fn rule(&self) -> &dyn Rule<T> {
        &*self.rule
    }

    /// Panics if a schedule or the caller has set a learning rate or momentum that makes no sense.
    #[track_caller]
    pub(crate) fn require_valid(&self) {
        let is_valid = |value| Range::NonNegative.contains(value);
        if !is_valid(self.lr) || !is_valid(self.momentum) {
            let place = format!("step: group {}", self.pattern);
            Range::NonNegative.require(&place, "lr", self.lr);
            Range::NonNegative.require(&place, "momentum", self.momentum);
        }
    }

    pub(crate) fn step(&self, count: u64) -> Step {
        Step {
            lr: self.lr,
            momentum: self.momentum,
            count,
        }
    }
}

/// Whether a pattern matches a path.
///
/// Without `*`, a pattern matches the path itself and everything below it; `*` matches any characters.
pub(crate) fn matches(pattern: &str, path: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = path.strip_prefix(first) else {
        return false;
    };
    let Some(last) = pieces.next_back() else {
        return first.is_empty() || rest.is_empty() || rest.starts_with('.');
    };
    // Greedy: the first match of each piece leaves the longest rest for the pieces after it.
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
    fn a_pattern_without_star_matches_a_path_and_everything_below_it() {
        for path in ["layer1", "layer1.weight", "layer1.0.conv2.bias"] {
            assert!(matches("layer1", path), "{path}");
        }
        for path in ["layer10.weight", "layer", "net.layer1.weight"] {
            assert!(!matches("layer1", path), "{path}");
        }
        // Every path is below the root, whose path is empty.
        assert!(matches("", "layer1.weight"));
    }

    #[test]
    fn a_star_matches_any_characters() {
        assert!(matches("*", "conv1.weight"));
        assert!(matches("*.bias", "layer1.0.bias"));
        assert!(matches("layer*.bn?*", "layer1.bn?2"));
        assert!(matches("*bn*.weight", "layer1.bn2.weight"));
        assert!(matches("a*a", "aa"));
        assert!(!matches("a*a", "a"));
        assert!(!matches("*.bias", "bias"));
        assert!(!matches("*.bias", "layer1.bias.weight"));
        assert!(!matches("*ab*b", "ab"));
        assert!(!matches("*conv*bias", "layer1.bn2.bias"));
    }
}
