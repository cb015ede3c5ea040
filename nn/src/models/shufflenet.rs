//! Networks that mix the channels of two branches by a permutation (Ma, Zhang, Zheng & Sun 2018).

use rand::Rng;
use wengert_autograd::Var;
use wengert_tensor::{Real, require};

use crate::layers::{BatchNorm2d, Conv2d, Linear, MaxPool2d, Relu, Sequential};
use crate::module::Module;
use crate::pass::Pass;
use crate::sequential;

/// The sizes of a [`ShuffleNetV2`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShuffleNetOptions {
    /// Units of stages 2, 3 and 4; 4, 8, 4.
    pub units: [usize; 3],
    /// Channels of the stem, of stages 2, 3 and 4 and of the last convolution; 24, 116, 232, 464, 1024, which is the
    /// width ×1.0 of the paper.
    pub channels: [usize; 5],
    /// Classes; 1000.
    pub classes: usize,
}

impl Default for ShuffleNetOptions {
    fn default() -> Self {
        Self {
            units: [4, 8, 4],
            channels: [24, 116, 232, 464, 1024],
            classes: 1000,
        }
    }
}

/// `ShuffleNetV2`, as torchvision has it; by default ×1.0.
///
/// * input: `[batch, 3, height, width]`, 224 × 224 in the paper
/// * output: `[batch, classes]`, scores
///
/// ```
/// use wengert_nn::models::{ShuffleNetOptions, ShuffleNetV2};
/// use wengert_nn::ParametersExt;
///
/// let model: ShuffleNetV2 = ShuffleNetV2::new(&ShuffleNetOptions::default(), &mut wengert_nn::rng(0));
/// assert_eq!(model.parameter_count(), 2_278_604);
/// ```
#[derive(Clone, Debug)]
pub struct ShuffleNetV2<T: Real = f32> {
    conv1: Sequential<T>,
    maxpool: MaxPool2d,
    stage2: Sequential<T>,
    stage3: Sequential<T>,
    stage4: Sequential<T>,
    conv5: Sequential<T>,
    /// The dense layer.
    pub fc: Linear<T>,
}

crate::fields!(ShuffleNetV2 {
    conv1,
    maxpool,
    stage2,
    stage3,
    stage4,
    conv5,
    fc
});

impl<T: Real> ShuffleNetV2<T> {
    /// The network.
    ///
    /// # Panics
    /// If the channels of a stage are odd.
    #[must_use]
    #[track_caller]
    pub fn new(options: &ShuffleNetOptions, rng: &mut impl Rng) -> Self {
        let [first, two, three, four, last] = options.channels;
        let stem = Conv2d::new(3, first, 3, rng).stride(2).padding(1);
        let conv1 = sequential![stem.without_bias(), BatchNorm2d::new(first), Relu];
        let [units2, units3, units4] = options.units;
        Self {
            conv1,
            maxpool: MaxPool2d::new(3).stride(2).padding(1),
            stage2: stage(first, two, units2, rng),
            stage3: stage(two, three, units3, rng),
            stage4: stage(three, four, units4, rng),
            conv5: pointwise(four, last, rng),
            fc: Linear::new(last, options.classes, rng),
        }
    }
}

impl<T: Real> Module<T> for ShuffleNetV2<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let x = self.conv1.call(x, pass);
        let mut x = self.maxpool.call(&x, pass);
        for stage in [&self.stage2, &self.stage3, &self.stage4, &self.conv5] {
            x = stage.call(&x, pass);
        }
        self.fc.call(&x.mean([2, 3]), pass)
    }
}

/// A unit of stride 2, then units of stride 1.
#[track_caller]
fn stage<T: Real>(
    inputs: usize,
    outputs: usize,
    units: usize,
    rng: &mut impl Rng,
) -> Sequential<T> {
    let mut stage = sequential![ShuffleUnit::new(inputs, outputs, 2, rng)];
    for _ in 1..units {
        stage = stage.push(ShuffleUnit::new(outputs, outputs, 1, rng));
    }
    stage
}

/// A 1 × 1 convolution, batch norm and a rectifier.
fn pointwise<T: Real>(inputs: usize, outputs: usize, rng: &mut impl Rng) -> Sequential<T> {
    let conv = Conv2d::new(inputs, outputs, 1, rng).without_bias();
    sequential![conv, BatchNorm2d::new(outputs), Relu]
}

/// Two branches whose channels are then interleaved. With stride 1 the channels are split, and one half goes through
/// unchanged; with stride 2 both branches read all of them.
///
/// `[batch, inputs, height, width]` becomes `[batch, outputs, ⌈height / stride⌉, ⌈width / stride⌉]`
#[derive(Clone, Debug)]
pub struct ShuffleUnit<T: Real = f32> {
    branch1: Sequential<T>,
    branch2: Sequential<T>,
}

crate::fields!(ShuffleUnit { branch1, branch2 });

impl<T: Real> ShuffleUnit<T> {
    /// A unit.
    ///
    /// # Panics
    /// If the outputs are odd, or with stride 1 other than the inputs.
    #[must_use]
    #[track_caller]
    pub fn new(inputs: usize, outputs: usize, stride: usize, rng: &mut impl Rng) -> Self {
        require!(
            outputs.is_multiple_of(2) && (stride > 1 || inputs == outputs),
            "shuffle_unit: {inputs} inputs, {outputs} outputs, stride {stride}: the outputs must be even, and with \
             stride 1 as many as the inputs"
        );
        let half = outputs / 2;
        let mut depthwise = |channels| {
            Conv2d::grouped(channels, channels, 3, channels, rng)
                .stride(stride)
                .padding(1)
                .without_bias()
        };
        let (first, second) = (depthwise(inputs), depthwise(half));
        let mut branch1 = Sequential::new();
        if stride > 1 {
            let back = Conv2d::new(inputs, half, 1, rng).without_bias();
            branch1 = sequential![
                first,
                BatchNorm2d::new(inputs),
                back,
                BatchNorm2d::new(half),
                Relu
            ];
        }
        let read = if stride > 1 { inputs } else { half };
        let [one, other] = [read, half].map(|n| Conv2d::new(n, half, 1, rng).without_bias());
        let branch2 = sequential![
            one,
            BatchNorm2d::new(half),
            Relu,
            second,
            BatchNorm2d::new(half),
            other,
            BatchNorm2d::new(half),
            Relu,
        ];
        Self { branch1, branch2 }
    }
}

impl<T: Real> Module<T> for ShuffleUnit<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let halves = if self.branch1.is_empty() {
            let halves = x.chunk(1, 2);
            [halves[0].clone(), self.branch2.call(&halves[1], pass)]
        } else {
            [self.branch1.call(x, pass), self.branch2.call(x, pass)]
        };
        let y = Var::concat(&[&halves[0], &halves[1]], 1);
        let &[batch, channels, height, width] = y.shape() else {
            unreachable!("the branches return images")
        };
        y.reshape([batch, 2, channels / 2, height, width])
            .transpose(1, 2)
            .reshape([batch, channels, height, width])
    }
}
