//! Laws of the tape: what is recorded, what is freed, what adds up, what is refused.

use wengert_autograd::{
    Call, Contributions, Draw, Graph, Inputs, Op, Outputs, Reads, Sample, Tape, Var, grad,
    transform,
};
use wengert_tensor::testing::panics::message_of;
use wengert_tensor::{Real, Tensor};

fn tensor(values: &[f64]) -> Tensor<f64> {
    Tensor::from_vec(values.to_vec(), [values.len()])
}

#[test]
fn an_untracked_variable_records_nothing() {
    let x = Var::constant(tensor(&[1.0, 2.0]));
    let y = (&x * &x).sum(..);
    assert!(!y.is_tracked());
    assert_eq!(y.item(), 5.0);
}

#[test]
fn every_use_of_a_variable_adds_to_its_gradient() {
    let tape = Tape::new();
    let x = tape.leaf(tensor(&[1.0, -2.0, 3.0]));
    let y = (&x * &x).sum(..) + x.exp().sum(..) * 0.0 + x.sum(..) * 10.0 + (&x * 2.0).sum(..);
    assert_eq!(y.backward().wrt(&x).to_vec(), [14.0, 8.0, 18.0]);
}

#[test]
fn a_cotangent_is_never_overwritten_through_a_shared_buffer() {
    // Both inputs of an addition receive the same buffer; adding to one must not change the other.
    let tape = Tape::new();
    let (a, b) = (
        tape.leaf(tensor(&[1.0, 2.0])),
        tape.leaf(tensor(&[3.0, 4.0])),
    );
    let sum = &a + &b;
    let y = (&sum * &tape.leaf(tensor(&[5.0, 7.0]))).sum(..) + (&a * 100.0).sum(..);
    let gradients = y.backward();
    assert_eq!(gradients.wrt(&a).to_vec(), [105.0, 107.0]);
    assert_eq!(gradients.wrt(&b).to_vec(), [5.0, 7.0]);
}

#[test]
fn a_variable_that_is_used_up_is_written_over_only_if_nobody_else_has_its_value() {
    let tape = Tape::new();
    let x = tape.leaf(tensor(&[0.5, -1.0]));
    let sum = &x + &x;
    let place = sum.value().memory();
    let y = sum * 3.0 + 1.0;
    assert_eq!(y.value().memory(), place, "written over");
    assert_eq!(y.value().to_vec(), [4.0, -5.0]);

    // The leaf's own value, one that is held elsewhere, and one that a rule will read.
    let held = y.value().clone();
    let z = -(y.clone() - 2.0);
    assert_eq!((x.clone() * 2.0).value().to_vec(), [1.0, -2.0]);
    let e = x.exp();
    let w = (e * 2.0 * &z).sum(..);
    assert_eq!(x.value().to_vec(), [0.5, -1.0]);
    assert_eq!(held.to_vec(), [4.0, -5.0]);

    // d(2 eˣ (1 − 6x))/dx, where a product hands one cotangent to both sides.
    let cotangent = Tensor::scalar(1.0);
    let gradients = w.backward_from(&cotangent);
    let expected = tensor(&[0.5, -1.0]).map(|x| 2.0 * x.exp() * (1.0 - 6.0 * x - 6.0));
    let error = (gradients.wrt(&x) - &expected).map(f64::abs).max(..).item();
    assert!(error < 1e-12, "{:?} for {expected:?}", gradients.wrt(&x));
    assert_eq!(cotangent.item(), 1.0);
}

#[test]
fn a_sum_and_a_rectifier_are_written_over_a_first_operand_that_is_used_up() {
    let tape = Tape::new();
    let x = tape.leaf(tensor(&[0.5, -1.0, 2.0, -3.0]).reshape([2, 2]));
    let bias = tape.leaf(tensor(&[1.0, -2.0]));
    let y = &x * 2.0;
    let place = y.value().memory();
    let y = y + &bias;
    assert_eq!(y.value().memory(), place, "of one shape after broadcasting");
    let z = y.clone().into_relu();
    assert_ne!(z.value().memory(), place, "held elsewhere");
    assert_eq!(y.value().to_vec(), [2.0, -4.0, 5.0, -8.0]);
    drop(z);
    let z = y.into_relu();
    assert_eq!(z.value().memory(), place, "nobody else has it");
    assert_eq!(z.value().to_vec(), [2.0, 0.0, 5.0, 0.0]);

    // Larger than the first operand, which stays; and a rule that reads the value keeps it.
    let wide = (&bias * 1.0) + &x;
    assert_eq!(wide.value().to_vec(), [1.5, -3.0, 3.0, -5.0]);
    let square = &z * &z;
    let product = z * &square;
    assert_eq!(square.value().to_vec(), [4.0, 0.0, 25.0, 0.0]);
    assert_eq!(product.value().to_vec(), [8.0, 0.0, 125.0, 0.0]);

    // d(z³ + wide)/dx with z = relu(2 x + b).
    let gradients = (product + wide).sum(..).backward();
    assert_eq!(gradients.wrt(&x).to_vec(), [25.0, 1.0, 151.0, 1.0]);
    assert_eq!(gradients.wrt(&bias).to_vec(), [12.0 + 75.0 + 2.0, 2.0]);
}

#[test]
fn a_first_operand_that_is_used_up_is_refused_as_one_that_is_lent() {
    let (here, there) = (Tape::new(), Tape::new());
    let x = here.leaf(tensor(&[1.0, 2.0]));
    let y = there.leaf(tensor(&[3.0, 4.0]));
    let lent = message_of(|| drop(&x + &y));
    assert_eq!(message_of(|| drop(x.clone() + &y)), lent);
    let z = here.leaf(tensor(&[1.0, 2.0, 3.0]));
    let lent = message_of(|| drop(&x - &z));
    assert_eq!(message_of(|| drop(x.clone() - z)), lent);
    drop((&x * &x).sum(..).backward());
    let lent = message_of(|| drop(&x * &x));
    assert_eq!(message_of(|| drop(x.clone() * &x)), lent);
}

#[test]
fn a_kept_tape_gives_the_same_gradients_again_and_they_accumulate() {
    let tape = Tape::new();
    let x = tape.leaf(tensor(&[0.5, 2.0]));
    let y = (&x * &x).sum(..);
    let mut first = y.backward_keep();
    let second = y.backward_keep();
    assert_eq!(first.wrt(&x), second.wrt(&x));
    first.accumulate(second);
    assert_eq!(first.wrt(&x).to_vec(), [2.0, 8.0]);
    assert_eq!(y.backward().wrt(&x).to_vec(), [1.0, 4.0]);
}

#[test]
fn a_consumed_tape_says_where_it_was_consumed() {
    let tape = Tape::new();
    let x = tape.leaf(tensor(&[1.0, 2.0]));
    let y = (&x * &x).sum(..);
    let line = line!() + 1;
    let gradients = y.backward();
    assert!(tape.is_empty());
    assert_eq!(x.value().to_vec(), [1.0, 2.0], "the value survives");
    assert_eq!(
        gradients.wrt(&x).to_vec(),
        [2.0, 4.0],
        "its gradient is still found"
    );
    let message = message_of(|| drop(&x * &x));
    assert!(
        message.starts_with("mul: operand 0: its tape was consumed by backward at"),
        "{message}"
    );
    assert!(message.contains(&format!("tape.rs:{line}:")), "{message}");
    assert!(message_of(|| drop(y.backward())).contains("was consumed"));
    // The tape itself can be used again.
    let z = tape.leaf(tensor(&[3.0]));
    assert_eq!((&z * &z).sum(..).backward().wrt(&z).to_vec(), [6.0]);
}

#[test]
fn operands_of_two_tapes_are_refused_at_the_caller() {
    let (a, b) = (
        Tape::new().leaf(tensor(&[1.0])),
        Tape::new().leaf(tensor(&[1.0])),
    );
    let message = message_of(|| drop(&a + &b));
    assert_eq!(
        message,
        "add: operand 1: belongs to another tape than an operand before it"
    );
}

#[test]
fn an_unreached_leaf_tells_where_its_path_ends() {
    let tape = Tape::new();
    let (x, unused, dead) = (
        tape.leaf(tensor(&[1.0])),
        tape.leaf(tensor(&[1.0])),
        tape.leaf(tensor(&[1.0])),
    );
    let _ends_here = (&dead * 2.0).exp();
    let y = (&x * &x).sum(..);
    let (_later, line) = (dead.tanh(), line!());
    for gradients in [y.backward_keep(), y.backward()] {
        assert!(gradients.get(&unused).is_none());
        assert!(gradients.unreached(&unused).expect("unused").end.is_none());
        assert!(gradients.unreached(&x).is_none());
        let (op, at) = gradients.unreached(&dead).expect("dead").end.expect("used");
        assert_eq!(op, "tanh");
        assert!(at.file().ends_with("tests/tape.rs"), "{at}");
        assert_eq!(at.line(), line);
        assert!(
            message_of(|| drop(gradients.wrt(&dead).clone())).contains("its path ends at tanh")
        );
    }
}

#[test]
fn a_recorded_op_is_placed_where_it_was_called() {
    let tape = Tape::new();
    let of = |f: &dyn Fn(&Var<f64>)| {
        let dead = tape.leaf(tensor(&[1.0]));
        f(&dead);
        let gradients = tape.leaf(tensor(&[1.0])).backward_keep();
        let (op, at) = gradients.unreached(&dead).expect("dead").end.expect("used");
        assert!(at.file().ends_with("tests/tape.rs"), "{op}: {at}");
    };
    of(&|x| drop(x.tanh()));
    of(&|x| drop(x.add(x)));
    of(&|x| drop(x * x));
    of(&|x| drop(x * 2.0));
    of(&|x| drop(x.clone() * 2.0));
    of(&|x| drop(x.clone() * x));
    of(&|x| drop(x.maximum(x)));
    of(&|x| drop(x.clone().into_relu()));
}

#[test]
fn gradients_flow_to_intermediate_values_too() {
    let tape = Tape::new();
    let x = tape.leaf(tensor(&[1.0, 2.0]));
    let h = &x * 3.0;
    let y = (&h * &h).sum(..);
    let unit = Var::scalar(1.0);
    let found = grad(&[(&y, unit)], &[&h, &x], Graph::Skip);
    assert_eq!(found[0].as_ref().expect("h").value().to_vec(), [6.0, 12.0]);
    assert_eq!(found[1].as_ref().expect("x").value().to_vec(), [18.0, 36.0]);
}

#[test]
fn a_gradient_can_be_differentiated_again_and_again() {
    let tape = Tape::new();
    let x = tape.leaf(tensor(&[2.0]));
    let y = (&(&x * &x) * &(&x * &x)).sum(..);
    let first = y.grad(&[&x]).remove(0);
    let second = first.sum(..).grad(&[&x]).remove(0);
    let third = second.sum(..).grad(&[&x]).remove(0);
    let fourth = third.sum(..).grad(&[&x]).remove(0);
    let all = [first, second, third, fourth].map(|g| g.item());
    assert_eq!(all, [32.0, 48.0, 48.0, 24.0]);
}

#[test]
fn a_plain_pass_gives_plain_values_whatever_its_cotangents_are() {
    let tape = Tape::new();
    let x = tape.leaf(tensor(&[1.0, -3.0]));
    let c = tape.leaf(tensor(&[3.0, 5.0]));
    // The cotangent reaches x twice as it is, once through a rule, and twice by a region: before there
    // is a sum and into one.
    let y = x.slice(0, ..) + (&x + &(&x + &(&x * &x)) + x.slice(0, ..));
    let recorded = tape.len();
    let gradient = grad(&[(&y, c.clone()), (&y, c.clone())], &[&x], Graph::Skip).remove(0);
    let gradient = gradient.expect("y depends on x");
    assert_eq!(gradient.value().to_vec(), [36.0, -20.0]);
    assert!(!gradient.is_tracked());
    assert_eq!(tape.len(), recorded, "a plain pass records nothing");
    assert_eq!(
        c.value().to_vec(),
        [3.0, 5.0],
        "a cotangent is not the pass's to change"
    );
}

#[test]
fn a_sum_of_tracked_cotangents_can_be_differentiated() {
    let tape = Tape::new();
    let x = tape.leaf(tensor(&[1.0, -3.0]));
    let c = tape.leaf(tensor(&[3.0, 5.0]));
    let y = x.slice(0, ..) + (&x + &(&x + &(&x * &x)) + x.slice(0, ..));
    let roots = [(&y, c.clone()), (&y, c.clone())];
    let gradient = grad(&roots, &[&x], Graph::Create).remove(0);
    let gradient = gradient.expect("y depends on x");
    assert_eq!(gradient.value().to_vec(), [36.0, -20.0]);
    let unit = Var::constant(tensor(&[1.0, 1.0]));
    let again = grad(&[(&gradient, unit)], &[&c, &x], Graph::Skip);
    let [by_c, by_x] = &again[..] else {
        panic!("two were asked for")
    };
    assert_eq!(by_c.as_ref().expect("c").value().to_vec(), [12.0, -4.0]);
    assert_eq!(by_x.as_ref().expect("x").value().to_vec(), [12.0, 20.0]);
    assert_eq!(c.value().to_vec(), [3.0, 5.0]);
}

#[test]
fn detach_stops_the_gradient() {
    let tape = Tape::new();
    let x = tape.leaf(tensor(&[3.0]));
    let y = (&x * &x.detach()).sum(..);
    assert_eq!(y.backward().wrt(&x).to_vec(), [3.0]);
}

#[test]
fn a_million_deep_chain_needs_no_deep_stack() {
    let tape = Tape::new();
    let x = tape.leaf(tensor(&[1.0]));
    let mut y = x.clone();
    for _ in 0..1_000_000 {
        y = &y + 1.0;
    }
    assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [1.0]);
    // And dropping one that was never swept.
    let x = tape.leaf(tensor(&[1.0]));
    let mut y = x;
    for _ in 0..200_000 {
        y = &y + 1.0;
    }
    drop((y, tape));
}

#[test]
fn a_wide_fan_out_adds_up() {
    let tape = Tape::new();
    let x = tape.leaf(tensor(&[1.0]));
    let mut sum = Var::constant(tensor(&[0.0]));
    for _ in 0..100_000 {
        sum = &sum + &x;
    }
    assert_eq!(sum.sum(..).backward().wrt(&x).to_vec(), [100_000.0]);
}

#[test]
fn a_thousand_selects_of_one_tensor_cost_its_size_once() {
    // With a full-size cotangent per select this would touch 4000 · 4 M elements and not end.
    let tape = Tape::new();
    let x = tape.leaf(Tensor::<f32>::ones([4000, 1000]));
    let mut sum = Var::scalar(0.0);
    for i in 0..4000 {
        sum = &sum + &(&x.select(0, i) * (i as f64)).sum(..);
    }
    let gradients = sum.backward();
    let dx = gradients.wrt(&x);
    assert_eq!(dx.get([0, 0]), 0.0);
    assert_eq!(dx.get([3999, 999]), 3999.0);
}

/// Reads an input that it did not declare.
#[derive(Clone, Debug)]
struct Forgetful;

impl Op for Forgetful {
    fn reads(&self) -> Reads {
        Reads::SHAPES
    }
    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].map(|x| x * x).into()
    }
    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |g| g.mul(call.input(0)) * 2.0);
    }
    fn sample(draw: &mut Draw) -> Sample<Self> {
        Sample::new(Self, [draw.normal([3])])
    }
}

#[test]
fn what_a_rule_did_not_declare_is_nan() {
    let tape = Tape::new();
    let x = tape.leaf(tensor(&[3.0]));
    let y = Var::apply(Forgetful, [&x]).sum(..);
    assert!(y.backward().wrt(&x).item().is_nan());
}

/// Panics in its rule.
#[derive(Clone, Debug)]
struct Bomb;

impl Op for Bomb {
    fn reads(&self) -> Reads {
        Reads::SHAPES
    }
    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].clone().into()
    }
    fn vjp<T: Real>(&self, _: &Call<T>, _: &mut Contributions<'_, T>) {
        panic!("boom")
    }
    fn sample(draw: &mut Draw) -> Sample<Self> {
        Sample::new(Self, [draw.normal([3])])
    }
}

#[test]
fn a_tape_survives_a_rule_that_panics() {
    let tape = Tape::new();
    let x = tape.leaf(tensor(&[3.0]));
    let bad = Var::apply(Bomb, [&x]).sum(..);
    let good = (&x * &x).sum(..);
    for _ in 0..2 {
        assert_eq!(message_of(|| drop(bad.backward_keep())), "boom");
    }
    assert_eq!(good.backward_keep().wrt(&x).to_vec(), [6.0]);
}

#[test]
fn a_loss_does_not_hold_its_activations() {
    let tape = Tape::new();
    let x = tape.leaf(Tensor::<f32>::ones([10]));
    let loss = (&x * &x).sum(..);
    let _ = loss.backward();
    assert_eq!(
        tape.len(),
        0,
        "the list is empty while the loss lives on: {}",
        loss.item()
    );
}

#[test]
fn only_one_element_has_a_gradient() {
    let tape = Tape::new();
    let x = tape.leaf(tensor(&[1.0, 2.0]));
    let message = message_of(|| drop(x.backward()));
    assert_eq!(
        message,
        "backward: [2]: only a value of one element has a gradient; give a cotangent otherwise"
    );
    let message = message_of(|| drop(Var::constant(tensor(&[1.0])).backward()));
    assert_eq!(
        message,
        "backward: [1]: the value is not tracked: it depends on no leaf"
    );
    let message = message_of(|| drop(x.backward_from(&tensor(&[1.0]))));
    assert_eq!(
        message,
        "backward: a cotangent [1] for a value [2]: the shapes differ"
    );
    assert_eq!(
        (&x * 2.0)
            .backward_from(&tensor(&[1.0, 10.0]))
            .wrt(&x)
            .to_vec(),
        [2.0, 20.0]
    );
}

#[test]
#[allow(
    clippy::items_after_statements,
    reason = "each function is defined next to its derivatives"
)]
fn the_transforms_agree_with_hand_made_derivatives() {
    // f(x) = x₀² x₁, ∇f = (2 x₀ x₁, x₀²), ∇²f = ((2 x₁, 2 x₀), (2 x₀, 0)).
    let x = tensor(&[3.0, 5.0]);
    fn f<T: Real>(x: &[Var<T>]) -> Var<T> {
        let (a, b) = (x[0].select(0, 0), x[0].select(0, 1));
        &(&a * &a) * &b
    }
    let (value, gradient) = transform::value_and_grad(f, std::slice::from_ref(&x));
    assert_eq!((value, gradient[0].to_vec()), (45.0, vec![30.0, 9.0]));
    assert_eq!(transform::grad(f, std::slice::from_ref(&x)), gradient);
    let (y, tangent) = transform::jvp(f, std::slice::from_ref(&x), &[tensor(&[1.0, 2.0])]);
    assert_eq!((y.item(), tangent.item()), (45.0, 48.0));
    let product = transform::hvp(f, std::slice::from_ref(&x), &[tensor(&[1.0, 2.0])]);
    assert_eq!(product[0].to_vec(), [22.0, 6.0]);
    let hessian = transform::hessian(f, std::slice::from_ref(&x));
    assert_eq!(
        (hessian[0][0].shape(), hessian[0][0].to_vec()),
        (&[2, 2][..], vec![10.0, 6.0, 6.0, 0.0])
    );
    // g(x) = (x₀ x₁, x₀ + 2 x₁) has the Jacobian ((x₁, x₀), (1, 2)).
    fn g<T: Real>(x: &[Var<T>]) -> Var<T> {
        let (a, b) = (x[0].slice(0, ..1), x[0].slice(0, 1..));
        let mut y = (&a * &b).unslice(&[(0..1).into()], [2]);
        y = y + (a + b * 2.0).unslice(&[(1..2).into()], [2]);
        y
    }
    let jacobian = transform::jacobian(g, std::slice::from_ref(&x));
    assert_eq!(
        (jacobian[0].shape(), jacobian[0].to_vec()),
        (&[2, 2][..], vec![5.0, 3.0, 1.0, 2.0])
    );
    let (_, pulled) = transform::vjp(g, std::slice::from_ref(&x), &tensor(&[1.0, 10.0]));
    assert_eq!(pulled[0].to_vec(), [15.0, 23.0]);
    // A function of several inputs, one of which it ignores.
    let h = |x: &[Var<f64>]| (&x[0] * 2.0).sum(..);
    let gradients = transform::grad(h, &[x.clone(), x.clone()]);
    assert_eq!(gradients[1].to_vec(), [0.0, 0.0]);
}

#[test]
fn what_a_tape_keeps_is_counted_once_and_until_it_is_consumed() {
    let tape = Tape::new();
    let x = tape.leaf(Tensor::<f64>::ones([4096]));
    let before = tape.kept_bytes();
    // A product reads both operands, which here are one; a sum reads none.
    let y = (&x * &x).sum(..);
    assert_eq!(tape.kept_bytes() - before, 8 * 4096);
    drop(y.backward());
    assert_eq!(tape.kept_bytes(), 0);
}

mod watching {
    use wengert_autograd::{Direction, Tape, Var};
    use wengert_tensor::Tensor;

    fn leaf(tape: &Tape<f64>, values: &[f64]) -> Var<f64> {
        tape.leaf(Tensor::from_slice(values, [values.len()]))
    }

    #[test]
    fn a_watching_tape_gives_the_same_bits() {
        let run = |tape: Tape<f64>| {
            let (x, w) = (leaf(&tape, &[0.3, -1.2]), leaf(&tape, &[2.0, 0.7]));
            // Operands that are taken by value, too.
            let y = ((&x * &w).tanh() * 3.0 + &x).exp();
            let loss = y.sum(..);
            let gradients = loss.backward();
            let bits = |v: &Var<f64>| gradients.wrt(v).to_vec();
            (loss.item(), bits(&x), bits(&w))
        };
        assert_eq!(run(Tape::watch()), run(Tape::new()));
    }

    #[test]
    fn the_origin_of_a_nan_is_the_first_op_on_its_way() {
        let tape = Tape::watch();
        let x = leaf(&tape, &[-1.0, 2.0]);
        let elsewhere = x.sqrt();
        let line = line!() + 1;
        let y = (x.ln() * 2.0).exp().sum(..);
        let origin = tape.origin_of(&y).expect("it is NaN");
        assert_eq!((origin.op, origin.location.line()), ("ln", line));
        assert_eq!(
            (origin.location.file(), origin.direction),
            (file!(), Direction::Forward)
        );
        assert_eq!(
            tape.origin_of(&elsewhere).map(|origin| origin.op),
            Some("sqrt")
        );
        assert_eq!(tape.origin_of(&(&x + 1.0)), None);
        assert_eq!(tape.origin_of(&x), None);
    }

    #[test]
    fn an_infinity_that_vanishes_is_no_origin() {
        let tape = Tape::watch();
        let x = leaf(&tape, &[-1.0, 2.0]);
        let mask = Var::constant(Tensor::from_slice(&[f64::NEG_INFINITY, 0.0], [2]));
        let masked = (&x + &mask).softmax(0);
        assert_eq!(tape.origin_of(&masked), None);
        let y = (&masked - 2.0).ln().sum(..);
        assert_eq!(tape.origin_of(&y).map(|origin| origin.op), Some("ln"));
        let sum = &x + &mask;
        assert_eq!(
            tape.origin_of(&sum).map(|origin| origin.constants),
            Some(vec![1])
        );
    }

    #[test]
    fn the_origin_of_a_gradient_is_the_rule_that_made_it() {
        let tape = Tape::watch();
        let (x, w) = (leaf(&tape, &[0.0]), leaf(&tape, &[3.0]));
        let _ = (x.sqrt() * &w).sum(..).backward();
        let origin = tape
            .gradient_origin(&x)
            .expect("the slope of √0 is infinite");
        assert_eq!((origin.op, origin.direction), ("sqrt", Direction::Backward));
        assert_eq!(tape.gradient_origin(&w), None);
    }

    #[test]
    fn a_plain_tape_knows_no_origins() {
        let tape = Tape::new();
        let x = leaf(&tape, &[-1.0]);
        let y = x.ln().sum(..);
        assert_eq!((tape.origin_of(&y), tape.is_watching()), (None, false));
        let _ = y.backward();
        assert_eq!(tape.gradient_origin(&x), None);
    }
}

#[test]
fn a_variable_is_displayed_as_its_value() {
    let x = Tape::new().leaf(Tensor::from_slice(&[1.0, -2.5], [2]));
    assert_eq!(x.to_string(), "[ 1.0 -2.5]");
    assert_eq!(format!("{:.0}", &x * 2.0), "[ 2 -5]");
}
