//! The conformance test of a convolution kernel: its results are correct and repeatable. Kernels must pass it
//! before they are used or timed.

use std::error::Error;
use std::fmt;

use super::reference::{elements, unravel};
use crate::Real;
use crate::kernels::conv::{ConvGeometry, ConvKernel, Direction};

/// How a kernel failed its conformance test.
#[derive(Clone, Debug, PartialEq)]
pub struct ConformanceError {
    /// The kernel's name.
    pub kernel: &'static str,
    /// The geometry, as text.
    pub geometry: String,
    /// The failure.
    pub failure: Failure,
}

/// How a kernel failed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Failure {
    /// The kernel does not support the geometry, for this reason.
    Unsupported(&'static str),
    /// An element differs from the definition.
    Wrong {
        /// The direction of the call.
        direction: Direction,
        /// Position in the result: batch (or filter), channel, depth, height, width.
        index: [usize; 5],
        /// The element by the definition, in `f64`.
        expected: f64,
        /// The kernel's element; NaN if it was not written.
        found: f64,
        /// The largest allowed difference.
        bound: f64,
    },
    /// A second call with the same operands had another result.
    Unrepeatable {
        /// The direction of the call.
        direction: Direction,
        /// Position in the result.
        index: [usize; 5],
    },
    /// `⟨conv(x, w), dy⟩`, `⟨x, dx⟩` and `⟨w, dw⟩` are not the same number.
    NotAdjoint {
        /// The gradient that differs.
        direction: Direction,
        /// `⟨conv(x, w), dy⟩`
        form: f64,
        /// The product with the gradient.
        found: f64,
        /// The largest allowed difference.
        bound: f64,
    },
}

impl fmt::Display for ConformanceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}: ", self.kernel, self.geometry)?;
        match &self.failure {
            Failure::Unsupported(reason) => write!(f, "not supported: {reason}"),
            Failure::Wrong {
                direction,
                index,
                expected,
                found,
                bound,
            } => write!(
                f,
                "{direction} at {index:?} is {found:e}, not {expected:e} within {bound:e}"
            ),
            Failure::Unrepeatable { direction, index } => {
                write!(
                    f,
                    "{direction} at {index:?} differs between two equal calls"
                )
            }
            Failure::NotAdjoint {
                direction,
                form,
                found,
                bound,
            } => write!(
                f,
                "{direction} is not adjoint to forward: {found:e}, not {form:e} within {bound:e}"
            ),
        }
    }
}

impl Error for ConformanceError {}

/// Most terms of the definition that are evaluated for a direction; larger geometries are sampled.
const BUDGET: usize = 1 << 19;

/// Winograd's transforms amplify the rounding of a whole tile; measured, 40 for one channel and
/// less for more.
const AMPLIFICATION: f64 = 256.0;

/// An accurate kernel may still sum differences of neighbours, as Winograd's smallest tiles do: then an
/// element of few or small terms has the rounding error of the larger elements beside it.
const MIXING: f64 = 8.0;

/// Tests a kernel against the definition of the convolution, in its three directions.
///
/// * With small integers an accurate kernel must be exact; with uniform values in (−1, 1) the error
///   of a sum of `n` terms `tᵢ` may be `n·ε·Σ|tᵢ|` (Higham 2002, eq. 3.5) or 8 ε times the largest
///   `Σ|tᵢ|` of the result, that of an inaccurate kernel 256 ε times the latter.
/// * The result is poisoned before each call, so that a cell that is not written is found.
/// * A second call must have the same bits.
/// * The gradients must be adjoint to the forward pass, `⟨conv(x, w), dy⟩ = ⟨x, dx⟩ = ⟨w, dw⟩`, up to
///   256 ε times the absolute terms of the first product: all elements of all results enter.
///
/// The reference sums in `f64`, one element at a time. All elements are compared up to half a million
/// multiply-adds, evenly spread ones if there are more.
///
/// # Errors
/// The first failure.
pub fn conformance<T: Real>(
    kernel: &dyn ConvKernel<T>,
    geometry: &ConvGeometry,
) -> Result<(), ConformanceError> {
    conformance_of_all(&[kernel], geometry)
}

/// [`conformance`] of several kernels, for which the definition is evaluated once.
///
/// # Errors
/// The first failure.
pub fn conformance_of_all<T: Real>(
    kernels: &[&dyn ConvKernel<T>],
    geometry: &ConvGeometry,
) -> Result<(), ConformanceError> {
    let failed = |kernel: &dyn ConvKernel<T>, failure| ConformanceError {
        kernel: kernel.name(),
        geometry: geometry.to_string(),
        failure,
    };
    for &kernel in kernels {
        kernel
            .supports(geometry)
            .map_err(|reason| failed(kernel, Failure::Unsupported(reason)))?;
    }
    for direction in Direction::ALL {
        for fill in [Fill::Integers, Fill::Uniform] {
            let trial = Trial::new(geometry, direction, fill);
            for &kernel in kernels {
                trial
                    .run(kernel)
                    .map_err(|failure| failed(kernel, failure))?;
            }
        }
    }
    for &kernel in kernels {
        adjoint(kernel, geometry).map_err(|failure| failed(kernel, failure))?;
    }
    Ok(())
}

/// [`conformance_of_all`] in `f32`, compiled in this crate: optimised also where the caller is not.
///
/// # Errors
/// The first failure.
pub fn conformance_f32(
    kernels: &[&dyn ConvKernel<f32>],
    geometry: &ConvGeometry,
) -> Result<(), ConformanceError> {
    conformance_of_all(kernels, geometry)
}

/// [`conformance_of_all`] in `f64`, compiled in this crate: optimised also where the caller is not.
///
/// # Errors
/// The first failure.
pub fn conformance_f64(
    kernels: &[&dyn ConvKernel<f64>],
    geometry: &ConvGeometry,
) -> Result<(), ConformanceError> {
    conformance_of_all(kernels, geometry)
}

fn adjoint<T: Real>(kernel: &dyn ConvKernel<T>, g: &ConvGeometry) -> Result<(), Failure> {
    let draw = |length, seed| Fill::Uniform.values::<T>(length, seed, 1.0);
    let (x, w, dy) = (draw(g.x_len(), 3), draw(g.w_len(), 4), draw(g.y_len(), 5));
    let [mut y, mut dx, mut dw] = [dy.len(), x.len(), w.len()].map(|n| vec![T::poison(); n]);
    kernel.forward(g, &x, &w, &mut y);
    kernel.input_gradient(g, &w, &dy, &mut dx);
    kernel.weight_gradient(g, &x, &dy, &mut dw);
    let product = |a: &[T], b: &[T]| -> [f64; 2] {
        let terms = a.iter().zip(b).map(|(a, b)| a.to_f64() * b.to_f64());
        terms.fold([0.0; 2], |[sum, size], t| [sum + t, size + t.abs()])
    };
    let [form, size] = product(&y, &dy);
    let bound = AMPLIFICATION * epsilon::<T>() * (1.0 + size);
    for (direction, [found, _]) in [
        (Direction::InputGradient, product(&x, &dx)),
        (Direction::WeightGradient, product(&w, &dw)),
    ] {
        // Not `>`: a NaN must fail.
        let close = (found - form).abs() <= bound;
        if !close {
            return Err(Failure::NotAdjoint {
                direction,
                form,
                found,
                bound,
            });
        }
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq)]
enum Fill {
    Integers,
    Uniform,
}

impl Fill {
    /// Reproducible values without a pattern that a wrong index could hit by chance.
    fn values<T: Real>(self, length: usize, seed: u64, largest: f64) -> Vec<T> {
        let value = |index: usize| {
            let unit = (mix(index as u64 ^ (seed << 48)) >> 11) as f64 / (1_u64 << 53) as f64;
            T::of(match self {
                Self::Integers => (unit * (2.0 * largest + 1.0)).floor() - largest,
                Self::Uniform => 2.0 * unit - 1.0,
            })
        };
        (0..length).map(value).collect()
    }
}

/// From one state of `SplitMix64` to the next.
pub(super) const INCREMENT: u64 = 0x9e37_79b9_7f4a_7c15;

/// What `SplitMix64` draws in a state (Steele, Lea, Flood 2014, *Fast splittable pseudorandom number generators*).
pub(super) fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(INCREMENT);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// One direction with one kind of operands: `out = Σ a[i]·b[j]`.
struct Trial<'a, T> {
    geometry: &'a ConvGeometry,
    direction: Direction,
    a: Vec<T>,
    b: Vec<T>,
    shape: [usize; 5],
    /// The most terms that one element of the result sums.
    terms: usize,
    exact: bool,
    /// The positions that are compared, and the reference's sum and sum of absolute terms at each.
    sample: Vec<usize>,
    reference: Vec<[f64; 2]>,
}

impl<'a, T: Real> Trial<'a, T> {
    fn new(geometry: &'a ConvGeometry, direction: Direction, fill: Fill) -> Self {
        let g = geometry;
        let (lengths, shape, terms) = match direction {
            Direction::Forward => (
                [g.x_len(), g.w_len()],
                g.y_shape(),
                g.group_channels() * g.taps(),
            ),
            Direction::InputGradient => (
                [g.w_len(), g.y_len()],
                g.x_shape(),
                g.group_filters() * g.taps(),
            ),
            Direction::WeightGradient => (
                [g.x_len(), g.y_len()],
                g.w_shape(),
                g.batch * g.output_pixels(),
            ),
        };
        // Every partial sum, in any order, is an integer that the type holds; two bits are left to
        // transforms with halves and quarters.
        let fits = |largest: f64| terms as f64 * largest * largest < 0.25 / epsilon::<T>();
        let largest = if fits(3.0) { 3.0 } else { 1.0 };
        let a: Vec<T> = fill.values(lengths[0], 1, largest);
        let b: Vec<T> = fill.values(lengths[1], 2, largest);
        let sample = sample(shape.iter().product(), terms);
        let [exact_a, exact_b] =
            [&a, &b].map(|values| values.iter().map(|v| v.to_f64()).collect::<Vec<f64>>());
        let reference = elements(geometry, direction, &exact_a, &exact_b, &sample);
        Self {
            geometry,
            direction,
            a,
            b,
            shape,
            terms,
            exact: fill == Fill::Integers && fits(largest),
            sample,
            reference,
        }
    }

    fn run(&self, kernel: &dyn ConvKernel<T>) -> Result<(), Failure> {
        let direction = self.direction;
        let result = self.call(kernel, T::poison());
        let largest = self.reference.iter().map(|r| r[1]).fold(0.0, f64::max);
        for (&position, &[expected, magnitude]) in self.sample.iter().zip(&self.reference) {
            let found = result[position].to_f64();
            let bound = match (kernel.is_accurate(), self.exact) {
                (true, true) => 0.0,
                (true, false) => {
                    epsilon::<T>() * (self.terms as f64 * magnitude).max(MIXING * largest)
                }
                (false, _) => AMPLIFICATION * epsilon::<T>() * largest,
            };
            // Not `>`: a NaN must fail.
            let close = (found - expected).abs() <= bound;
            if !close {
                let index = self.unravel(position);
                return Err(Failure::Wrong {
                    direction,
                    index,
                    expected,
                    found,
                    bound,
                });
            }
        }
        let again = self.call(kernel, T::one());
        // Unwritten cells show as a difference even outside the sample.
        match result.iter().zip(&again).position(|(p, q)| p != q) {
            Some(position) => Err(Failure::Unrepeatable {
                direction,
                index: self.unravel(position),
            }),
            None => Ok(()),
        }
    }

    fn call(&self, kernel: &dyn ConvKernel<T>, initial: T) -> Vec<T> {
        let (geometry, a, b) = (self.geometry, &self.a, &self.b);
        let mut out = vec![initial; self.shape.iter().product()];
        match self.direction {
            Direction::Forward => kernel.forward(geometry, a, b, &mut out),
            Direction::InputGradient => kernel.input_gradient(geometry, a, b, &mut out),
            Direction::WeightGradient => kernel.weight_gradient(geometry, a, b, &mut out),
        }
        out
    }

    fn unravel(&self, position: usize) -> [usize; 5] {
        unravel(position, self.shape)
    }
}

/// Positions to compare: all, or evenly spread ones and the last few, where tiles end.
fn sample(length: usize, terms: usize) -> Vec<usize> {
    let count = (BUDGET / terms.max(1)).max(64);
    if count >= length {
        return (0..length).collect();
    }
    let spread = (0..count).map(|i| (i as u128 * length as u128 / count as u128) as usize);
    spread.chain(length - 64..length).collect()
}

/// The distance from 1 to the next larger number of the type, or of `f64` if that is coarser.
fn epsilon<T: Real>() -> f64 {
    let mut epsilon = 1.0;
    while T::one() + T::of(epsilon / 2.0) != T::one() && epsilon > f64::EPSILON {
        epsilon /= 2.0;
    }
    epsilon
}
