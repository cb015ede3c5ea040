//! Chains of two functions of the table, drawn at random: the second takes the result of the first.
//!
//! A default run draws one partner for each function; `WENGERT_CHECKS=20` draws twenty.

use wengert_autograd::check::{CheckOptions, check_dyn};
use wengert_autograd::ops::{Case, OpInfo, table};
use wengert_autograd::{Differentiable, Draw, LARGEST, Var};
use wengert_tensor::{Dual, Real};

use crate::cases::intensity;
use crate::quiet::quietly;

/// `second(…, first(x), …)`, with the inputs of the first before the other ones of the second.
struct Chain {
    first: Case,
    second: Case,
    /// The input of the second that is the result of the first.
    place: usize,
}

impl Chain {
    fn run<T: Real>(
        &self,
        x: &[Var<T>],
        first: impl FnOnce(&[Var<T>]) -> Option<Vec<Var<T>>>,
        second: impl FnOnce(&[Var<T>]) -> Option<Vec<Var<T>>>,
    ) -> Option<Vec<Var<T>>> {
        let (own, others) = x.split_at(self.first.inputs.len());
        let mut all = others.to_vec();
        all.insert(self.place, first(own)?.swap_remove(0));
        second(&all)
    }
}

impl Differentiable for Chain {
    fn f64(&self, x: &[Var<f64>]) -> Vec<Var<f64>> {
        let (first, second) = (&self.first.function, &self.second.function);
        self.run(x, |x| Some(first.f64(x)), |x| Some(second.f64(x)))
            .expect("both run on f64")
    }

    fn dual(&self, x: &[Var<Dual>]) -> Option<Vec<Var<Dual>>> {
        let (first, second) = (&self.first.function, &self.second.function);
        self.run(x, |x| first.dual(x), |x| second.dual(x))
    }

    fn f32(&self, x: &[Var<f32>]) -> Option<Vec<Var<f32>>> {
        let (first, second) = (&self.first.function, &self.second.function);
        self.run(x, |x| first.f32(x), |x| second.f32(x))
    }
}

/// A chain that begins with this function, if a partner is drawn that takes its result.
fn chain(
    info: &OpInfo,
    partners: &[&'static OpInfo],
    draw: &mut Draw,
    seed: u64,
) -> Option<(String, Chain)> {
    let first = info.draw(&mut Draw::new(seed, LARGEST));
    let constants: Vec<_> = first.inputs.iter().cloned().map(Var::constant).collect();
    let outputs = quietly(|| first.function.f64(&constants)).ok()?;
    let shape = outputs.first()?.shape().to_vec();
    for _ in 0..40 {
        let partner = draw.pick(partners);
        let second = partner.draw(&mut Draw::new(draw.within(0, 9) as u64, LARGEST));
        let place = second.inputs.iter().position(|x| x.shape() == shape);
        if let Some(place) = place {
            let name = format!("{} after {}", partner.name(), info.name());
            return Some((
                name,
                Chain {
                    first,
                    second,
                    place,
                },
            ));
        }
    }
    None
}

#[test]
fn chains_of_two_functions_are_right() {
    let only = std::env::var("WENGERT_ONLY").unwrap_or_default();
    let partners: Vec<_> = table().collect();
    let mut draw = Draw::new(0xc4a1, LARGEST);
    let (mut checks, mut alarms) = (0, Vec::new());
    for info in table().filter(|info| info.name().contains(&only)) {
        for seed in 0..intensity().ceil() as u64 {
            let Some((name, chain)) = chain(info, &partners, &mut draw, seed) else {
                continue;
            };
            let others = chain.second.inputs.iter().enumerate();
            let others = others.filter(|(i, _)| *i != chain.place).map(|(_, x)| x);
            let inputs: Vec<_> = chain.first.inputs.iter().chain(others).cloned().collect();
            let options = CheckOptions {
                seed,
                entries: 8,
                localise: false,
                ..CheckOptions::default()
            };
            let Ok(report) = quietly(|| check_dyn(&chain, &inputs, &options)) else {
                continue;
            };
            // The result of the first may lie outside of the domain of the second.
            let outside =
                |f: &String| f.contains("not finite") || f.contains("the function panics");
            if report.faults.iter().any(outside) {
                continue;
            }
            checks += 1;
            if report.failed() {
                alarms.push(format!("{name}, seed {seed}: {report}"));
            }
        }
    }
    println!("{checks} chains, {} called wrong", alarms.len());
    assert!(checks > 0, "no chain was checked");
    assert!(alarms.is_empty(), "{}", alarms.join("\n"));
}
