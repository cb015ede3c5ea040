//! A number type of your own: every number is computed twice, in `f32` and in `f64`, so that a network shows
//! how far rounding takes its outputs and its gradients.
//!
//! `cargo run --release --example custom_number`

use std::cmp::Ordering;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use wengert::nn::Tanh;
use wengert::prelude::*;
use wengert::tensor::kernels::Kernels;

/// A number in `f32`, and what it would be in `f64`.
#[derive(Clone, Copy, Debug, Default)]
struct Shadowed {
    single: f32,
    double: f64,
}

// Comparisons use the `f32`, so that a program takes the branches that it takes in training.
impl PartialEq for Shadowed {
    fn eq(&self, other: &Self) -> bool {
        self.single == other.single
    }
}

impl PartialOrd for Shadowed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.single.partial_cmp(&other.single)
    }
}

macro_rules! operators {
    ($($trait:ident $f:ident, $assign:ident $g:ident;)*) => {$(
        impl $trait for Shadowed {
            type Output = Self;
            fn $f(self, o: Self) -> Self {
                Self { single: self.single.$f(o.single), double: self.double.$f(o.double) }
            }
        }
        impl $assign for Shadowed {
            fn $g(&mut self, o: Self) {
                *self = self.$f(o);
            }
        }
    )*};
}
operators! {
    Add add, AddAssign add_assign;
    Sub sub, SubAssign sub_assign;
    Mul mul, MulAssign mul_assign;
    Div div, DivAssign div_assign;
}

impl Neg for Shadowed {
    type Output = Self;
    fn neg(self) -> Self {
        Self { single: -self.single, double: -self.double }
    }
}

impl Zero for Shadowed {
    fn zero() -> Self {
        Self::of(0.0)
    }
    fn is_zero(&self) -> bool {
        self.single == 0.0
    }
}

impl One for Shadowed {
    fn one() -> Self {
        Self::of(1.0)
    }
}

// No kernels of its own: it takes the plain loops.
impl Kernels for Shadowed {}

impl Element for Shadowed {
    fn poison() -> Self {
        Self::of(f64::NAN)
    }
}

impl Number for Shadowed {
    // Numbers that are equal in f32 may differ in f64.
    const PLAIN: bool = false;

    fn to_f64(self) -> f64 {
        self.double
    }
    fn of(x: f64) -> Self {
        // Both start from the same number, so that they differ by rounding alone.
        let single = x as f32;
        Self { single, double: f64::from(single) }
    }
}

macro_rules! functions {
    ($($f:ident)*) => {
        impl Real for Shadowed {$(
            fn $f(self) -> Self {
                Self { single: Real::$f(self.single), double: Real::$f(self.double) }
            }
        )*}
    };
}
// The other functions of `Real` have defaults in terms of these.
functions!(exp ln sin cos atan sqrt erf erfc floor);

/// The largest difference of both numbers, relative to the largest number.
fn rounding(x: &Tensor<Shadowed>) -> f64 {
    let largest = x.iter().fold(0.0, |most: f64, x| most.max(x.double.abs()));
    let error = |x: Shadowed| (f64::from(x.single) - x.double).abs() / largest;
    x.iter().fold(0.0, |most, x| most.max(error(x)))
}

fn main() {
    let data = Split::digits();
    let loader = Loader::new(&data.train, LoaderOptions { batch: 8, ..Default::default() });
    let batch = loader.epoch::<Shadowed>(0).next().expect("the digits are not empty");

    for depth in [1, 4, 16] {
        let rng = &mut rng(0);
        let mut model = Sequential::<Shadowed>::new().push(Flatten);
        for layer in 0..depth {
            let inputs = if layer == 0 { 64 } else { 32 };
            model = model.push(Linear::new(inputs, 32, rng)).push(Tanh);
        }
        let model = model.push(Linear::new(32, 10, rng));

        let mut pass = Pass::train(&model, batch.seed);
        let logits = model.call(&pass.input(batch.inputs.clone()), &mut pass);
        let gradients = pass.backward(&logits.cross_entropy(batch.targets.classes()));
        let (path, first) = gradients.iter().next().expect("the model has parameters");
        println!(
            "{depth:>2} hidden layers: rounding of the logits {:.1e}, of the gradient of {path} {:.1e}",
            rounding(logits.value()),
            rounding(first),
        );
    }
}
