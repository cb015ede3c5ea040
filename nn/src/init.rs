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

mod nonlinearity;

use std::ops::Range;

use rand::{Rng, RngExt};
use rand_distr::StandardNormal;
use wengert_tensor::{Real, Tensor, require};

pub use nonlinearity::{Nonlinearity, UnknownNonlinearity, calculate_gain};

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

/// Normal, held to a range: the draws of a normal distribution that fall into it.
///
/// # Panics
/// If the deviation is negative, or the range empty.
#[must_use]
#[track_caller]
pub fn truncated_normal<T: Real>(
    shape: impl AsRef<[usize]>,
    mean: f64,
    std: f64,
    range: Range<f64>,
    rng: &mut (impl Rng + ?Sized),
) -> Tensor<T> {
    require!(
        std > 0.0 && range.start < range.end,
        "truncated_normal: deviation {std}, range {range:?}: no such distribution"
    );
    let standard = (range.start - mean) / std..(range.end - mean) / std;
    Tensor::from_fn(shape, |_| {
        let x = mean + std * normal_within(&standard, rng);
        // Rounding may step over an end.
        T::of(x.clamp(range.start, range.end))
    })
}

/// A standard normal number in a range, by rejection that accepts often wherever the range lies
/// (Robert 1995).
fn normal_within(range: &Range<f64>, rng: &mut (impl Rng + ?Sized)) -> f64 {
    let &Range { start, end } = range;
    if end <= 0.0 {
        return -normal_within(&(-end..-start), rng);
    }
    // If the density falls little over the range, a uniform proposal is accepted more often than a normal
    // or exponential one.
    let narrow = (end - start) * start.max(1.0) < (2.0 * std::f64::consts::PI).sqrt();
    let nearest = start.max(0.0);
    loop {
        let (z, accepted) = if narrow {
            let z = start + (end - start) * rng.random::<f64>();
            (z, ((nearest * nearest - z * z) / 2.0).exp())
        } else if start <= 0.0 {
            (rng.sample(StandardNormal), 1.0)
        } else {
            let rate = f64::midpoint(start, (start * start + 4.0).sqrt());
            let z = start - (1.0 - rng.random::<f64>()).ln() / rate;
            (z, (-(z - rate) * (z - rate) / 2.0).exp())
        };
        if (start..=end).contains(&z) && rng.random::<f64>() <= accepted {
            return z;
        }
    }
}

/// Ones where row and column agree, zeros elsewhere: a linear layer that keeps what it can.
#[must_use]
#[track_caller]
pub fn eye<T: Real>(shape: [usize; 2]) -> Tensor<T> {
    Tensor::from_fn(
        shape,
        |at| if at[0] == at[1] { T::one() } else { T::zero() },
    )
}

/// Filters of a convolution that copies its input channels to the outputs, as many as there are of
/// both: filter `i` of each of `groups` groups has a 1 in the middle of channel `i`, and zeros elsewhere.
///
/// * `shape`: `[filters, channels / groups, kernel…]`
///
/// # Panics
/// If there are fewer than three axes, or the groups do not divide the filters.
#[must_use]
#[track_caller]
pub fn dirac<T: Real>(shape: impl AsRef<[usize]>, groups: usize) -> Tensor<T> {
    let shape = shape.as_ref();
    require!(
        shape.len() >= 3 && groups > 0 && shape[0].is_multiple_of(groups),
        "dirac: {shape:?}: filters with a window are needed, in {groups} equal groups"
    );
    let each = shape[0] / groups;
    Tensor::from_fn(shape, |at| {
        let middle = at[2..]
            .iter()
            .zip(&shape[2..])
            .all(|(&at, &extent)| at == extent / 2);
        if middle && at[0] % each == at[1] {
            T::one()
        } else {
            T::zero()
        }
    })
}

/// A random matrix with orthonormal rows (or columns, if there are more rows), times `gain`
/// (Saxe et al. 2014); axes after the first are one.
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
        // If little is left, `v` was almost in the span of the basis and what is left is rounding error:
        // draw another one.
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
    let bound = uniform_bound(std);
    Tensor::uniform(shape, -bound..bound, rng)
}

/// The bound of a uniform distribution around 0 with this standard deviation: `√3 · std`.
#[must_use]
pub fn uniform_bound(std: f64) -> f64 {
    3.0_f64.sqrt() * std
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
