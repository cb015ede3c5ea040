//! Right rules at inputs of every size: how often a check calls one wrong, and how often it judges nothing.
//!
//! A default run draws one sample for each function at five scales; `WENGERT_FULL=1` checks more than 200,000 times, at
//! thirteen scales and with seeds that differ from run to run, which takes a quarter of an hour in release.

use std::time::{SystemTime, UNIX_EPOCH};

use wengert_autograd::check::{CheckOptions, Derivative, Report, Verdict, check_dyn};
use wengert_autograd::ops::{OpInfo, table};
use wengert_autograd::{Draw, LARGEST};

use crate::cases::intensity;
use crate::quiet::quietly;

/// The checks of a long run.
const FULL: usize = 200_000;

/// Right checks that may be called wrong.
const ALLOWED: usize = 2;

/// The least share of entries that pass: over all scales, and at values of order 1.
const PASS: [f64; 2] = [0.98, 0.999];

/// The check of a random sample whose numbers are multiplied by `scale`; `None` if the function refuses them.
fn check(info: &OpInfo, scale: f64, seed: u64) -> Option<Report> {
    let case = info.draw(&mut Draw::new(seed, seed as usize % (LARGEST + 1)));
    let inputs: Vec<_> = case.inputs.iter().map(|x| x.map(|x| x * scale)).collect();
    let options = CheckOptions {
        seed,
        entries: 8,
        directions: 2,
        localise: false,
        ..CheckOptions::default()
    };
    quietly(|| check_dyn(&*case.function, &inputs, &options)).ok()
}

/// Checks of right rules that long runs have called wrong.
const CALLED_WRONG_ONCE: [(&str, f64, u64); 4] = [
    ("gru_cell", 1e4, 1_883_242_428_866_937),
    ("lstm_cell", 1e4, 1_883_242_428_866_890),
    ("tan", 1e6, 1_883_242_428_866_902),
    ("tan", 1e6, 1_883_242_428_866_901),
];

#[test]
fn checks_that_were_called_wrong_once_pass() {
    let mut alarms = Vec::new();
    for (name, scale, seed) in CALLED_WRONG_ONCE {
        let mut infos = table().filter(|info| info.name() == name);
        let info = infos.next().expect("the table has the op");
        let report = check(info, scale, seed).expect("the function runs");
        if report.failed() {
            alarms.push(format!("{name} times {scale:e}, seed {seed}: {report}"));
        }
    }
    assert!(alarms.is_empty(), "{}", alarms.join("\n"));
}

#[test]
fn right_rules_are_seldom_called_wrong_at_any_scale() {
    let only = std::env::var("WENGERT_ONLY").unwrap_or_default();
    let full = std::env::var_os("WENGERT_FULL").is_some();
    let scales: Vec<f64> = (-6..=6)
        .filter(|k| full || [-6, -3, 0, 3, 6].contains(k))
        .map(|k| 10.0_f64.powi(k))
        .collect();
    let functions = table().filter(|info| info.name().contains(&only)).count();
    let seeds = if full {
        (FULL * 11 / (10 * functions * scales.len()) + 1) as u64
    } else {
        intensity().ceil() as u64
    };
    let start = if full {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.map_or(0, |now| now.as_secs() << 20)
    } else {
        0
    };
    let (mut checks, mut alarms) = (0, Vec::new());
    // Over all scales, and at values of order 1.
    let (mut passed, mut entries) = ([0; 2], [0; 2]);
    for scale in scales {
        for info in table().filter(|info| info.name().contains(&only)) {
            for seed in start..start + seeds {
                let seed = seed ^ 0xfa15e;
                let Some(report) = check(info, scale, seed) else {
                    continue;
                };
                // Outside of its domain a function has no derivative.
                let outside = report
                    .faults
                    .iter()
                    .any(|f| f.contains("not finite") || f.contains("the function panics"));
                if outside {
                    continue;
                }
                checks += 1;
                for record in &report.records {
                    // At a kink a derivative is a convention, and without a path there is nothing to pass.
                    let judged = !matches!(record.verdict, Verdict::Kink | Verdict::Unreachable);
                    if record.derivative == Derivative::First && judged {
                        for k in 0..if scale == 1.0 { 2 } else { 1 } {
                            entries[k] += 1;
                            passed[k] += u32::from(record.verdict == Verdict::Pass);
                        }
                    }
                }
                if report.failed() {
                    alarms.push(format!(
                        "{} times {scale:e}, seed {seed}: {report}",
                        info.name()
                    ));
                }
            }
        }
    }
    println!(
        "{checks} checks of right rules: {} called wrong; {} of {} entries pass, {} of {} at values of order 1",
        alarms.len(),
        passed[0],
        entries[0],
        passed[1],
        entries[1]
    );
    for alarm in &alarms {
        println!("{alarm}");
    }
    assert!(
        alarms.len() <= ALLOWED,
        "{} of {checks} right checks are called wrong",
        alarms.len()
    );
    for k in 0..2 {
        let share = f64::from(passed[k]) / f64::from(entries[k].max(1));
        assert!(share >= PASS[k], "{share} of the entries pass");
    }
}
