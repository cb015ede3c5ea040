//! The report of a gradient check: every judged number, and what was found out about the wrong ones.

use std::collections::BTreeSet;
use std::fmt;

use super::{Located, Verdict, Witness};

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

impl Derivative {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::First,
        Self::Jacobian,
        Self::Directional,
        Self::Cotangent,
        Self::Second,
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
    /// Which input, or which output for [`Derivative::Cotangent`]; `None` for a direction through all inputs.
    pub input: Option<usize>,
    /// The element of the input, or of the output for [`Derivative::Cotangent`].
    pub index: Vec<usize>,
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
    /// The error bar of the witness that decided.
    pub bar: f64,
    /// The smallest step of the differences.
    pub step: Option<f64>,
    /// The difference to the witness that decided, divided by its error bar: above 1 if the verdict is a failure.
    pub error: f64,
    /// Whether the number was judged beside the inputs, because they lie at a kink.
    pub beside_a_kink: bool,
}

impl Record {
    /// Whether nothing is wrong: the verdict is not a failure.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.verdict != Verdict::Fail
    }
}

/// What a check of random directions can see.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Power {
    /// The smallest error of one entry that is seen for sure, relative to the largest entry (times the size of its
    /// input). Errors of several entries cancel along one direction with a probability of at most 1/2.
    pub relative: f64,
    /// The number of directions.
    pub directions: usize,
}

/// The outcome of a check: every judged number, and errors that are not about one number.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// What was checked.
    pub title: String,
    /// The names of the inputs, where they have any.
    pub names: Vec<String>,
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
    /// What the random directions can see.
    pub power: Option<Power>,
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
        let judges = |r: &Record| {
            let first = [Derivative::First, Derivative::Jacobian];
            first.contains(&r.derivative) && [Verdict::Pass, Verdict::Fail].contains(&r.verdict)
        };
        self.records.iter().any(judges)
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
        match (record.input, record.derivative) {
            (None, _) => "all inputs".to_owned(),
            (Some(k), Derivative::Cotangent) => format!("output {k}"),
            (Some(i), _) => self.name(i),
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
        if let Some(Power {
            relative,
            directions,
        }) = self.power
        {
            writeln!(
                f,
                "  an error of one entry above {relative:.1e} of the largest entry is seen by {directions} directions"
            )?;
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
                    "  {verdict}, first at {} {:?} ({}): {}",
                    self.place(record),
                    record.index,
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
            "  {:<13} {:<20} {:<12} {:>15} {:>15} {:>15} {:>9}",
            "derivative",
            "with respect to",
            "at",
            "reverse mode",
            "forward mode",
            "differences",
            "bar"
        )?;
        let number = |x: Option<f64>| x.map_or_else(|| "-".to_owned(), |x| format!("{x:.8e}"));
        for record in failures.iter().take(SHOWN) {
            writeln!(
                f,
                "  {:<13} {:<20} {:<12} {:>15} {:>15} {:>15} {:>9.1e}  {}",
                record.derivative,
                self.place(record),
                format!("{:?}", record.index),
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
