//! The report of a gradient check: every compared number.

use std::collections::BTreeSet;
use std::fmt;

use super::Witness;

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
    /// The derivative of the gradient with respect to the cotangent: a Jacobian-vector product.
    Cotangent,
    /// One entry of the gradient, computed in `f32`.
    Single,
}

impl fmt::Display for Derivative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::First => "gradient",
            Self::Jacobian => "Jacobian",
            Self::Directional => "direction",
            Self::Second => "second order",
            Self::Cotangent => "cotangent",
            Self::Single => "f32",
        })
    }
}

/// One compared number.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Which derivative.
    pub derivative: Derivative,
    /// Which input; `None` for a direction through all inputs.
    pub input: Option<usize>,
    /// The element of the input, or of the output for [`Derivative::Cotangent`].
    pub index: Vec<usize>,
    /// The result of reverse mode.
    pub analytic: f64,
    /// The result of central finite differences.
    pub numeric: Option<f64>,
    /// The result of exact forward mode.
    pub forward: Option<f64>,
    /// The largest difference to a witness, divided by the tolerance for that witness: wrong above 1.
    pub error: f64,
}

impl Record {
    /// Whether the derivative agrees with every witness.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        // NaN must not pass.
        self.error <= 1.0
    }
}

/// The outcome of a check: every compared number, and errors that are not about one number.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// What was checked.
    pub title: String,
    /// The names of the inputs, where they have any.
    pub names: Vec<String>,
    /// Every compared number.
    pub records: Vec<Record>,
    /// Errors other than wrong numbers: shapes, outputs that are not finite, gradients that are not added up.
    pub faults: Vec<String>,
    /// The witnesses that at least one number was compared with.
    pub compared: BTreeSet<Witness>,
    /// How many differences were not taken because the input lies at a kink.
    pub kinks: usize,
}

impl Report {
    /// Whether every compared number agrees with every witness.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.faults.is_empty() && self.records.iter().all(Record::is_ok)
    }

    /// The records that disagree, worst first.
    #[must_use]
    pub fn failures(&self) -> Vec<&Record> {
        let mut failures: Vec<_> = self.records.iter().filter(|r| !r.is_ok()).collect();
        failures.sort_by(|a, b| severity(b).total_cmp(&severity(a)));
        failures
    }

    /// The largest error of one kind of derivative, relative to its tolerance.
    #[must_use]
    pub fn worst(&self, derivative: Derivative) -> Option<f64> {
        self.records
            .iter()
            .filter(|r| r.derivative == derivative)
            .map(severity)
            .reduce(f64::max)
    }

    /// Panics with the whole report if anything disagrees.
    ///
    /// # Panics
    /// If anything disagrees.
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
        let verdict = if self.is_ok() { "ok" } else { "WRONG" };
        let title = if self.title.is_empty() {
            "gradient check"
        } else {
            &self.title
        };
        writeln!(
            f,
            "{title}: {verdict}: {} numbers compared, {} disagree",
            self.records.len(),
            failures.len()
        )?;
        if self.kinks > 0 {
            writeln!(f, "  {} differences not taken: at a kink", self.kinks)?;
        }
        for fault in &self.faults {
            writeln!(f, "  {fault}")?;
        }
        for kind in [
            Derivative::First,
            Derivative::Jacobian,
            Derivative::Directional,
            Derivative::Cotangent,
            Derivative::Second,
            Derivative::Single,
        ] {
            let count = self.records.iter().filter(|r| r.derivative == kind).count();
            if let Some(worst) = self.worst(kind) {
                writeln!(
                    f,
                    "  {kind:<13}{count:>6} compared, largest error {worst:.1e} of what is allowed"
                )?;
            }
        }
        if failures.is_empty() {
            return Ok(());
        }
        writeln!(
            f,
            "  {:<13} {:<20} {:<12} {:>15} {:>15} {:>15} {:>9}",
            "derivative",
            "with respect to",
            "at",
            "reverse mode",
            "forward mode",
            "differences",
            "error"
        )?;
        let number = |x: Option<f64>| x.map_or_else(|| "-".to_owned(), |x| format!("{x:.8e}"));
        for record in failures.iter().take(SHOWN) {
            writeln!(
                f,
                "  {:<13} {:<20} {:<12} {:>15} {:>15} {:>15} {:>9.1e}",
                record.derivative,
                record
                    .input
                    .map_or_else(|| "all inputs".to_owned(), |i| self.name(i)),
                format!("{:?}", record.index),
                number(Some(record.analytic)),
                number(record.forward),
                number(record.numeric),
                record.error,
            )?;
        }
        if failures.len() > SHOWN {
            writeln!(f, "  … and {} more", failures.len() - SHOWN)?;
        }
        Ok(())
    }
}
