//! Right rules at inputs of every size: how often a check calls one wrong, and how often it judges nothing.
//!
//! A default run draws one sample for each function and scale; `WENGERT_CHECKS=50` draws fifty.

use wengert_autograd::check::{CheckOptions, Derivative, Verdict, check_dyn};
use wengert_autograd::ops::table;
use wengert_autograd::{Draw, LARGEST};

use crate::cases::intensity;
use crate::situation::quietly;

/// The share of checks that may call a right rule wrong, at the scales below.
const ALLOWED: f64 = 0.01;

#[test]
fn right_rules_are_seldom_called_wrong_at_any_scale() {
    let only = std::env::var("WENGERT_ONLY").unwrap_or_default();
    let seeds = intensity().ceil() as u64;
    let (mut checks, mut alarms) = (0, Vec::new());
    let (mut passed, mut entries) = (0, 0);
    for scale in [1e-6, 1e-3, 1e3, 1e6] {
        for entry in table().filter(|entry| entry.name().contains(&only)) {
            for seed in 0..seeds {
                let seed = seed ^ 0xfa15e;
                let case = entry.draw(&mut Draw::new(seed, seed as usize % (LARGEST + 1)));
                let inputs: Vec<_> = case.inputs.iter().map(|x| x.map(|x| x * scale)).collect();
                let options = CheckOptions {
                    seed,
                    entries: 8,
                    localise: false,
                    ..CheckOptions::default()
                };
                let Ok(report) = quietly(|| check_dyn(&*case.function, &inputs, &options)) else {
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
                    if record.derivative == Derivative::First {
                        entries += 1;
                        passed += usize::from(record.verdict == Verdict::Pass);
                    }
                }
                if report.failed() {
                    alarms.push(format!(
                        "{} times {scale:e}, seed {seed}: {report}",
                        entry.name()
                    ));
                }
            }
        }
    }
    println!(
        "{checks} checks of right rules at four scales: {} called wrong; {passed} of {entries} entries pass",
        alarms.len()
    );
    for alarm in &alarms {
        println!("{alarm}");
    }
    assert!(
        alarms.len() as f64 <= ALLOWED * f64::from(checks),
        "{} of {checks} right checks are called wrong",
        alarms.len()
    );
}
