//! Our checker and the crate `gradcheck` on pairs of which it is known whether the gradient is right.

use std::cell::RefCell;

use gradcheck::{Backend, Config, Verdict};

use crate::peer::Peer;
use crate::{ask, check};

/// What a checker did on all cases.
#[derive(Default)]
struct Tally {
    missed: Vec<String>,
    abstained: Vec<String>,
    alarms: Vec<String>,
}

/// Prints the mistakes of both checkers.
pub fn compare(peer: &Peer) -> Result<bool, Box<dyn std::error::Error>> {
    let (mut ours, mut theirs) = (Tally::default(), Tally::default());
    let mut total = [0, 0];
    for (number, case) in peer.cases.iter().enumerate() {
        let (Some(wrong), Some(inputs)) = (case.wrong, &case.at) else {
            return Err(format!(
                "{}: it is not stated whether it is wrong, or where",
                case.name
            )
            .into());
        };
        total[usize::from(wrong)] += 1;
        let report = check(peer, number, inputs, 0);
        ours.add(&case.function, wrong, report.failed(), !report.judged());
        if wrong != report.failed() {
            println!("{report}");
        }
        match by_crate(peer, number, inputs) {
            Verdict::Pass => theirs.add(&case.function, wrong, false, false),
            Verdict::Unchecked(_) => theirs.add(&case.function, wrong, false, true),
            _ => theirs.add(&case.function, wrong, true, false),
        }
    }
    for (name, tally) in [("ours", &ours), ("crate gradcheck", &theirs)] {
        println!(
            "{name}: {} of {} wrong gradients pass: {:?}; abstains on {:?}",
            tally.missed.len(),
            total[1],
            tally.missed,
            tally.abstained
        );
        println!(
            "{name}: {} of {} right gradients fail: {:?}",
            tally.alarms.len(),
            total[0],
            tally.alarms
        );
    }
    Ok(ours.missed.is_empty() && ours.alarms.is_empty())
}

impl Tally {
    fn add(&mut self, name: &str, wrong: bool, fails: bool, abstains: bool) {
        let list = match (wrong, fails) {
            (false, true) => &mut self.alarms,
            (true, false) if !abstains => &mut self.missed,
            (_, false) if abstains => &mut self.abstained,
            _ => return,
        };
        list.push(name.to_owned());
    }
}

thread_local! {
    /// The gradient of the pair that is judged.
    static GRADIENT: RefCell<Vec<f64>> = const { RefCell::new(Vec::new()) };
}

/// A backend whose tensors are numbers, and whose gradient is [`GRADIENT`].
struct Foreign;

impl Backend for Foreign {
    type Tensor = Vec<f64>;

    fn name() -> &'static str {
        "peer"
    }

    fn from_slice(data: &[f64], _: &[usize]) -> Vec<f64> {
        data.to_vec()
    }

    fn to_vec(x: &Vec<f64>) -> Vec<f64> {
        x.clone()
    }

    fn forward_sum(f: &dyn Fn(Vec<f64>) -> Vec<f64>, x: &Vec<f64>) -> f64 {
        f(x.clone()).iter().sum()
    }

    fn analytic_grad(_: &dyn Fn(Vec<f64>) -> Vec<f64>, _: &Vec<f64>) -> Vec<f64> {
        GRADIENT.with_borrow(Vec::clone)
    }
}

/// The crate knows one input, and cotangents of ones.
fn by_crate(peer: &Peer, number: usize, inputs: &[Vec<f64>]) -> Verdict {
    let slices: Vec<_> = inputs.iter().map(Vec::as_slice).collect();
    let outputs = ask(peer, number, &slices, None).concat().len();
    let gradient = ask(peer, number, &slices, Some(&vec![1.0; outputs])).concat();
    GRADIENT.set(gradient);
    let values = |x: Vec<f64>| {
        let mut rest = &x[..];
        let mut parts = Vec::new();
        for input in inputs {
            let (part, others) = rest.split_at(input.len());
            parts.push(part);
            rest = others;
        }
        ask(peer, number, &parts, None).concat()
    };
    let flat = inputs.concat();
    let config = Config::f64_defaults();
    gradcheck::gradcheck::<Foreign, _>("pair", &flat, &[flat.len()], values, &config).verdict
}
