//! Starting values of parameters, drawn in `f64` from a caller's generator, so that every type of
//! number starts equal from one seed.
//!
//! ```
//! use wengert_nn::{Linear, Param, init};
//!
//! let rng = &mut wengert_nn::rng(0);
//! let mut layer: Linear = Linear::new(64, 10, rng);
//! let gain = init::Nonlinearity::Tanh.gain();
//! layer.weight = Param::new(init::xavier_uniform([10, 64], gain, rng));
//! ```

use rand::{Rng, RngExt};
use rand_distr::StandardNormal;
use wengert_tensor::{Real, Tensor, require};

/// How many numbers of the layer below feed one of a layer's results, and how many of the layer
/// above read one of its inputs: `[fan_in, fan_out]`.
///
/// A weight is `[outputs, inputs, window…]`; `fan_in = inputs · window`, `fan_out = outputs · window`.
///
/// # Panics
/// If the shape has fewer than two axes.
#[must_use]
#[track_caller]
pub fn fans(shape: impl AsRef<[usize]>) -> [usize; 2] {
    let shape = shape.as_ref();
    require!(
        shape.len() >= 2,
        "fans: {shape:?}: a weight has two axes or more"
    );
    let window: usize = shape[2..].iter().product();
    [shape[1] * window, shape[0] * window]
}

/// Which of the two [`fans`] a variance is divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fan {
    /// Keeps the variance of the signal on its way forward.
    #[default]
    In,
    /// Keeps the variance of the gradient on its way back.
    Out,
}

impl Fan {
    #[track_caller]
    fn of(self, shape: &[usize]) -> f64 {
        let [fan_in, fan_out] = fans(shape);
        match self {
            Self::In => fan_in as f64,
            Self::Out => fan_out as f64,
        }
    }
}

/// The function behind a layer, for the factor that makes up for what it takes from the variance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Nonlinearity {
    /// None; also the value for convolutions as such.
    Linear,
    /// The logistic function.
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// The positive part.
    Relu,
    /// The positive part, and the negative one times this slope.
    LeakyRelu(f64),
    /// The self-normalising exponential unit.
    Selu,
}

impl Nonlinearity {
    /// The factor on a weight's standard deviation: 1, 1, 5/3, √2, √(2 / (1 + slope²)), 3/4, as
    /// `torch.nn.init.calculate_gain` has them.
    #[must_use]
    pub fn gain(self) -> f64 {
        match self {
            Self::Linear | Self::Sigmoid => 1.0,
            Self::Tanh => 5.0 / 3.0,
            Self::Relu => std::f64::consts::SQRT_2,
            Self::LeakyRelu(slope) => (2.0 / (1.0 + slope * slope)).sqrt(),
            Self::Selu => 0.75,
        }
    }
}

/// The standard deviation of Glorot's scheme: `gain · √(2 / (fan_in + fan_out))`.
///
/// # Panics
/// If the shape has fewer than two axes.
#[must_use]
#[track_caller]
pub fn xavier_std(shape: impl AsRef<[usize]>, gain: f64) -> f64 {
    let [fan_in, fan_out] = fans(shape);
    gain * (2.0 / (fan_in + fan_out) as f64).sqrt()
}

/// The standard deviation of He's scheme: `gain / √fan`.
///
/// # Panics
/// If the shape has fewer than two axes.
#[must_use]
#[track_caller]
pub fn kaiming_std(shape: impl AsRef<[usize]>, fan: Fan, gain: f64) -> f64 {
    gain / fan.of(shape.as_ref()).sqrt()
}

/// Normal with mean 0 and standard deviation [`xavier_std`] (Glorot & Bengio 2010, eq. 12).
///
/// # Panics
/// If the shape has fewer than two axes.
#[must_use]
#[track_caller]
pub fn xavier_normal<T: Real>(
    shape: impl AsRef<[usize]>,
    gain: f64,
    rng: &mut (impl Rng + ?Sized),
) -> Tensor<T> {
    let std = xavier_std(&shape, gain);
    Tensor::normal(shape, 0.0, std, rng)
}

/// Uniform in `±√3 ·` [`xavier_std`] (Glorot & Bengio 2010, eq. 16).
///
/// # Panics
/// If the shape has fewer than two axes.
#[must_use]
#[track_caller]
pub fn xavier_uniform<T: Real>(
    shape: impl AsRef<[usize]>,
    gain: f64,
    rng: &mut (impl Rng + ?Sized),
) -> Tensor<T> {
    let std = xavier_std(&shape, gain);
    uniform_of_std(shape, std, rng)
}

/// Normal with mean 0 and standard deviation [`kaiming_std`] (He et al. 2015, eq. 10 and 14).
///
/// # Panics
/// If the shape has fewer than two axes.
#[must_use]
#[track_caller]
pub fn kaiming_normal<T: Real>(
    shape: impl AsRef<[usize]>,
    fan: Fan,
    gain: f64,
    rng: &mut (impl Rng + ?Sized),
) -> Tensor<T> {
    let std = kaiming_std(&shape, fan, gain);
    Tensor::normal(shape, 0.0, std, rng)
}

/// Uniform in `±√3 ·` [`kaiming_std`].
///
/// # Panics
/// If the shape has fewer than two axes.
#[must_use]
#[track_caller]
pub fn kaiming_uniform<T: Real>(
    shape: impl AsRef<[usize]>,
    fan: Fan,
    gain: f64,
    rng: &mut (impl Rng + ?Sized),
) -> Tensor<T> {
    let std = kaiming_std(&shape, fan, gain);
    uniform_of_std(shape, std, rng)
}

/// Normal around 0, values beyond `limit` standard deviations drawn again.
///
/// # Panics
/// If the deviation or the limit is not positive.
#[must_use]
#[track_caller]
pub fn truncated_normal<T: Real>(
    shape: impl AsRef<[usize]>,
    std: f64,
    limit: f64,
    rng: &mut (impl Rng + ?Sized),
) -> Tensor<T> {
    require!(
        std >= 0.0 && limit > 0.0,
        "truncated_normal: deviation {std}, limit {limit}: no such distribution"
    );
    Tensor::from_fn(shape, |_| {
        let z = loop {
            let z: f64 = rng.sample(StandardNormal);
            if z.abs() <= limit {
                break z;
            }
        };
        T::of(std * z)
    })
}

/// A random matrix with orthonormal rows (or columns, if there are more rows), times `gain`
/// (Saxe et al. 2014); axes behind the first are one.
///
/// # Panics
/// If the shape has fewer than two axes.
#[must_use]
#[track_caller]
pub fn orthogonal<T: Real>(
    shape: impl AsRef<[usize]>,
    gain: f64,
    rng: &mut (impl Rng + ?Sized),
) -> Tensor<T> {
    let shape = shape.as_ref();
    require!(
        shape.len() >= 2,
        "orthogonal: {shape:?}: a weight has two axes or more"
    );
    let (rows, columns) = (shape[0], shape[1..].iter().product::<usize>());
    let (count, length) = (rows.min(columns), rows.max(columns));
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(count);
    while basis.len() < count {
        let mut v: Vec<f64> = (0..length).map(|_| rng.sample(StandardNormal)).collect();
        let before = norm(&v);
        // Twice is enough: the second round removes what rounding left of the first.
        for _ in 0..2 {
            for u in &basis {
                let along: f64 = u.iter().zip(&v).map(|(u, v)| u * v).sum();
                v.iter_mut().zip(u).for_each(|(v, u)| *v -= along * u);
            }
        }
        let after = norm(&v);
        // A vector that was nearly in the span already has no direction left but rounding's.
        if after > 1e-8 * before {
            for v in &mut v {
                *v /= after;
            }
            basis.push(v);
        }
    }
    let transposed = rows > columns;
    let matrix = Tensor::from_fn([rows, columns], |i| {
        T::of(
            gain * if transposed {
                basis[i[1]][i[0]]
            } else {
                basis[i[0]][i[1]]
            },
        )
    });
    matrix.reshape(shape)
}

fn norm(v: &[f64]) -> f64 {
    v.iter().map(|v| v * v).sum::<f64>().sqrt()
}

#[track_caller]
fn uniform_of_std<T: Real>(
    shape: impl AsRef<[usize]>,
    std: f64,
    rng: &mut (impl Rng + ?Sized),
) -> Tensor<T> {
    let bound = 3.0_f64.sqrt() * std;
    Tensor::uniform(shape, -bound..bound, rng)
}

/// Weights and biases of a new dense or convolutional layer are uniform in ± this: `1/√fan_in`, as
/// `PyTorch` has it.
#[must_use]
pub fn default_bound(fan_in: usize) -> f64 {
    // A layer without inputs has no weights, and its bias starts as that of a single input.
    1.0 / (fan_in.max(1) as f64).sqrt()
}

/// The starting values of dense and convolutional layers.
pub(crate) fn weight_and_bias<T: Real>(
    shape: &[usize],
    outputs: usize,
    rng: &mut impl Rng,
) -> (Tensor<T>, Tensor<T>) {
    let [fan_in, _] = fans(shape);
    let bound = default_bound(fan_in);
    let weight = Tensor::uniform(shape, -bound..bound, rng);
    let bias = Tensor::uniform([outputs], -bound..bound, rng);
    (weight, bias)
}
