//! Every gradient against every witness in every situation, counted as the checks run.
//!
//! What was counted is `docs/COVERAGE.md`; `WENGERT_BLESS=1` writes it anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::num::NonZero;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use wengert_autograd::check::{Derivative, Exemption, Report, Situation, Witness};
use wengert_autograd::ops::{OpInfo, table};

use crate::cases::{intensity, walk};

/// The share of cells that may be exempt.
const ALLOWED: f64 = 0.05;

/// The comparisons that ran for one function.
#[derive(Default)]
struct Row {
    /// How often each witness was compared; no entry if the function does not support such inputs.
    cells: BTreeMap<Situation, BTreeMap<Witness, usize>>,
    exemptions: Vec<&'static Exemption>,
    bound: Option<(f64, &'static str)>,
    /// The most operands that a sample has.
    operands: usize,
}

impl Row {
    /// Adds another entry of the same function.
    fn add(&mut self, other: Self) {
        for (situation, cell) in other.cells {
            let sums = self.cells.entry(situation).or_default();
            for (witness, count) in cell {
                *sums.entry(witness).or_default() += count;
            }
        }
        self.exemptions.extend(other.exemptions);
        self.bound = self.bound.or(other.bound);
        self.operands = self.operands.max(other.operands);
    }
}

#[derive(Default)]
struct Tally {
    checks: usize,
    compared: usize,
    worst: BTreeMap<Derivative, f64>,
}

impl Tally {
    fn count(&mut self, report: &Report) {
        self.checks += 1;
        self.compared += report.records.len();
        for derivative in report
            .records
            .iter()
            .map(|r| r.derivative)
            .collect::<BTreeSet<_>>()
        {
            let worst = self.worst.entry(derivative).or_default();
            *worst = worst.max(report.worst(derivative).unwrap_or_default());
        }
    }

    fn add(&mut self, other: &Self) {
        self.checks += other.checks;
        self.compared += other.compared;
        for (&derivative, &error) in &other.worst {
            let worst = self.worst.entry(derivative).or_default();
            *worst = worst.max(error);
        }
    }
}

/// What the checks of one entry of the table gave.
#[derive(Default)]
struct Checked {
    row: Row,
    tally: Tally,
    failures: Vec<String>,
}

impl Checked {
    fn of(info: &OpInfo) -> Self {
        let mut checked = Self::default();
        let Self {
            row,
            tally,
            failures,
        } = &mut checked;
        row.exemptions.extend(info.exemptions());
        row.bound = info.rounding();
        for situation in Situation::ALL {
            let outcome = walk(info, situation, |line| {
                row.operands = row.operands.max(line.operands(info));
                Some(line.check(info)?.map(|report| {
                    tally.count(&report);
                    let cell = row.cells.entry(situation).or_default();
                    for &witness in &report.compared {
                        *cell.entry(witness).or_default() += 1;
                    }
                }))
            });
            if let Err(message) = outcome {
                failures.push(message);
            }
        }
        checked
    }
}

/// The checks of all entries, in their order; each processor takes one entry after the other.
fn check(entries: &[&OpInfo]) -> Vec<Checked> {
    let next = AtomicUsize::new(0);
    let all = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(info) = entries.get(index) else {
                        break;
                    };
                    let checked = Checked::of(info);
                    let mut all = all.lock().expect("nothing panics with the lock");
                    all.insert(index, checked);
                }
            });
        }
    });
    let all = all.into_inner().expect("nothing panics with the lock");
    all.into_values().collect()
}

#[test]
fn every_gradient_agrees_with_every_witness_in_every_situation() {
    if let Ok(line) = std::env::var("WENGERT_CASE") {
        return super::rerun(&line).unwrap_or_else(|message| panic!("{message}"));
    }
    let only = std::env::var("WENGERT_ONLY").unwrap_or_default();
    let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
    let (mut tally, mut failures) = (Tally::default(), Vec::new());
    let chosen: Vec<_> = table().filter(|info| info.name().contains(&only)).collect();
    for (info, checked) in chosen.iter().zip(check(&chosen)) {
        rows.entry(info.name()).or_default().add(checked.row);
        tally.add(&checked.tally);
        failures.extend(checked.failures);
    }
    println!(
        "{} functions in {} rows, {} gradient checks, {} derivatives compared",
        rows.len(),
        chosen.len(),
        tally.checks,
        tally.compared
    );
    for (derivative, worst) in &tally.worst {
        println!("  {derivative:<14} largest error {worst:.2} of what is allowed");
    }
    assert!(
        failures.is_empty(),
        "{} fail:\n{}",
        failures.len(),
        failures.join("\n")
    );
    let page = page(&rows);
    println!("{}", page.summary);
    assert!(
        page.holes.is_empty(),
        "neither compared nor exempt:\n{}",
        page.holes.join("\n")
    );
    assert!(
        page.exempt <= ALLOWED,
        "{:.1} % of the cells are exempt",
        100.0 * page.exempt
    );
    if only.is_empty() && intensity() == 1.0 {
        compare(&page.text);
    }
}

struct Page {
    text: String,
    summary: String,
    holes: Vec<String>,
    exempt: f64,
}

fn page(rows: &BTreeMap<&str, Row>) -> Page {
    let (mut compared, mut exempt, mut alone, mut unsupported) = (0, 0, 0, 0);
    let (mut holes, mut notes, mut body) = (Vec::new(), String::new(), String::new());
    for (name, row) in rows {
        let _ = write!(body, "| `{name}` |");
        for situation in Situation::ALL {
            let mut text = String::new();
            let Some(cell) = row.cells.get(&situation) else {
                let takes_two = [Situation::Twice, Situation::Broadcast].contains(&situation);
                if takes_two && row.operands < 2 {
                    alone += 1;
                    body.push_str(" 1 |");
                } else {
                    unsupported += 1;
                    body.push_str(" – |");
                }
                continue;
            };
            for witness in Witness::ALL {
                let excused = row
                    .exemptions
                    .iter()
                    .any(|e| e.situation == situation && e.witnesses.contains(&witness));
                if cell.contains_key(&witness) {
                    compared += 1;
                    text.push(witness.letter());
                } else if excused {
                    exempt += 1;
                    text.push('·');
                } else {
                    holes.push(format!("{name}: {witness:?}, {situation}"));
                    text.push('?');
                }
            }
            let _ = write!(body, " {text} |");
        }
        body.push('\n');
        for exemption in &row.exemptions {
            let letters: String = exemption.witnesses.iter().map(|w| w.letter()).collect();
            let _ = writeln!(
                notes,
                "* `{name}`, {}, {letters}: {}",
                exemption.situation, exemption.reason
            );
        }
        if let Some((bound, reason)) = row.bound {
            let _ = writeln!(
                notes,
                "* `{name}` rounds to {bound:.0e} instead of 1e-12: {reason}"
            );
        }
    }
    let share = exempt as f64 / (compared + exempt + holes.len()) as f64;
    let summary = format!(
        "{} functions; {compared} pairs of witness and situation compared, {exempt} exempt ({:.1} %); of the \
         {} cells of the table {alone} need a second operand where the function has one, {unsupported} are not supported.",
        rows.len(),
        100.0 * share,
        rows.len() * Situation::ALL.len()
    );
    let mut text = format!(
        "# Coverage of the gradient checks\n\n\
         Written by `autograd/tests/gradients/coverage.rs` from counters that are raised when a check has \
         run; the test fails if this page says anything else. `WENGERT_BLESS=1` writes it anew.\n\n\
         {summary}\n\n\
         Reverse mode was compared with exact forward mode on dual numbers (D), finite differences (F), \
         to second order forward over reverse (2), and in `f32` with `f64` (s). A 1: the situation \
         needs two operands, and the function has one. A dash: none of its samples is such, and it rejects \
         (by a panic, or by giving no finite number) all inputs that were made so; strict ops, which their \
         public functions broadcast for, are not tried. Neither counts as exempt. A dot: exempt, the reason \
         is below.\n\n\
         ## Exemptions and bounds\n\n{}\n\
         ## Functions\n\n| function |",
        if notes.is_empty() { "None.\n" } else { &notes }
    );
    for situation in Situation::ALL {
        let _ = write!(text, " {situation} |");
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(Situation::ALL.len()));
    text.push('\n');
    text.push_str(&body);
    Page {
        text,
        summary,
        holes,
        exempt: share,
    }
}

/// The committed page is what was counted.
fn compare(text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/COVERAGE.md");
    if std::env::var_os("WENGERT_BLESS").is_some() {
        fs::write(&path, text).expect("docs can be written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "docs/COVERAGE.md is not what was counted; WENGERT_BLESS=1 writes it"
    );
}
