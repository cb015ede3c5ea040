//! A report for a terminal: one line for each tensor.

use std::fmt::{self, Write};
use std::io::IsTerminal;

use super::{Record, Report, Verdict};

/// A [`Report`] with one line for each input and its worst entries, in colour if asked for.
#[derive(Clone, Copy, Debug)]
pub struct Terminal<'a> {
    report: &'a Report,
    colour: bool,
}

/// The failing entries of a tensor that are printed.
const SHOWN: usize = 3;

/// Longer lines are broken at spaces.
const COLUMNS: usize = 80;

const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";

impl Report {
    /// The report with one line for each input, and its worst entries by their indices.
    ///
    /// It is coloured if standard output is a terminal and the environment variable `NO_COLOR` is not set.
    ///
    /// ```
    /// use wengert_autograd::{check_gradients, generic};
    /// use wengert_tensor::Tensor;
    ///
    /// let x = Tensor::from_vec(vec![0.5, -1.0, 2.0], [3]);
    /// let report = check_gradients(generic!(|x| x.tanh()), &[x]).named(vec!["x".to_owned()]);
    /// let text = report.terminal().coloured(false).to_string();
    /// assert!(text.lines().any(|line| line.contains("ok") && line.contains("x [3]")));
    /// ```
    #[must_use]
    pub fn terminal(&self) -> Terminal<'_> {
        let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Terminal {
            report: self,
            colour: std::io::stdout().is_terminal() && !forbidden,
        }
    }
}

impl Terminal<'_> {
    /// The same report in colour or not, whatever the terminal is.
    #[must_use]
    pub const fn coloured(self, colour: bool) -> Self {
        Self {
            colour,
            report: self.report,
        }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// The line of an input: how many of its numbers pass, and the largest error.
    fn tensor(self, f: &mut String, input: usize, width: usize) -> fmt::Result {
        let of_input = |r: &&Record| r.input == Some(input);
        let records: Vec<_> = self.report.records.iter().filter(of_input).collect();
        let count = |verdict: Verdict| records.iter().filter(|r| r.verdict == verdict).count();
        let passed = count(Verdict::Pass);
        let (code, word) = if count(Verdict::Fail) > 0 {
            (RED, "WRONG")
        } else if records.iter().any(|r| r.judges()) {
            (GREEN, "ok")
        } else {
            (YELLOW, "not judged")
        };
        let shape = &self.report.shapes[input];
        let name = format!("{} {shape:?}", self.report.name(input));
        write!(
            f,
            "  {} {name:<width$}  {passed} of {} pass",
            self.paint(code, &format!("{word:<10}")),
            records.len()
        )?;
        for verdict in Verdict::ALL.into_iter().skip(1) {
            if count(verdict) > 0 {
                write!(f, ", {} {verdict}", count(verdict))?;
            }
        }
        let worst = records.iter().max_by(|a, b| a.error.total_cmp(&b.error));
        if let Some(worst) = worst.filter(|worst| worst.error > 0.0) {
            write!(
                f,
                "; largest error {:.1e} of its bar at {:?} ({})",
                worst.error, worst.index, worst.derivative
            )?;
        }
        writeln!(f)?;
        if let Some(kink) = records.iter().find(|r| r.verdict == Verdict::Kink) {
            writeln!(f, "             {:?} {}", kink.index, kink.reason)?;
        }
        let mut wrong: Vec<_> = records.into_iter().filter(|r| !r.is_ok()).collect();
        wrong.sort_by(|a, b| b.error.total_cmp(&a.error));
        for record in wrong.into_iter().take(SHOWN) {
            let witness = record.forward.or(record.numeric);
            let expected = witness.map_or_else(|| "no witness".to_owned(), |x| format!("{x:.8e}"));
            writeln!(
                f,
                "             {:?} {}: {:.8e}, expected {expected}: {}",
                record.index, record.derivative, record.analytic, record.reason
            )?;
        }
        Ok(())
    }
}

impl Terminal<'_> {
    /// The report in lines of any length.
    fn unbroken(self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        let f = &mut text;
        let report = self.report;
        let (code, word) = if report.failed() {
            (RED, "WRONG")
        } else if report.judged() {
            (GREEN, "ok")
        } else {
            (YELLOW, "NOT JUDGED")
        };
        let title = if report.title.is_empty() {
            "gradient check"
        } else {
            &report.title
        };
        writeln!(
            f,
            "{title}: {} (seed {})",
            self.paint(code, word),
            report.seed
        )?;
        for located in &report.located {
            writeln!(f, "  {} {located}", self.paint(RED, "wrong op"))?;
        }
        for fault in &report.faults {
            writeln!(f, "  {} {fault}", self.paint(RED, "fault"))?;
        }
        let names = (0..report.shapes.len()).map(|i| {
            let name = format!("{} {:?}", report.name(i), report.shapes[i]);
            name.chars().count()
        });
        let width = names.max().unwrap_or(0);
        for input in 0..report.shapes.len() {
            self.tensor(f, input, width)?;
        }
        for note in &report.notes {
            writeln!(f, "  {} {note}", self.paint(YELLOW, "note"))?;
        }
        for power in &report.power {
            writeln!(f, "  {power}")?;
        }
        Ok(text)
    }
}

impl fmt::Display for Terminal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.unbroken()?.lines() {
            write_broken(f, line)?;
        }
        Ok(())
    }
}

/// Writes a line, broken at spaces before column [`COLUMNS`]; what follows is indented further.
fn write_broken(f: &mut fmt::Formatter<'_>, line: &str) -> fmt::Result {
    let indent = line.len() - line.trim_start().len() + 4;
    let (mut column, mut spaces) = (0, 0);
    for word in line.split_inclusive(' ') {
        let shown = word.trim_end();
        if column > indent && column + width(shown) > COLUMNS {
            write!(f, "\n{:indent$}", "")?;
            (column, spaces) = (indent, 0);
        }
        f.write_str(&" ".repeat(std::mem::take(&mut spaces)))?;
        f.write_str(shown)?;
        spaces = word.len() - shown.len();
        column += width(word);
    }
    writeln!(f)
}

/// The columns that a word takes: the sequences that set a colour take none.
fn width(word: &str) -> usize {
    let mut parts = word.split("\x1b[");
    let plain = parts.next().map_or(0, |part| part.chars().count());
    let coloured = parts.filter_map(|part| part.split_once('m'));
    plain
        + coloured
            .map(|(_, text)| text.chars().count())
            .sum::<usize>()
}
