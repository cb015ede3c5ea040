//! Every function of the table, replayed: the bits are those of the tape.

use std::cell::Cell;
use std::rc::Rc;

use wengert_autograd::ops::{Case, table};
use wengert_autograd::{Differentiable, Draw, Replay, Tape, Var};
use wengert_tensor::{Real, Tensor};

/// One number type of a function of the table.
trait On: Real {
    fn bits(self) -> u64;
    fn call(f: &dyn Differentiable, x: &[Var<Self>]) -> Option<Vec<Var<Self>>>;
}

impl On for f64 {
    fn bits(self) -> u64 {
        self.to_bits()
    }
    fn call(f: &dyn Differentiable, x: &[Var<Self>]) -> Option<Vec<Var<Self>>> {
        Some(f.f64(x))
    }
}

impl On for f32 {
    fn bits(self) -> u64 {
        self.to_bits().into()
    }
    fn call(f: &dyn Differentiable, x: &[Var<Self>]) -> Option<Vec<Var<Self>>> {
        f.f32(x)
    }
}

/// `Σₖ ⟨yₖ, cₖ⟩` with fixed numbers.
fn weighted<T: Real>(outputs: &[Var<T>]) -> Var<T> {
    let sums = outputs.iter().map(|y| {
        let weights = (0..y.len()).map(|k| T::of((k as f64 * 0.7).sin() + 0.1));
        (y * Var::constant(Tensor::from_vec(weights.collect(), y.shape()))).sum(..)
    });
    sums.reduce(|a, b| a + b).expect("a function has an output")
}

/// The value and the gradients by the tape that programs use.
fn recorded<T: On>(f: &dyn Differentiable, x: &[Tensor<T>]) -> (T, Vec<Option<Tensor<T>>>) {
    let tape = Tape::new();
    let leaves: Vec<_> = x.iter().map(|x| tape.leaf(x.clone())).collect();
    let value = weighted(&T::call(f, &leaves).expect("asked before"));
    let gradients = value.backward();
    let gradients = leaves.iter().map(|x| gradients.get(x).cloned());
    (value.item(), gradients.collect())
}

fn bits<T: On>(x: &Tensor<T>) -> (Vec<usize>, Vec<u64>) {
    let bits = |x: T| if x.is_nan() { u64::MAX } else { x.bits() };
    (x.shape().to_vec(), x.iter().map(bits).collect())
}

/// Compares three calls with the tape, the third on other numbers; returns whether the function was replayed.
fn compare<T: On>(name: &str, case: Case) -> Option<bool> {
    // Shown if the function panics.
    println!("{name}: {}", case.description);
    let f: Rc<dyn Differentiable> = Rc::from(case.function);
    let of_type = |x: &Tensor<f64>| x.map(T::of);
    let inputs: Vec<_> = case.inputs.iter().map(of_type).collect();
    T::call(
        &*f,
        &inputs
            .iter()
            .cloned()
            .map(Var::constant)
            .collect::<Vec<_>>(),
    )?;
    let other: Vec<_> = case
        .inputs
        .iter()
        .map(|x| of_type(&x.map(|x| x * 0.9375)))
        .collect();
    let calls = Rc::new(Cell::new(0));
    let counted = (Rc::clone(&f), Rc::clone(&calls));
    let mut replay = Replay::new(move |(): &(), x: &[Var<T>]| {
        counted.1.set(counted.1.get() + 1);
        weighted(&T::call(&*counted.0, x).expect("asked before"))
    });
    for x in [&inputs, &inputs, &other, &inputs] {
        let arguments: Vec<_> = x.iter().collect();
        let (value, gradients) = replay.value_and_reached(&(), &arguments, &[]);
        let (expected, by_tape) = recorded(&*f, x);
        let message = format!("{name}: {} on {:?}", case.description, case.inputs);
        assert_eq!(bits(&value), bits(&Tensor::scalar(expected)), "{message}");
        for (found, expected) in gradients.iter().zip(&by_tape) {
            let (found, expected) = (found.as_ref().map(bits), expected.as_ref().map(bits));
            assert_eq!(found, expected, "{message}");
        }
    }
    let replayed = replay.obstacle().is_none();
    // A replay calls the function to be compared once, with the first replay.
    assert_eq!(calls.get(), if replayed { 2 } else { 4 }, "{name}");
    assert_eq!(replay.recordings(), 1, "{name}");
    Some(replayed)
}

#[test]
fn every_function_of_the_table_replays_with_the_bits_of_the_tape() {
    let (mut replayed, mut functions) = (0, 0);
    for info in table() {
        for seed in 0..6 {
            let draw = || info.draw(&mut Draw::new(seed, seed as usize % 4));
            let of_f64 = compare::<f64>(info.name(), draw()) == Some(true);
            let of_f32 = compare::<f32>(info.name(), draw()) == Some(true);
            if seed == 0 {
                functions += 1;
                replayed += usize::from(of_f64 && of_f32);
            }
        }
    }
    // The others look at values: they sort, search, or choose a scale.
    assert!(replayed * 10 > functions * 8, "{replayed} of {functions}");
    println!("{replayed} of {functions} functions are replayed");
}
