//! The options of an update rule as the driver sees them: names, values, allowed ranges.

use wengert_tensor::require;

/// Which values of an option make sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// Any finite number.
    Finite,
    /// A finite number, at least 0.
    NonNegative,
    /// At least 0 and below 1.
    BelowOne,
    /// At least 0 and at most 1.
    UpToOne,
}

impl Range {
    /// Whether a value is in the range; NaN is in none.
    #[must_use]
    pub fn contains(self, value: f64) -> bool {
        match self {
            Self::Finite => value.is_finite(),
            Self::NonNegative => value.is_finite() && value >= 0.0,
            Self::BelowOne => (0.0..1.0).contains(&value),
            Self::UpToOne => (0.0..=1.0).contains(&value),
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Finite => "a finite number",
            Self::NonNegative => "a finite number, at least 0",
            Self::BelowOne => "at least 0 and below 1",
            Self::UpToOne => "between 0 and 1, both allowed",
        }
    }

    /// Panics with `{place}: {option} = {value}: must be …` if a value is outside the range.
    #[track_caller]
    pub(crate) fn require(self, place: &str, option: &str, value: f64) {
        require!(
            self.contains(value),
            "{place}: {option} = {value}: must be {}",
            self.words()
        );
    }
}

/// The options of a [`Rule`](crate::Rule), each with its name.
///
/// The driver validates them, applies weight decay and `maximize`, starts the learning rate and the
/// momentum, and compares the options when a state is loaded. A rule lists every option that it has.
///
/// ```
/// use wengert_optim::{Range, RuleOptions};
///
/// let options = RuleOptions::new("sign_momentum", 0.01)
///     .momentum("momentum", 0.9, Range::BelowOne)
///     .weight_decay(1e-4);
/// assert_eq!(options.rule(), "sign_momentum");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RuleOptions {
    rule: &'static str,
    pub(crate) lr: f64,
    pub(crate) momentum: Option<f64>,
    pub(crate) weight_decay: f64,
    pub(crate) decoupled: bool,
    pub(crate) maximize: bool,
    numbers: Vec<NumberOption>,
    flags: Vec<(&'static str, bool)>,
    conflict: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct NumberOption {
    name: &'static str,
    value: f64,
    range: Range,
    /// Whether a schedule may change it during training.
    scheduled: bool,
}

impl RuleOptions {
    /// The options of a rule of that name; `lr` is the learning rate to start with.
    #[must_use]
    pub fn new(rule: &'static str, lr: f64) -> Self {
        let options = Self {
            rule,
            lr,
            momentum: None,
            weight_decay: 0.0,
            decoupled: false,
            maximize: false,
            numbers: Vec::new(),
            flags: Vec::new(),
            conflict: None,
        };
        options.with("lr", lr, Range::NonNegative, true)
    }

    fn with(mut self, name: &'static str, value: f64, range: Range, scheduled: bool) -> Self {
        self.numbers.push(NumberOption {
            name,
            value,
            range,
            scheduled,
        });
        self
    }

    /// The momentum, or β₁, to start with. Schedules may change it; an update reads it from
    /// [`Step::momentum`](crate::Step).
    #[must_use]
    pub fn momentum(mut self, name: &'static str, value: f64, range: Range) -> Self {
        self.momentum = Some(value);
        self.with(name, value, range, true)
    }

    /// An option that is a number.
    #[must_use]
    pub fn number(self, name: &'static str, value: f64, range: Range) -> Self {
        self.with(name, value, range, false)
    }

    /// An option that is on or off.
    #[must_use]
    pub fn flag(mut self, name: &'static str, value: bool) -> Self {
        self.flags.push((name, value));
        self
    }

    /// Weight decay `λ` that the driver adds to the gradient: `g ← g + λp`.
    #[must_use]
    pub fn weight_decay(mut self, lambda: f64) -> Self {
        self.weight_decay = lambda;
        self.number("weight_decay", lambda, Range::NonNegative)
    }

    /// Whether weight decay shrinks the parameter before the update instead: `p ← p − γλp`
    /// (Loshchilov & Hutter 2019).
    #[must_use]
    pub fn decoupled(mut self, decoupled: bool) -> Self {
        self.decoupled = decoupled;
        self.flag("decoupled_weight_decay", decoupled)
    }

    /// Whether the driver negates the gradient, so that the loss rises. Weight decay keeps its sign.
    #[must_use]
    pub fn maximize(mut self, maximize: bool) -> Self {
        self.maximize = maximize;
        self.flag("maximize", maximize)
    }

    /// If `conflicts`, the options are not valid together, and the error message is `what`.
    #[must_use]
    pub fn exclude(mut self, conflicts: bool, what: &'static str) -> Self {
        if conflicts {
            self.conflict = Some(what);
        }
        self
    }

    /// The name of the rule.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        self.rule
    }

    /// Panics if an option is outside its range or two exclude each other.
    #[track_caller]
    pub(crate) fn validate(&self) {
        for number in &self.numbers {
            number.range.require(self.rule, number.name, number.value);
        }
        if let Some(conflict) = self.conflict {
            wengert_tensor::fail::fail(format_args!("{}: {conflict}", self.rule));
        }
    }

    /// The options that stay as they are during training, as text; `f64` survives exactly.
    ///
    /// Learning rate and momentum are missing: schedules change them, so they are state.
    pub(crate) fn fixed(&self) -> Vec<(&'static str, String)> {
        let numbers = self.numbers.iter().filter(|number| !number.scheduled);
        let flags = self.flags.iter();
        numbers
            .map(|number| (number.name, format!("{:?}", number.value)))
            .chain(flags.map(|&(name, value)| (name, value.to_string())))
            .collect()
    }
}
