//! What programs take, and functions that they leave to the tape.

use wengert_autograd::{Draw, LARGEST, Program, Replay, Tape, Var, require_same};
use wengert_tensor::Tensor;
use wengert_tensor::testing::panics::assert_refused;

fn numbers(values: &[f64]) -> Tensor<f64> {
    Tensor::from_slice(values, [values.len()])
}

/// A value, and the gradient of one parameter, if it has one.
type Result = (Tensor<f64>, Vec<Option<Tensor<f64>>>);

#[test]
fn results_are_the_same_if_nan_is_where_nan_was() {
    let of = |value: f64, gradients: &[Option<&[f64]>]| -> Result {
        let gradients = gradients.iter().map(|g| g.map(numbers));
        (Tensor::scalar(value), gradients.collect())
    };
    let (nan, infinite) = (f64::NAN, f64::INFINITY);
    for same in [
        of(1.0, &[Some(&[1.0, 2.0])]),
        of(nan, &[Some(&[nan, infinite]), None]),
    ] {
        require_same(&same, &same);
    }
    let first = of(nan, &[Some(&[1.0, nan])]);
    for other in [
        of(1.0, &[Some(&[1.0, nan])]),
        of(nan, &[Some(&[nan, nan])]),
        of(nan, &[Some(&[1.0, 2.0])]),
        // Fewer elements, fewer parameters, no path to the parameter.
        of(nan, &[Some(&[1.0])]),
        of(nan, &[]),
        of(nan, &[None]),
    ] {
        for (a, b) in [(&first, &other), (&other, &first)] {
            assert_refused("put what it depends on into the key", || require_same(a, b));
        }
    }
}

#[test]
fn another_number_of_data_is_recorded() {
    let mut replay = Replay::new(|(): &(), x: &[Var<f64>]| {
        let terms = x.iter().map(|x| x.square().sum(..));
        terms.reduce(|a, b| a + b).expect("a parameter")
    });
    let (x, data) = (numbers(&[1.0, 2.0]), numbers(&[3.0]));
    for (data, value, recordings) in [
        (&[][..], 5.0, 1),
        (&[&data], 14.0, 2),
        (&[&data], 14.0, 2),
        (&[&data, &data], 23.0, 3),
    ] {
        let (found, gradients) = replay.value_and_grad(&(), &[&x], data);
        assert_eq!((found, gradients[0].to_vec()), (value, vec![2.0, 4.0]));
        assert_eq!(replay.recordings(), recordings);
    }
}

#[test]
fn a_value_of_the_data_alone_has_no_gradient() {
    // It looks at a value, so that every call runs on a tape.
    let mut replay = Replay::new(|(): &(), x: &[Var<f64>]| {
        let scale = x[1].value().to_vec()[0];
        x[1].sum(..) * scale
    });
    let (x, data) = (numbers(&[1.0]), numbers(&[3.0, 4.0]));
    for _ in 0..3 {
        let (value, gradients) = replay.value_and_reached(&(), &[&x], &[&data]);
        assert_eq!((value.item(), gradients), (21.0, vec![None]));
        let (_, gradients) = replay.value_and_grad(&(), &[&x], &[&data]);
        assert_eq!(gradients[0].to_vec(), [0.0]);
    }
    assert!(replay.obstacle().is_some());
}

#[test]
fn a_program_is_of_one_value_and_the_leaves_of_its_tape() {
    let leaf = |tape: &Tape<f64>| tape.leaf(numbers(&[1.0, 2.0]));
    let tape = Tape::for_replay();
    let x = leaf(&tape);
    let of =
        |value: &Var<f64>, parameters: &[Var<f64>]| Program::new(value, parameters, &[]).is_ok();
    assert_refused("[2]: only a value of one element has a gradient", || {
        of(&x.square(), std::slice::from_ref(&x))
    });
    let plain = leaf(&Tape::new());
    for value in [Var::scalar(1.0), plain.sum(..)] {
        assert_refused("the value depends on no argument", || of(&value, &[]));
    }
    let value = x.square().sum(..);
    for other in [leaf(&Tape::for_replay()), Var::scalar(1.0)] {
        assert_refused("an argument is no leaf of the tape of the value", || {
            of(&value, &[x.clone(), other.clone()])
        });
    }
    assert!(of(&value, &[x]));
}

#[test]
fn small_ops_of_many_operands_or_rows_replay_with_the_bits_of_the_tape() {
    let five = |x: &[Var<f64>]| {
        let parts: Vec<_> = x.iter().chain(x).chain(x).take(5).collect();
        Var::concat(&parts, 0).tanh().sum(..)
    };
    let rows = |x: &[Var<f64>]| x[0].linear(&x[1], None).sin().sum(..);
    let mut draw = Draw::new(4, LARGEST);
    // More rows than are summed at once, and no more than 4096 elements.
    let of_rows = [draw.normal([1500, 1]), draw.normal([2, 1])];
    let of_parts = [draw.normal([3]), draw.normal([2])];
    let functions: [(fn(&[Var<f64>]) -> Var<f64>, _); 2] = [(five, of_parts), (rows, of_rows)];
    for (f, x) in functions {
        let tape = Tape::new();
        let leaves: Vec<_> = x.iter().map(|x| tape.leaf(x.clone())).collect();
        let value = f(&leaves);
        let gradients = value.backward();
        let mut replay = Replay::new(move |(): &(), x: &[Var<f64>]| f(x));
        for _ in 0..3 {
            let (found, slopes) = replay.value_and_grad(&(), &[&x[0], &x[1]], &[]);
            assert_eq!(found.to_bits(), value.item().to_bits());
            for (slope, x) in slopes.iter().zip(&leaves) {
                assert_eq!(slope.to_vec(), gradients.wrt(x).to_vec());
            }
        }
        assert_eq!((replay.recordings(), replay.obstacle()), (1, None));
    }
}
