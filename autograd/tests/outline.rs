//! A tape that describes a computation in place of running it.

use std::panic::catch_unwind;

use wengert_autograd::ops::AttentionOptions;
use wengert_autograd::{
    Call, Contributions, Draw, Inputs, Op, Outline, Outlined, Outputs, Reach, Sample, Tape, Var,
    Window,
};
use wengert_tensor::{ConvOptions, ConvTransposeOptions, PoolOptions, Real, Tensor};

type Network = fn(&Var, &Var) -> Var;

fn outlined(network: Network, x: &[usize], w: &[usize]) -> (Vec<usize>, Vec<Outlined>) {
    let tape = Tape::outline();
    let (x, w) = (tape.leaf(Tensor::zeros(x)), tape.leaf(Tensor::zeros(w)));
    let y = network(&x, &w);
    (y.shape().to_vec(), tape.outlined())
}

#[test]
fn the_shapes_of_an_outline_are_those_of_a_run() {
    let networks: [(Network, &[usize], &[usize]); 9] = [
        (
            |x, w| x.conv2d(w, &ConvOptions::default().stride([2, 1]).padding(1)),
            &[2, 3, 9, 8],
            &[4, 3, 3, 2],
        ),
        (
            |x, w| x.conv1d(w, &ConvOptions::default()),
            &[3, 9],
            &[4, 3, 2],
        ),
        (
            |x, w| x.conv_transpose2d(w, &ConvTransposeOptions::default().stride(2)),
            &[2, 3, 4, 5],
            &[3, 2, 3, 2],
        ),
        (|x, w| x.linear(w, None).relu(), &[2, 3, 5], &[4, 5]),
        (|x, w| x.matmul(&w.t()).tanh(), &[2, 3, 5], &[4, 5]),
        (|x, w| (x * w - w) / 2.0 + x, &[2, 3, 5], &[3, 1]),
        (
            |x, w| x.avg_pool2d(PoolOptions::new(2).ceil()) + w,
            &[1, 2, 5, 7],
            &[1],
        ),
        (|x, w| (x + w).softmax(-1).flatten(1, -1), &[2, 3, 5], &[5]),
        (|x, w| x.relu() * w.relu_of_clone(), &[2, 2], &[2]),
    ];
    for (i, (network, x, w)) in networks.into_iter().enumerate() {
        let run = network(
            &Var::constant(Tensor::ones(x)),
            &Var::constant(Tensor::ones(w)),
        );
        assert_eq!(outlined(network, x, w).0, run.shape(), "network {i}");
    }
}

trait IntoReluOfClone {
    fn relu_of_clone(&self) -> Var;
}

impl IntoReluOfClone for Var {
    fn relu_of_clone(&self) -> Var {
        self.clone().into_relu()
    }
}

#[test]
fn products_are_counted_by_their_definitions() {
    let count = |network, x: &[usize], w: &[usize]| -> u64 {
        let (_, ops) = outlined(network, x, w);
        ops.iter().map(|op| op.multiply_adds).sum()
    };
    // 4 filters of 3·3·2 taps at 2·5·9 positions.
    let conv: Network = |x, w| x.conv2d(w, &ConvOptions::default().stride([2, 1]).padding(1));
    assert_eq!(
        count(conv, &[2, 3, 9, 8], &[4, 3, 3, 2]),
        4 * 18 * 2 * 5 * 9
    );
    let linear: Network = |x, w| x.linear(w, None);
    assert_eq!(count(linear, &[2, 3, 5], &[4, 5]), 2 * 3 * 5 * 4);
    let matmul: Network = |x, w| w.matmul(x);
    assert_eq!(count(matmul, &[2, 5, 7], &[2, 4, 5]), 2 * 4 * 5 * 7);
    let elementwise: Network = |x, w| (x * w).relu();
    assert_eq!(count(elementwise, &[7], &[7]), 0);
}

#[test]
fn windows_are_those_of_the_options_also_where_a_border_cuts_them() {
    let pool: Network =
        |x, _| x.avg_pool2d(PoolOptions::new([3, 2]).stride([2, 3]).padding([1, 0]));
    let (_, ops) = outlined(pool, &[1, 1, 12, 12], &[1]);
    let window = Window {
        kernel: [3, 2],
        stride: [2, 3],
        dilation: [1; 2],
    };
    assert_eq!(ops[0].reach, Reach::Window(window));
    // The first window has its first pixel at 2, the second at 0.
    let dilated: Network = |x, _| {
        let options = PoolOptions::new(3).stride(1).padding(1).dilation(3);
        x.max_pool2d(options)
    };
    let (_, ops) = outlined(dilated, &[1, 1, 12, 12], &[1]);
    let window = Window {
        kernel: [3; 2],
        stride: [1; 2],
        dilation: [3; 2],
    };
    assert_eq!(ops[0].reach, Reach::Window(window));
    let (_, ops) = outlined(|x, _| x.adaptive_avg_pool2d(1), &[1, 1, 6, 7], &[1]);
    assert_eq!(ops[0].reach, Reach::Whole);
}

#[test]
fn a_convolution_too_large_to_run_is_described() {
    let conv: Network = |x, w| x.conv2d(w, &ConvOptions::default());
    let tape = Tape::outline();
    let large = |shape: [usize; 4]| tape.leaf(Tensor::scalar(0.0).broadcast_to(shape));
    let y = conv(&large([1024, 1024, 512, 512]), &large([1024, 1024, 3, 3]));
    assert_eq!(y.relu().shape(), [1024, 1024, 510, 510]);
}

#[test]
fn attention_is_described() {
    let tape = Tape::outline();
    let [q, k, v] =
        [[2, 3, 4], [2, 5, 4], [2, 5, 6]].map(|shape| tape.leaf(Tensor::<f32>::zeros(shape)));
    let y = q.scaled_dot_product_attention(&k, &v, &AttentionOptions::default());
    assert_eq!(y.shape(), [2, 3, 6]);
    let ops = tape.outlined();
    let attention = ops
        .iter()
        .find(|op| op.op == "attention")
        .expect("it is plain");
    // 3·5 scores for each of 2 matrices: products of 4 terms, then of 6 values.
    assert_eq!(attention.multiply_adds, 2 * 3 * 5 * (4 + 6));
    assert_eq!(attention.reach, Reach::Whole);
}

#[test]
fn the_window_of_one_pixel_is_that_pixel() {
    let (_, ops) = outlined(|x, _| x.adaptive_avg_pool2d(1), &[1, 2, 1, 1], &[1]);
    let window = Window {
        kernel: [1; 2],
        stride: [1; 2],
        dilation: [1; 2],
    };
    assert_eq!(ops[0].reach, Reach::Window(window));
}

/// Twice its input and its input, and an outline that says something else.
#[derive(Clone, Debug)]
struct Described(fn(&[usize]) -> Outline);

impl Op for Described {
    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        Outputs::from([&x[0] + &x[0], x[0].clone()])
    }
    fn outline(&self, inputs: &[&[usize]]) -> Outline {
        (self.0)(inputs[0])
    }
    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let [twice, once] = [0, 1].map(|k| out.grad(k).cloned());
        let zero = || Var::full(call.input(0).shape(), 0.0);
        let twice = twice.unwrap_or_else(zero) * 2.0;
        out.add(0, twice + once.unwrap_or_else(zero));
    }
    fn sample(draw: &mut Draw) -> Sample<Self> {
        Sample::new(Self(right), [draw.any()])
    }
}

fn right(x: &[usize]) -> Outline {
    Outline::of(x).and(x)
}

#[test]
fn an_outline_that_differs_from_the_results_is_refused() {
    let run = |outline| {
        let x = Tape::watch().leaf(Tensor::<f64>::ones([2, 3]));
        let _ = Var::apply_many(Described(outline), [&x]);
    };
    run(right);
    let wrong: [fn(&[usize]) -> Outline; 3] = [
        |x| Outline::of(x).and([x[0]]),
        |x| Outline::of(x),
        |x| Outline::of([x[1], x[0]]).and(x),
    ];
    for outline in wrong {
        // Release builds do not compare.
        let refused = catch_unwind(|| run(outline)).is_err();
        assert_eq!(refused, cfg!(debug_assertions));
    }
}
