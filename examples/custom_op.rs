//! An operation of your own: its value, its rule, and the proof that the rule is right.
//!
//!     cargo run --release --example custom_op
//!
//! Everything between the marks is the op; nothing of the framework is edited. It broadcasts, runs on
//! every number type, and can be differentiated to any order.

use wengert::prelude::*;

// [op]
/// `√(a² + b²)`, with the slopes `a / y` and `b / y`.
#[derive(Clone, Debug)]
struct Hypot;

impl Op for Hypot {
    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].zip(&x[1], |a, b| (a * a + b * b).sqrt()).into()
    }
    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |g| g * call.input(0) / call.output(0));
        out.input(1, |g| g * call.input(1) / call.output(0));
    }
    fn sample(draw: &mut Draw) -> Sample<Self> {
        Sample::new(Self, [draw.off_zero([2, 3]), draw.off_zero([2, 3])])
    }
}
// [/op]

fn main() {
    // [check]
    let proof = check_op::<Hypot>();
    // [/check]
    println!("{proof}");
    proof.assert();

    // Operands of two shapes, checked by the same function.
    let (a, b) =
        (Tensor::from_vec(vec![3.0, -5.0], [2, 1]), Tensor::from_vec(vec![4.0, 12.0, 0.5], [3]));
    let broadcast = generic!(|a, b| Var::broadcasting(Hypot, &[a, b]));
    check_gradients(broadcast, &[a.clone(), b.clone()]).assert();

    let tape = Tape::new();
    let (a, b) = (tape.leaf(a), tape.leaf(b));
    let y = Var::broadcasting(Hypot, &[&a, &b]);
    println!("√(a² + b²) =\n{y}");
    let first = y.sum(..).grad(&[&a, &b]);
    println!("∂/∂a = {}\n∂/∂b = {}", first[0], first[1]);
    let second = first[0].sum(..).grad(&[&a]);
    println!("∂²/∂a² = {}", second[0]);
}
