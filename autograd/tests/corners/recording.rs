//! What a tape records of unusual calls, and how it is shown.

use wengert_autograd::{
    Attribute, Call, Contributions, Draw, Inputs, OnSlices, Op, Outputs, Program, Reads, Sample,
    Tape, Var, check_op,
};
use wengert_tensor::testing::panics::assert_refused;
use wengert_tensor::{PoolOptions, Real, Tensor, slices};

fn leaf(tape: &Tape<f64>, values: &[f64]) -> Var<f64> {
    tape.leaf(Tensor::from_slice(values, [values.len()]))
}

/// `x·y` and `x + y`, with a rule for the product alone: the sum has no gradient.
#[derive(Clone, Debug)]
struct ProductAndConstant;

impl Op for ProductAndConstant {
    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        [&x[0] * &x[1], Tensor::ones(x[0].shape())].into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |g| g * call.input(1));
        out.input_owned(1, |g| g * call.input(0));
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let shape = draw.any_shape();
        Sample::new(Self, [draw.normal(&shape), draw.normal(&shape)])
    }
}

#[test]
fn a_rule_for_one_output_adds_nothing_for_another() {
    check_op::<ProductAndConstant>().assert();
    let run = |output: usize| {
        let tape = Tape::new();
        let (x, y) = (leaf(&tape, &[2.0, 3.0]), leaf(&tape, &[5.0, 7.0]));
        let outputs = Var::apply_many(ProductAndConstant, [&x, &y]);
        let gradients = outputs[output].sum(..).backward();
        [&x, &y].map(|x| gradients.get(x).map(Tensor::to_vec))
    };
    assert_eq!(run(0), [Some(vec![5.0, 7.0]), Some(vec![2.0, 3.0])]);
    assert_eq!(run(1), [None, None]);
}

/// `x + y`, which broadcasts; on slices for operands of one shape only.
#[derive(Clone, Debug)]
struct Sum;

impl Op for Sum {
    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        (&x[0] + &x[1]).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |g| g.sum_to(call.input_shape(0)));
        out.input(1, |g| g.sum_to(call.input_shape(1)));
    }

    fn on_slices<T: Real>(&self, _: &[&[usize]]) -> Option<OnSlices<T>> {
        let sum = OnSlices::pointwise(|x, y| slices::zip(x[0], x[1], y, |a, b| a + b));
        Some(sum.input_unchanged(0).input_unchanged(1))
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let shape = draw.filled_shape(2);
        let rows = if draw.once_in(2) { shape[0] } else { 1 };
        Sample::new(Self, [draw.normal(&shape), draw.normal([rows, shape[1]])])
    }
}

#[test]
fn an_op_on_slices_that_works_by_element_may_broadcast_elsewhere() {
    check_op::<Sum>().assert();
    let tape = Tape::for_replay();
    let (x, row) = (tape.leaf(Tensor::ones([2, 2])), leaf(&tape, &[3.0, 5.0]));
    let y = Var::apply(Sum, [&x, &row]).square().sum(..);
    let program = Program::new(&y, &[x.clone(), row], &[]);
    let mut program = program.expect("it looks at no value");
    let operands = [Tensor::ones([2, 2]), Tensor::from_slice(&[3.0, 5.0], [2])];
    let (value, gradients) = program.run(&[&operands[0], &operands[1]], &[]);
    assert_eq!(value.item(), 2.0 * (16.0 + 36.0));
    let gradients = gradients.into_iter().map(|g| g.map(|g| g.to_vec()));
    let expected = [vec![8.0, 12.0, 8.0, 12.0], vec![16.0, 24.0]];
    assert_eq!(gradients.collect::<Vec<_>>(), expected.map(Some));
}

#[test]
fn an_op_of_two_outputs_is_not_applied_as_one_of_one() {
    let x = Var::constant(Tensor::from_slice(&[1.0], [1]));
    assert_refused(
        "ProductAndConstant: has not exactly one output; use apply_many",
        || Var::apply(ProductAndConstant, [&x, &x]),
    );
}

#[test]
fn a_leaf_made_after_the_value_is_reported_as_unused() {
    let tape = Tape::new();
    let x = leaf(&tape, &[3.0]);
    let y = (&x * &x).sum(..);
    let later = leaf(&tape, &[1.0]);
    for gradients in [y.backward_keep(), y.backward()] {
        assert_eq!(gradients.wrt(&x).to_vec(), [6.0]);
        assert!(gradients.get(&later).is_none());
        let unreached = gradients.unreached(&later).expect("no path leads to it");
        assert!(unreached.end.is_none());
    }
}

#[test]
fn a_variable_shows_its_place_on_the_tape_if_it_has_one() {
    let tape = Tape::new();
    let _ = leaf(&tape, &[1.0]);
    let second = format!("{:?}", leaf(&tape, &[2.5]));
    assert!(
        second.contains("2.5") && second.contains("entry: 1"),
        "{second}"
    );
    let constant = format!("{:?}", Var::constant(Tensor::from_slice(&[2.5], [1])));
    assert!(
        constant.contains("2.5") && !constant.contains("entry"),
        "{constant}"
    );
}

#[test]
fn the_origin_of_an_infinity_is_shown_with_its_constant() {
    let tape = Tape::watch();
    let x = leaf(&tape, &[-1.0, 2.0]);
    let shown = |y: &Var<f64>| tape.origin_of(y).expect("it is not finite").to_string();
    let of_op = shown(&x.ln());
    assert!(
        of_op.starts_with("`ln` (") && of_op.ends_with(')'),
        "{of_op}"
    );
    let mask = Var::constant(Tensor::from_slice(&[f64::INFINITY, 0.0], [2]));
    let of_constant = shown(&(&x + &mask));
    assert!(
        of_constant.ends_with("), whose operand 1, a constant, is not finite already"),
        "{of_constant}"
    );
}

#[test]
fn windows_are_recorded_with_their_options_and_adaptive_ones_with_extents() {
    let tape = Tape::keeping_all();
    let x = tape.leaf(Tensor::<f64>::ones([1, 1, 5, 6]));
    let _ = x.avg_pool2d(PoolOptions::new([2, 3]).stride([1, 3]));
    let _ = x.adaptive_avg_pool2d([2, 3]);
    let calls = tape.calls();
    let attribute = |call: usize, name: &str| {
        let all = &calls[call].attributes;
        let found = all.iter().find(|(of, _)| *of == name);
        match found.map(|(_, value)| value) {
            Some(Attribute::Integers(values)) => Some(values.clone()),
            _ => None,
        }
    };
    assert_eq!(
        attribute(0, "kernel").map(|k| k.ends_with(&[2, 3])),
        Some(true)
    );
    assert_eq!(
        attribute(0, "stride").map(|k| k.ends_with(&[1, 3])),
        Some(true)
    );
    for (call, output) in [(0, [4, 2]), (1, [2, 3])] {
        assert_eq!(
            attribute(call, "output").map(|k| k.ends_with(&output)),
            Some(true)
        );
    }
    assert_eq!(attribute(1, "kernel"), None);
}
