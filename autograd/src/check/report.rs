//! The report of a gradient check: every judged number, and what was found out about the wrong ones.

use std::collections::BTreeSet;
use std::fmt;
use std::panic::Location;

use super::{CheckOptions, Located, Verdict, Witness};

/// Which derivative a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Derivative {
    /// One entry of the gradient.
    First,
    /// One entry of the Jacobian of a small function.
    Jacobian,
    /// The gradient along a random direction through all inputs.
    Directional,
    /// One entry of a product with the second derivative.
    Second,
    /// One entry of the third derivative along two random directions.
    Third,
    /// The derivative of the gradient with respect to the cotangent: a Jacobian-vector product.
    Cotangent,
    /// One entry of the gradient, computed in `f32`.
    Single,
}

impl Derivative {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::First,
        Self::Jacobian,
        Self::Directional,
        Self::Cotangent,
        Self::Second,
        Self::Third,
        Self::Single,
    ];
}

impl fmt::Display for Derivative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::First => "gradient",
            Self::Jacobian => "Jacobian",
            Self::Directional => "direction",
            Self::Second => "second order",
            Self::Third => "third order",
            Self::Cotangent => "cotangent",
            Self::Single => "f32",
        })
    }
}

/// One judged number.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Which derivative.
    pub derivative: Derivative,
    /// Which input; `None` for a direction through all inputs and for [`Derivative::Cotangent`].
    pub input: Option<usize>,
    /// The element of the input; empty where there is no input.
    pub index: Vec<usize>,
    /// Which output, for [`Derivative::Jacobian`] and [`Derivative::Cotangent`]. Elsewhere the outputs are contracted
    /// with random cotangents.
    pub output: Option<usize>,
    /// The element of the output.
    pub output_index: Vec<usize>,
    /// The result of reverse mode.
    pub analytic: f64,
    /// The result of finite differences.
    pub numeric: Option<f64>,
    /// The result of exact forward mode; in `f64` for [`Derivative::Single`].
    pub forward: Option<f64>,
    /// The verdict.
    pub verdict: Verdict,
    /// The reason of a verdict other than a pass.
    pub reason: String,
    /// The witness that decided; `None` if none did.
    pub witness: Option<Witness>,
    /// The error bar of the witness that decided.
    pub bar: f64,
    /// The smallest step of the differences.
    pub step: Option<f64>,
    /// The deviation of the rounding errors of the function along this entry, as measured for the differences.
    pub noise: Option<f64>,
    /// The differences that were tried, by step.
    pub steps: Vec<DifferenceQuotient>,
    /// The difference to the witness that decided, divided by its error bar: above 1 if the verdict is a failure.
    pub error: f64,
    /// The seed of the check: with it and the same inputs the number is the same.
    pub seed: u64,
    /// Whether the number was judged beside the inputs, because they lie at a kink.
    pub beside_a_kink: bool,
}

/// A numerical derivative at one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DifferenceQuotient {
    /// The step.
    pub step: f64,
    /// The central difference quotient at that step.
    pub value: f64,
}

impl Record {
    /// A number without a witness.
    pub(super) fn new(derivative: Derivative, analytic: f64) -> Self {
        Self {
            derivative,
            input: None,
            index: Vec::new(),
            output: None,
            output_index: Vec::new(),
            analytic,
            numeric: None,
            forward: None,
            verdict: Verdict::NotTaken,
            reason: String::new(),
            witness: None,
            bar: f64::INFINITY,
            step: None,
            noise: None,
            steps: Vec::new(),
            error: 0.0,
            seed: 0,
            beside_a_kink: false,
        }
    }

    /// Whether it judges an entry of a gradient right or wrong.
    pub(super) fn judges(&self) -> bool {
        let first = [Derivative::First, Derivative::Jacobian];
        first.contains(&self.derivative) && [Verdict::Pass, Verdict::Fail].contains(&self.verdict)
    }

    /// Whether nothing is wrong: the verdict is not a failure.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.verdict != Verdict::Fail
    }

    /// Options that repeat this check: of this entry alone if it is one of a gradient, in `f64` or `f32`, else all of it.
    #[must_use]
    pub fn rerun(&self, options: &CheckOptions) -> CheckOptions {
        let entry = [Derivative::First, Derivative::Single];
        let only = self.input.filter(|_| entry.contains(&self.derivative));
        CheckOptions {
            seed: self.seed,
            only: only.map(|input| (input, self.index.clone())),
            ..options.clone()
        }
    }
}

/// What a check of all entries together, along random directions, can see.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Power {
    /// Which witness the directions were judged by.
    pub witness: Witness,
    /// An error of one entry above this is seen with at least the probability below, however the other entries are
    /// wrong. It is relative to the largest entry, times the size of its input.
    pub relative: f64,
    /// The probability: `1 − 2⁻ᵏ` for `k` directions.
    pub probability: f64,
    /// The number of directions.
    pub directions: usize,
}

impl fmt::Display for Power {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            witness,
            relative,
            probability,
            directions,
        } = self;
        write!(
            f,
            "a wrong entry larger than {relative:.1e} of the largest would have been seen with probability {:.2} % by \
             {witness} along {directions} directions, at elements above a fiftieth of the largest",
            100.0 * probability
        )
    }
}

/// How often the function was computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Evaluations of the function.
    pub values: usize,
    /// Backward passes, each with its forward pass.
    pub gradients: usize,
    /// Forward passes on dual numbers.
    pub duals: usize,
}

/// A recorded call of a failing function.
#[derive(Clone, Debug, PartialEq)]
pub struct TapeEntry {
    /// The name of the op; `leaf` for an input.
    pub op: &'static str,
    /// Where it was called.
    pub location: &'static Location<'static>,
    /// The layer that called it, if it is known.
    pub layer: Option<String>,
    /// The entries that made its operands; `None` for an operand that is not tracked.
    pub operands: Vec<Option<usize>>,
    /// The shapes of its results.
    pub shapes: Vec<Vec<usize>>,
    /// Whether its rule is wrong, or a path ends here.
    pub wrong: bool,
}

/// The outcome of a check: every judged number, and errors that are not about one number.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// What was checked.
    pub title: String,
    /// The names of the inputs, where they have any.
    pub names: Vec<String>,
    /// The shapes of the inputs.
    pub shapes: Vec<Vec<usize>>,
    /// The shapes of the outputs.
    pub output_shapes: Vec<Vec<usize>>,
    /// The seed of cotangents and directions.
    pub seed: u64,
    /// Every judged number.
    pub records: Vec<Record>,
    /// Errors other than wrong numbers: panics, shapes, outputs that are not finite, gradients that are not linear
    /// in the cotangent or not added up.
    pub faults: Vec<String>,
    /// What limits the check without being an error.
    pub notes: Vec<String>,
    /// The witnesses that at least one number was compared with.
    pub compared: BTreeSet<Witness>,
    /// How many numbers lie at a kink.
    pub kinks: usize,
    /// The wrong ops of a failing function, the first one recorded first.
    pub located: Vec<Located>,
    /// The recorded calls in order, if something is wrong.
    pub tape: Vec<TapeEntry>,
    /// What the random directions can see, by witness.
    pub power: Vec<Power>,
    /// How often the function was computed.
    pub cost: Cost,
}

impl Report {
    /// Whether nothing is wrong and something was judged.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        !self.failed() && self.judged()
    }

    /// Whether something is wrong.
    #[must_use]
    pub fn failed(&self) -> bool {
        !self.faults.is_empty() || !self.records.iter().all(Record::is_ok)
    }

    /// Whether at least one entry of a gradient was judged right or wrong.
    #[must_use]
    pub fn judged(&self) -> bool {
        self.records.iter().any(Record::judges)
    }

    /// How many numbers got a verdict.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.records.iter().filter(|r| r.verdict == verdict).count()
    }

    /// The records that disagree, worst first.
    #[must_use]
    pub fn failures(&self) -> Vec<&Record> {
        let mut failures: Vec<_> = self.records.iter().filter(|r| !r.is_ok()).collect();
        failures.sort_by(|a, b| severity(b).total_cmp(&severity(a)));
        failures
    }

    /// The largest error of one kind of derivative, relative to its error bar.
    #[must_use]
    pub fn worst(&self, derivative: Derivative) -> Option<f64> {
        self.records
            .iter()
            .filter(|r| r.derivative == derivative)
            .map(severity)
            .reduce(f64::max)
    }

    /// Panics with the whole report if something is wrong or nothing was judged.
    ///
    /// # Panics
    /// If something is wrong or nothing was judged.
    #[track_caller]
    pub fn assert(&self) {
        assert!(self.is_ok(), "{self}");
    }

    /// The same report under another title.
    #[must_use]
    pub fn titled(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// The same report with the inputs named, parameters by path for example.
    #[must_use]
    pub fn named(mut self, names: Vec<String>) -> Self {
        self.names = names;
        self
    }

    /// The name of an input.
    #[must_use]
    pub fn name(&self, input: usize) -> String {
        self.names
            .get(input)
            .cloned()
            .unwrap_or_else(|| format!("input {input}"))
    }

    /// One word for the whole report.
    fn verdict(&self) -> &'static str {
        if self.failed() {
            "WRONG"
        } else if self.judged() {
            "ok"
        } else {
            "NOT JUDGED"
        }
    }

    fn place(&self, record: &Record) -> String {
        match (record.input, record.output) {
            (Some(i), None) => format!("{} {:?}", self.name(i), record.index),
            (Some(i), Some(k)) => {
                let at = &record.output_index;
                format!("{} {:?}, output {k} {at:?}", self.name(i), record.index)
            }
            (None, Some(k)) => format!("output {k} {:?}", record.output_index),
            (None, None) => "all inputs".to_owned(),
        }
    }
}

/// The error, with NaN as the worst.
fn severity(record: &Record) -> f64 {
    if record.error.is_nan() {
        f64::INFINITY
    } else {
        record.error
    }
}

/// How many failing records are printed.
const SHOWN: usize = 12;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failures = self.failures();
        let title = if self.title.is_empty() {
            "gradient check"
        } else {
            &self.title
        };
        writeln!(
            f,
            "{title}: {}: {} numbers compared, {} disagree (seed {})",
            self.verdict(),
            self.records.len(),
            failures.len(),
            self.seed
        )?;
        for located in &self.located {
            writeln!(f, "  {located}")?;
        }
        for fault in &self.faults {
            writeln!(f, "  {fault}")?;
        }
        for note in &self.notes {
            writeln!(f, "  note: {note}")?;
        }
        let counts: Vec<_> = Verdict::ALL
            .iter()
            .filter(|v| self.count(**v) > 0)
            .map(|v| format!("{} {v}", self.count(*v)))
            .collect();
        if !counts.is_empty() {
            writeln!(f, "  verdicts: {}", counts.join(", "))?;
        }
        self.write_kinds(f)?;
        for power in &self.power {
            writeln!(f, "  {power}")?;
        }
        if !self.failed() && !self.judged() {
            writeln!(f, "  no entry of a gradient was judged, so this is no pass")?;
        }
        self.write_failures(f, &failures)
    }
}

impl Report {
    /// A line for each kind of derivative, and the first record of each kind of verdict that is no pass.
    fn write_kinds(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for kind in Derivative::ALL {
            let count = self.records.iter().filter(|r| r.derivative == kind).count();
            if let Some(worst) = self.worst(kind) {
                writeln!(
                    f,
                    "  {kind:<13}{count:>6} compared, largest error {worst:.1e} of its bar"
                )?;
            }
        }
        for verdict in [
            Verdict::Kink,
            Verdict::NoiseLimited,
            Verdict::NotTaken,
            Verdict::NonFinite,
        ] {
            let first = self.records.iter().find(|r| r.verdict == verdict);
            if let Some(record) = first.filter(|r| !r.reason.is_empty()) {
                writeln!(
                    f,
                    "  {verdict}, first at {} ({}): {}",
                    self.place(record),
                    record.derivative,
                    record.reason
                )?;
            }
        }
        Ok(())
    }

    fn write_failures(&self, f: &mut fmt::Formatter<'_>, failures: &[&Record]) -> fmt::Result {
        if failures.is_empty() {
            return Ok(());
        }
        writeln!(
            f,
            "  {:<13} {:<32} {:>15} {:>15} {:>15} {:>9}",
            "derivative", "of", "reverse mode", "forward mode", "differences", "bar"
        )?;
        let number = |x: Option<f64>| x.map_or_else(|| "-".to_owned(), |x| format!("{x:.8e}"));
        for record in failures.iter().take(SHOWN) {
            writeln!(
                f,
                "  {:<13} {:<32} {:>15} {:>15} {:>15} {:>9.1e}  {}",
                record.derivative,
                self.place(record),
                number(Some(record.analytic)),
                number(record.forward),
                number(record.numeric),
                record.bar,
                record.reason,
            )?;
        }
        if failures.len() > SHOWN {
            writeln!(f, "  … and {} more", failures.len() - SHOWN)?;
        }
        Ok(())
    }
}
