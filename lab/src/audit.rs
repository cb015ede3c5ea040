//! The audit of the choice: the kernel that automatic choice uses beside the fastest that was timed.

use std::fmt::Write;

use crate::row::Row;
use crate::table::{groups, table};

/// The choice for one geometry, number type, direction and number of threads.
struct Choice<'a> {
    chosen: &'a Row,
    fastest: &'a Row,
    /// How much longer the chosen kernel takes, in percent.
    regret: f64,
}

/// The choices of a run.
pub(crate) struct Audit<'a> {
    choices: Vec<Choice<'a>>,
    /// Groups of rows without the chosen kernel.
    not_timed: usize,
}

/// A regret below this percentage is not listed.
const LISTED: f64 = 1.0;

impl<'a> Audit<'a> {
    /// # Errors
    /// If the chosen kernel was never timed.
    pub(crate) fn new(rows: &'a [Row]) -> Result<Self, String> {
        let groups = groups(rows);
        let mut choices: Vec<Choice<'a>> = groups.iter().filter_map(|g| Choice::of(g)).collect();
        if choices.is_empty() {
            return Err(
                "--audit: no kernel of automatic choice was timed; leave out --kernel and the filter"
                    .to_string(),
            );
        }
        choices.sort_by(|a, b| b.regret.total_cmp(&a.regret));
        Ok(Self {
            not_timed: groups.len() - choices.len(),
            choices,
        })
    }

    fn worst(&self) -> &Choice<'a> {
        &self.choices[0]
    }

    /// A table of the choices that are not the fastest, worst first, and a sentence with mean and worst.
    pub(crate) fn text(&self) -> String {
        let header = [
            "geometry",
            "number",
            "direction",
            "threads",
            "chosen",
            "fastest",
            "regret, %",
            "line",
        ];
        let listed = self
            .choices
            .iter()
            .filter(|choice| choice.regret >= LISTED)
            .map(|choice| {
                let row = choice.chosen;
                vec![
                    row.name.clone(),
                    row.number.to_string(),
                    row.direction.to_string(),
                    row.threads.to_string(),
                    row.label(),
                    choice.fastest.label(),
                    format!("{:.1}", choice.regret),
                    format!("`{}`", row.geometry),
                ]
            });
        let count = self.choices.len();
        let mean = self.choices.iter().map(|choice| choice.regret).sum::<f64>() / count as f64;
        let mut text = table(&header, listed);
        let _ = writeln!(
            text,
            "\nRegret of {count} choices: mean {mean:.2} %, worst {:.1} % ({}).",
            self.worst().regret,
            self.worst().name()
        );
        if self.not_timed > 0 {
            let _ = writeln!(
                text,
                "{} choices were not judged: the chosen kernel was not timed.",
                self.not_timed
            );
        }
        text
    }

    /// # Errors
    /// If the worst regret is above a limit in percent.
    pub(crate) fn check(&self, limit: f64) -> Result<(), String> {
        let Choice {
            chosen,
            fastest,
            regret,
        } = self.worst();
        if *regret <= limit {
            return Ok(());
        }
        let over = self
            .choices
            .iter()
            .filter(|choice| choice.regret > limit)
            .count();
        Err(format!(
            "{over} of {} choices take over {limit} % longer than the fastest kernel; the worst is {}: {} takes \
             {regret:.1} % longer than {}",
            self.choices.len(),
            self.worst().name(),
            chosen.label(),
            fastest.label(),
        ))
    }
}

impl<'a> Choice<'a> {
    fn of(group: &[&'a Row]) -> Option<Self> {
        let chosen = *group.iter().find(|row| row.chosen)?;
        // In `f64` automatic choice takes accurate kernels only.
        let fastest = group
            .iter()
            .filter(|row| row.accurate || row.number != "f64")
            .min_by(|a, b| a.median_ns.total_cmp(&b.median_ns))?;
        // What median and minimum agree on: the rest is noise.
        let ratio = (chosen.median_ns / fastest.median_ns).min(chosen.best_ns / fastest.best_ns);
        Some(Self {
            chosen,
            fastest,
            regret: 100.0 * (ratio - 1.0).max(0.0),
        })
    }

    fn name(&self) -> String {
        let row = self.chosen;
        format!("{} {} {}", row.number, row.direction, row.name)
    }
}

#[cfg(test)]
mod tests {
    use super::Audit;
    use crate::row::Row;

    fn row(kernel: &'static str, chosen: bool, [median_ns, best_ns]: [f64; 2]) -> Row {
        Row {
            number: "f32",
            direction: "forward",
            kernel,
            level: "own",
            threads: 1,
            cache: "warm",
            scratch: "excluded",
            name: "layer".to_string(),
            geometry: String::new(),
            chosen,
            accurate: kernel != "rough",
            best_ns,
            median_ns,
            gflops: 1.0,
            percent_of_peak: 1.0,
            intensity: 1.0,
            attainable: 1.0,
            percent_of_attainable: 1.0,
            bound: "compute",
            gbps: 1.0,
            workspace: 0,
            counters: Vec::new(),
        }
    }

    #[test]
    fn a_regret_is_what_median_and_minimum_agree_on() {
        let rows = [
            row("chosen", true, [130.0, 110.0]),
            row("mine", false, [100.0, 100.0]),
        ];
        let audit = Audit::new(&rows).expect("the choice was timed");
        assert!(audit.text().contains("mean 10.00 %, worst 10.0 %"));
        assert_eq!(audit.check(15.0), Ok(()));
        let error = audit.check(5.0).expect_err("10 is more than 5");
        assert!(
            error.contains("1 of 1 choices")
                && error.contains("chosen takes 10.0 % longer than mine"),
            "{error}"
        );
        let mut rough = rows.to_vec();
        rough.push(row("rough", false, [50.0, 50.0]));
        let regret = |rows: &[Row]| Audit::new(rows).map(|audit| audit.worst().regret.round());
        assert_eq!(regret(&rough), Ok(120.0));
        for row in &mut rough {
            row.number = "f64";
        }
        assert_eq!(regret(&rough), Ok(10.0));
        let fastest = [row("chosen", true, [90.0, 90.0])];
        let audit = Audit::new(&fastest).expect("the choice was timed");
        assert_eq!(audit.check(0.0), Ok(()));
    }
}
