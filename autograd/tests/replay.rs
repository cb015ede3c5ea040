//! When a function is recorded again, and what a program computes: the bits of the tape, for any graph.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use proptest::prelude::*;
use wengert_autograd::{
    Call, Contributions, Draw, Inputs, OnSlices, Op, Outputs, Program, Reads, Replay, Sample, Tape,
    Var, check_op,
};
use wengert_tensor::testing::panics::message_of;
use wengert_tensor::{ConvOptions, Dual, Real, Tensor, slices};

fn numbers(values: &[f64]) -> Tensor<f64> {
    Tensor::from_vec(values.to_vec(), [values.len()])
}

/// The value and the gradients by an ordinary tape.
fn by_tape(
    f: impl Fn(&[Var<f64>]) -> Var<f64>,
    parameters: &[&Tensor<f64>],
    data: &[&Tensor<f64>],
) -> (f64, Vec<Option<Tensor<f64>>>) {
    let tape = Tape::new();
    let leaves: Vec<_> = parameters.iter().map(|&x| tape.leaf(x.clone())).collect();
    let constants = data.iter().map(|&x| Var::constant(x.clone()));
    let arguments: Vec<_> = leaves.iter().cloned().chain(constants).collect();
    let value = f(&arguments);
    let gradients = value.is_tracked().then(|| value.backward());
    let of_leaf = |x| gradients.as_ref()?.get(x).cloned();
    (value.item(), leaves.iter().map(of_leaf).collect())
}

fn bits(x: &Tensor<f64>) -> (Vec<usize>, Vec<u64>) {
    let bits = x
        .iter()
        .map(|x| if x.is_nan() { u64::MAX } else { x.to_bits() });
    (x.shape().to_vec(), bits.collect())
}

/// Replays a function on these arguments, one set after the other, and compares each call with the tape.
fn compare(
    f: impl Fn(&[Var<f64>]) -> Var<f64> + Clone + 'static,
    parameters: usize,
    arguments: &[&[Tensor<f64>]],
) -> Replay<f64> {
    let same = f.clone();
    let mut replay = Replay::new(move |(): &(), x: &[Var<f64>]| f(x));
    for x in arguments {
        let x: Vec<_> = x.iter().collect();
        let (parameters, data) = x.split_at(parameters);
        let (value, gradients) = replay.value_and_reached(&(), parameters, data);
        let (expected, by_tape) = by_tape(&same, parameters, data);
        assert_eq!(value.item().to_bits(), expected.to_bits());
        for (found, expected) in gradients.iter().zip(&by_tape) {
            assert_eq!(found.as_ref().map(bits), expected.as_ref().map(bits));
        }
    }
    replay
}

#[test]
fn another_shape_or_number_of_arguments_is_recorded() {
    let mut square = Replay::new(|(): &(), x: &[Var<f64>]| x[0].square().sum(..));
    for (n, recordings) in [(3, 1), (3, 1), (4, 2), (4, 2), (3, 3), (3, 3)] {
        let x = Tensor::full([n], 2.0);
        let (value, gradients) = square.value_and_grad(&(), &[&x], &[]);
        assert_eq!(
            (value, gradients[0].to_vec()),
            (4.0 * n as f64, vec![4.0; n])
        );
        assert_eq!(square.recordings(), recordings);
    }
    let (x, y) = (numbers(&[1.0, 2.0, 3.0]), numbers(&[1.0]));
    let _ = square.value_and_grad(&(), &[&x, &y], &[]);
    assert_eq!(square.recordings(), 4);
    // The same arguments, but one is data now.
    let (_, gradients) = square.value_and_grad(&(), &[&x], &[&y]);
    assert_eq!((square.recordings(), gradients.len()), (5, 1));
}

/// What a function depends on besides its arguments.
#[derive(Clone, Debug, PartialEq)]
struct Key {
    deep: bool,
    seed: u64,
    frozen: Vec<usize>,
    labels: Vec<i64>,
}

#[test]
fn another_branch_seed_frozen_set_or_label_is_recorded() {
    let f = |key: &Key, x: &[Var<f64>]| {
        let weight = |i: usize| {
            if key.frozen.contains(&i) {
                // A frozen parameter is data: no gradient flows.
                x[i].detach()
            } else {
                x[i].clone()
            }
        };
        let mut y = x[2].matmul(&weight(0));
        if key.deep {
            y = y.relu().matmul(&weight(1));
        }
        let labels = Tensor::from_vec(key.labels.clone(), [key.labels.len()]);
        let kept = (0..6)
            .map(|k| !(key.seed * 37 + k).is_multiple_of(3))
            .collect();
        let kept = Tensor::from_vec(kept, [2, 3]);
        y.dropout(&kept, 0.5).cross_entropy(&labels)
    };
    let mut draw = Draw::new(1, 3);
    let [a, b, x] = [[3, 3], [3, 3], [2, 3]].map(|shape| draw.normal(shape));
    let first = Key {
        deep: false,
        seed: 1,
        frozen: vec![],
        labels: vec![0, 2],
    };
    let keys = [
        first.clone(),
        Key {
            deep: true,
            ..first.clone()
        },
        Key {
            seed: 2,
            deep: true,
            ..first.clone()
        },
        Key {
            frozen: vec![0],
            deep: true,
            ..first.clone()
        },
        Key {
            labels: vec![1, 1],
            ..first.clone()
        },
    ];
    let mut replay = Replay::new(f);
    for (step, key) in keys
        .iter()
        .chain(&keys)
        .flat_map(|key| [key; 3])
        .enumerate()
    {
        let (value, gradients) = replay.value_and_reached(key, &[&a, &b], &[&x]);
        let (expected, by_tape) = by_tape(|x| f(key, x), &[&a, &b], &[&x]);
        assert_eq!(value.item().to_bits(), expected.to_bits(), "step {step}");
        for (found, expected) in gradients.iter().zip(&by_tape) {
            assert_eq!(
                found.as_ref().map(bits),
                expected.as_ref().map(bits),
                "step {step}"
            );
        }
        assert_eq!(replay.recordings(), step as u64 / 3 + 1, "step {step}");
    }
}

#[test]
fn a_function_that_looks_at_a_value_runs_in_every_call() {
    let readers: [(&str, fn(&[Var<f64>]) -> Var<f64>); 7] = [
        ("item", |x| {
            if x[0].sum(..).item() > 2.0 {
                x[0].sum(..)
            } else {
                x[0].square().sum(..)
            }
        }),
        ("value", |x| {
            if x[0].value().get([0]) > 0.5 {
                x[0].sum(..)
            } else {
                x[0].square().sum(..)
            }
        }),
        ("into_value", |x| {
            (&x[0] * Var::constant(x[0].square().into_value())).sum(..)
        }),
        ("Display", |x| {
            if format!("{}", x[0]).contains('3') {
                x[0].sum(..)
            } else {
                x[0].square().sum(..)
            }
        }),
        ("Debug", |x| {
            if format!("{:?}", x[0]).contains('3') {
                x[0].sum(..)
            } else {
                x[0].square().sum(..)
            }
        }),
        ("topk", |x| x[0].topk(0, 1).0.sum(..)),
        ("indices", |x| {
            let (y, at) = x[0].reshape([1, 1, 2]).max_pool1d_with_indices(2);
            y.sum(..) * (1.0 + at.get([0, 0, 0]) as f64)
        }),
    ];
    let (small, large) = (numbers(&[0.25, 0.5]), numbers(&[3.0, 0.25]));
    for (name, f) in readers {
        let calls = [&small, &large, &small].map(|x| [x.clone()]);
        let replay = compare(f, 1, &calls.each_ref().map(|x| &x[..]));
        assert_eq!(replay.recordings(), 1, "{name}");
        let place = replay
            .obstacle()
            .unwrap_or_else(|| panic!("{name} is not noticed"));
        // A formatter does not know its caller.
        let formats = name == "Display" || name == "Debug";
        assert!(
            formats || place.file().ends_with("tests/replay.rs"),
            "{name}: {place}"
        );
    }
    // The shape is not a value.
    let shapes = |x: &[Var<f64>]| (x[0].flatten(0, -1) / x[0].len() as f64).chunk(0, 2)[1].sum(..);
    let replay = compare(shapes, 1, &[&[small], &[large]]);
    assert_eq!((replay.recordings(), replay.obstacle()), (1, None));
}

#[test]
fn a_function_that_depends_on_something_else_panics() {
    let scale = Rc::new(Cell::new(1.0));
    let own = Rc::clone(&scale);
    let mut replay = Replay::new(move |(): &(), x: &[Var<f64>]| x[0].sum(..) * own.get());
    let x = numbers(&[1.0, 2.0]);
    assert_eq!(replay.value_and_grad(&(), &[&x], &[]).0, 3.0);
    scale.set(2.0);
    let text = message_of(|| replay.value_and_grad(&(), &[&x], &[]));
    assert!(
        text.contains("put what it depends on into the key"),
        "{text}"
    );

    // A change after the first replay is found too.
    scale.set(1.0);
    let own = Rc::clone(&scale);
    let mut replay = Replay::new(move |(): &(), x: &[Var<f64>]| x[0].sum(..) * own.get());
    for _ in 0..3 {
        let _ = replay.value_and_grad(&(), &[&x], &[]);
    }
    scale.set(2.0);
    let calls = (0..2000).take_while(|_| {
        let call = AssertUnwindSafe(|| replay.value_and_grad(&(), &[&x], &[]));
        catch_unwind(call).is_ok()
    });
    let calls = calls.count();
    assert!(calls < 1024, "{calls} calls");
}

#[test]
fn wrong_arguments_panic_at_the_caller() {
    let x = numbers(&[1.0, 2.0]);
    let mut vector = Replay::new(|(): &(), x: &[Var<f64>]| x[0].square());
    let text = message_of(|| vector.value_and_grad(&(), &[&x], &[]));
    assert!(
        text.contains("[2]: only a value of one element has a gradient"),
        "{text}"
    );
    let mut constant = Replay::new(|(): &(), _: &[Var<f64>]| Var::scalar(1.0));
    let text = message_of(|| constant.value_and_grad(&(), &[&x], &[]));
    assert!(text.contains("the value depends on no argument"), "{text}");

    let record = || {
        let tape = Tape::for_replay();
        let x = tape.leaf(numbers(&[1.0, 2.0]));
        (
            Program::new(&x.square().sum(..), std::slice::from_ref(&x), &[]),
            x,
        )
    };
    let mut program = record().0.expect("looks at no value");
    let text = message_of(|| program.run(&[&numbers(&[1.0])], &[]));
    assert!(
        text.contains("[1]: argument 0 was recorded as [2]"),
        "{text}"
    );
    let text = message_of(|| program.run(&[], &[&x]));
    assert!(
        text.contains("0 parameters and 1 data, 1 and 0 were recorded"),
        "{text}"
    );
    let text = message_of(|| {
        let tape = Tape::for_replay();
        let (x, y) = (
            tape.leaf(Tensor::scalar(1.0)),
            tape.leaf(Tensor::scalar(2.0)),
        );
        Program::new(&(&x * &y), &[x], &[])
    });
    assert!(text.contains("neither a parameter nor data"), "{text}");
}

#[test]
fn a_function_that_panics_can_be_called_again() {
    let mut inverse = Replay::new(|&wrong: &bool, x: &[Var<f64>]| {
        assert!(!wrong, "on purpose");
        x[0].reciprocal().sum(..)
    });
    let x = numbers(&[2.0]);
    for _ in 0..3 {
        assert_eq!(inverse.value_and_grad(&false, &[&x], &[]).0, 0.5);
        assert!(message_of(|| inverse.value_and_grad(&true, &[&x], &[])).contains("on purpose"));
    }
}

#[test]
fn dual_numbers_replay_with_their_tangents() {
    let mut f = Replay::new(|(): &(), x: &[Var<Dual>]| (x[0].sin() * &x[0]).sum(..));
    for (value, tangent) in [(0.5, 1.0), (0.5, 1.0), (2.0, -3.0), (-1.0, 0.25)] {
        let x = Tensor::from_vec(vec![Dual::new(value, tangent); 2], [2]);
        let (y, gradients) = f.value_and_grad(&(), &[&x], &[]);
        // (x sin x)' = sin x + x cos x, (x sin x)'' = 2 cos x − x sin x
        let close = |a: f64, b: f64| (a - b).abs() < 1e-14;
        let (sin, cos) = value.sin_cos();
        let (slope, curvature) = (sin + value * cos, 2.0 * cos - value * sin);
        assert!(close(y.value, 2.0 * value * sin) && close(y.tangent, 2.0 * slope * tangent));
        let g = gradients[0].get([1]);
        assert!(
            close(g.value, slope) && close(g.tangent, curvature * tangent),
            "{g:?}"
        );
    }
    assert_eq!(f.recordings(), 1);
}

#[test]
fn a_program_keeps_no_argument() {
    let mut f = Replay::new(|(): &(), x: &[Var<f64>]| {
        let product = x[0].reshape([1, 2]).matmul(&x[1].reshape([2, 1]));
        product.sum(..) + x[0].exp().sum(..)
    });
    let x = [numbers(&[1.0, 2.0]), numbers(&[3.0, 4.0])];
    for _ in 0..4 {
        let _ = f.value_and_grad(&(), &[&x[0]], &[&x[1]]);
        assert_eq!(f.recordings(), 1);
        assert!(x.iter().all(|x| !x.is_shared()));
    }
}

#[test]
fn a_rule_that_panics_leaves_the_program_whole() {
    /// `x`, with a rule that panics at 7.
    #[derive(Clone, Debug)]
    struct Careful;
    impl Op for Careful {
        fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
            x[0].clone().into()
        }
        fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
            assert!(call.input(0).item() != T::of(7.0), "on purpose");
            out.input(0, Clone::clone);
        }
        fn sample(draw: &mut Draw) -> Sample<Self> {
            Sample::new(Self, [draw.any()])
        }
    }
    let mut f = Replay::new(|(): &(), x: &[Var<f64>]| Var::apply(Careful, [&x[0]]).square());
    for value in [2.0, 2.0, 7.0, 3.0, 7.0, 4.0] {
        let x = Tensor::scalar(value);
        if value == 7.0 {
            assert!(message_of(|| f.value_and_grad(&(), &[&x], &[])).contains("on purpose"));
        } else {
            let (y, gradients) = f.value_and_grad(&(), &[&x], &[]);
            assert_eq!((y, gradients[0].item()), (value * value, 2.0 * value));
        }
    }
    assert_eq!(f.recordings(), 1);
}

#[test]
fn results_stay_as_they_are_when_the_program_runs_again() {
    let mut f = Replay::new(|(): &(), x: &[Var<f64>]| (x[0].exp() * &x[1]).sum(..));
    let x = [numbers(&[1.0, 2.0]), numbers(&[3.0, 4.0])];
    let results: Vec<_> = (0..4)
        .map(|k| {
            let x = x.each_ref().map(|x| x * (1.0 + f64::from(k)));
            (f.value_and_reached(&(), &x.each_ref(), &[]), x)
        })
        .collect();
    for ((value, gradients), x) in &results {
        let (expected, by_tape) = by_tape(|x| (x[0].exp() * &x[1]).sum(..), &x.each_ref(), &[]);
        assert_eq!(value.item(), expected);
        for (found, expected) in gradients.iter().zip(&by_tape) {
            assert_eq!(found.as_ref().map(bits), expected.as_ref().map(bits));
        }
    }
}

#[expect(clippy::too_many_lines, reason = "a list of cases")]
#[test]
fn graphs_of_every_kind_have_the_bits_of_the_tape() {
    let mut draw = Draw::new(3, 3);
    let mut normal = |shape: &[usize]| draw.normal(shape);
    let cases: Vec<(&str, usize, Vec<Tensor<f64>>, fn(&[Var<f64>]) -> Var<f64>)> = vec![
        ("a parameter is the value", 1, vec![normal(&[1])], |x| {
            x[0].clone()
        }),
        ("rank 0", 2, vec![normal(&[]), normal(&[])], |x| {
            (&x[0] * &x[1]).tanh() + &x[0]
        }),
        ("data only", 1, vec![normal(&[3]), normal(&[3])], |x| {
            x[1].exp().sum(..)
        }),
        (
            "an unused parameter",
            2,
            vec![normal(&[3]), normal(&[3])],
            |x| x[1].exp().sum(..),
        ),
        ("one operand twice", 1, vec![normal(&[3])], |x| {
            (&x[0] - &x[0] * &x[0] / &x[0]).sum(..)
        }),
        ("two contributions and a sum", 1, vec![normal(&[3])], |x| {
            let y = x[0].sin();
            (&y - y.exp() * &y - (&y - &y)).sum(..) + y.sum(..).square()
        }),
        ("a detached factor", 1, vec![normal(&[3])], |x| {
            (&x[0] * x[0].exp().detach()).sum(..) + x[0].detach().sum(..)
        }),
        (
            "repeated scalars",
            2,
            vec![normal(&[]), normal(&[4])],
            |x| ((&x[1] * &x[0] + &x[0]).sigmoid() / &x[0] - &x[0]).sum(..),
        ),
        (
            "an axis of extent 1",
            2,
            vec![normal(&[1, 1]), normal(&[4, 1])],
            |x| (&x[1] * &x[0]).sum(..),
        ),
        (
            "rows and columns",
            2,
            vec![normal(&[3, 1]), normal(&[1, 4])],
            |x| (&x[0] * &x[1]).exp().sum(..),
        ),
        ("views", 1, vec![normal(&[3, 4])], |x| {
            let y = x[0].tanh();
            (y.t() * y.t().flip(0) + y.t().slice(0, 1..2)).exp().sum(..) + y.select(1, 2).sum(..)
        }),
        ("many results", 1, vec![normal(&[6])], |x| {
            let parts = x[0].exp().split(0, [2, 1, 3]);
            (&parts[2] * 2.0).sum(..) - parts[0].sum(..)
        }),
        (
            "large operands",
            2,
            vec![normal(&[5000]), normal(&[5000])],
            |x| ((&x[0] * &x[1]).tanh() + x[0].relu() * &x[1]).mean(..),
        ),
        (
            "small and large",
            2,
            vec![normal(&[64]), normal(&[128, 64])],
            |x| {
                (x[0].exp() * &x[1])
                    .clamp(-1.0, 1.0)
                    .matmul(&x[0].sin())
                    .square()
                    .sum(..)
            },
        ),
        (
            "a layer",
            3,
            vec![
                normal(&[4, 3]),
                normal(&[4]),
                normal(&[2, 4]),
                normal(&[5, 3]),
            ],
            |x| {
                let hidden = x[3].linear(&x[0], Some(&x[1])).relu();
                hidden
                    .linear(&x[2], None)
                    .log_softmax(1)
                    .select(1, 0)
                    .mean(..)
            },
        ),
        (
            "an image",
            1,
            vec![normal(&[2, 1, 3, 3]), normal(&[1, 1, 6, 6])],
            |x| {
                x[1].conv2d(&x[0], &ConvOptions::default())
                    .max_pool2d(2)
                    .leaky_relu(0.1)
                    .square()
                    .sum(..)
            },
        ),
        ("no elements", 1, vec![normal(&[0]), normal(&[2])], |x| {
            x[0].exp().sum(..) + x[1].sum(..)
        }),
    ];
    for (name, parameters, arguments, f) in cases {
        println!("{name}");
        let other: Vec<_> = arguments
            .iter()
            .map(|x| x.map(|x| 0.75 * x - 0.125))
            .collect();
        let replay = compare(f, parameters, &[&arguments, &arguments, &other, &arguments]);
        assert_eq!(
            (replay.recordings(), replay.obstacle()),
            (1, None),
            "{name}"
        );
    }
}

/// A graph of random operations on random earlier values.
fn random_graph(x: &[Var<f64>], choices: &[(u8, u8, u8)]) -> Var<f64> {
    let mut values = x.to_vec();
    for &(op, a, b) in choices {
        let [a, b] = [a, b].map(|i| values[usize::from(i) % values.len()].clone());
        let y = match op % 20 {
            0 => &a + &b,
            1 => &a - &b,
            2 => &a * &b,
            3 => &a / (b.square() + 1.0),
            4 => a.tanh(),
            5 => a.sigmoid(),
            6 => a.relu(),
            7 => a.clamp(-0.5, 0.5),
            8 => a * -1.5,
            9 => 2.0 - a,
            10 => a.sum(..),
            11 => a.reshape([a.len()]).flip(0).broadcast_to([a.len()]).sum(0),
            12 => a.maximum(&b),
            13 => a.square() + a,
            14 => a.exp().softplus(1.0, 20.0),
            15 => a.neg() + &a,
            16 => a.sin() * b.cos(),
            17 => a.abs().sqrt(),
            18 => a.mean(..) + b.mean(..),
            _ => a.pow(2.0) - b / 3.0,
        };
        values.push(y);
    }
    let sums = values.iter().map(|y| y.mean(..));
    sums.reduce(|a, b| a + b).expect("values")
}

proptest! {
    #[test]
    fn random_graphs_have_the_bits_of_the_tape(
        n in 1_usize..40,
        choices in prop::collection::vec(any::<(u8, u8, u8)>(), 0..40),
        seed: u64,
    ) {
        let mut draw = Draw::new(seed, 3);
        let mut arguments = || vec![draw.normal([n]), draw.normal([]), draw.normal([n])];
        let (first, second) = (arguments(), arguments());
        let f = move |x: &[Var<f64>]| random_graph(x, &choices);
        let replay = compare(f, 2, &[&first, &first, &second, &first]);
        prop_assert_eq!(replay.recordings(), 1);
    }
}

/// A graph of random operations on square matrices, where products see transposed and repeated operands.
fn random_products(x: &[Var<f64>], choices: &[(u8, u8, u8)]) -> Var<f64> {
    let mut values = x.to_vec();
    for &(op, a, b) in choices {
        let [a, b] = [a, b].map(|i| values[usize::from(i) % values.len()].clone());
        let n = a.size(0);
        let y = match op % 12 {
            0 | 1 => a.matmul(&b),
            2 => a.linear(&b, None),
            3 => a.linear(&b, Some(&b.select(0, 0))),
            4 => a.t(),
            5 => a.sum(0).broadcast_to([n, n]),
            6 => a.flip(1).reshape([n, n]),
            7 => (&a + &b) * 0.5,
            8 => a.tanh() * b,
            9 => a.reshape([n * n]).reshape([n, n]),
            10 => a.mean(..).broadcast_to([n, n]),
            _ => a.square() - b.t(),
        };
        values.push(y.tanh() + y.sum(..) * 0.0 + &y * 0.0);
        values.push(y * 0.25);
    }
    let sums = values.iter().map(|y| y.sum(..));
    sums.reduce(|a, b| a + b).expect("values")
}

proptest! {
    #[test]
    fn random_products_have_the_bits_of_the_tape(
        n in 1_usize..20,
        choices in prop::collection::vec(any::<(u8, u8, u8)>(), 0..16),
        seed: u64,
    ) {
        let mut draw = Draw::new(seed, 3);
        let mut arguments = || vec![draw.normal([n, n]), draw.normal([n, n]), draw.normal([n, n])];
        let (first, second) = (arguments(), arguments());
        let transposed: Vec<_> = second.iter().map(Tensor::t).collect();
        let f = move |x: &[Var<f64>]| random_products(x, &choices);
        let replay = compare(f, 2, &[&first, &first, &second, &transposed, &transposed, &first]);
        // Other strides are recorded; a matrix of one element has one layout.
        let recordings = if n == 1 { 1 } else { 3 };
        prop_assert_eq!(replay.recordings(), recordings);
    }
}

/// `a·b + a` with a mistake on slices of our choice.
#[derive(Clone, Debug)]
struct Planted;

thread_local! {
    static MISTAKE: RefCell<&'static str> = const { RefCell::new("") };
}

impl Op for Planted {
    fn reads(&self) -> Reads {
        Reads::INPUTS
    }
    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        (&x[0] * &x[1] + &x[0]).into()
    }
    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |g| g * call.input(1) + g);
        out.input(1, |g| g * call.input(0));
    }
    fn on_slices<T: Real>(&self, _: &[&[usize]]) -> Option<OnSlices<T>> {
        let mistake = MISTAKE.with(|mistake| *mistake.borrow());
        let of_value = if mistake == "value" {
            T::of(1.0 + 1e-15)
        } else {
            T::one()
        };
        let op = OnSlices::pointwise(move |x, y| {
            slices::zip(x[0], x[1], y, |a, b| (a * b + a) * of_value);
        });
        let of_slope = if mistake == "slope" {
            T::of(1.0 + 1e-15)
        } else {
            T::one()
        };
        let op = op.input(0, move |at, out| {
            slices::zip(at.grad, at.x[1], out, |g, b| (g * b + g) * of_slope);
        });
        Some(match mistake {
            "missing" => op,
            "unchanged" => op.input_unchanged(1),
            "undeclared" => op.input(1, |at, out| slices::zip(at.grad, at.y, out, |g, y| g * y)),
            _ => op.input(1, |at, out| {
                slices::zip(at.grad, at.x[0], out, |g, a| g * a);
            }),
        })
    }
    fn sample(draw: &mut Draw) -> Sample<Self> {
        let shape = draw.any_shape();
        Sample::new(Self, [draw.normal(&shape), draw.normal(&shape)])
    }
}

#[test]
fn a_wrong_op_on_slices_is_found_by_the_check_of_the_op() {
    check_op::<Planted>().assert();
    for mistake in ["value", "slope", "missing", "unchanged", "undeclared"] {
        MISTAKE.with(|place| *place.borrow_mut() = mistake);
        let text = message_of(check_op::<Planted>);
        let expected = if mistake == "undeclared" {
            "lengths"
        } else {
            "on_slices"
        };
        assert!(text.contains(expected), "{mistake}: {text}");
        MISTAKE.with(|place| *place.borrow_mut() = "");
    }
}
