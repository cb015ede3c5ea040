//! Resizing images.

use std::rc::Rc;

use wengert_tensor::memory::Scratch;
use wengert_tensor::{Extents, parallel};

use self::sums::{Sums, Taps};
use crate::ops::prelude::*;

mod sums;

/// Resamples an axis: every element is a weighted sum of elements along the axis of the input. Or the
/// adjoint.
#[derive(Clone, Debug)]
pub struct Resample {
    axis: usize,
    /// The sums of the result and those of the adjoint.
    sums: Rc<[Sums; 2]>,
    back: bool,
}

impl Resample {
    /// Of an axis of extent `input`, by the taps of each position of the result.
    fn new(axis: usize, input: usize, taps: &[Taps]) -> Self {
        let mut adjoint = vec![Vec::new(); input];
        for (place, taps) in taps.iter().enumerate() {
            for &(from, weight) in taps {
                adjoint[from].push((place, weight));
            }
        }
        Self {
            axis,
            sums: Rc::new([Sums::new(taps), Sums::new(&adjoint)]),
            back: false,
        }
    }

    /// A number for each tap: `[positions, taps]`, 0 where a position has fewer taps than another.
    fn by_tap<E: wengert_tensor::Element + Default>(
        &self,
        number: impl Fn((usize, f64)) -> E,
    ) -> Tensor<E> {
        let all: Vec<&[(usize, f64)]> = self.sums[0].iter().collect();
        let most = all.iter().map(|taps| taps.len()).max().unwrap_or(0);
        Tensor::from_fn([all.len(), most], |at| {
            let tap = all[at[0]].get(at[1]).copied();
            tap.map_or_else(E::default, &number)
        })
    }
}

impl Op for Resample {
    fn name(&self) -> &'static str {
        if self.back {
            "resample_adjoint"
        } else {
            "resample"
        }
    }

    fn attributes(&self) -> Attributes {
        vec![
            ("axis", self.axis.into()),
            ("sources", self.by_tap(|(source, _)| source as i64).into()),
            ("weights", self.by_tap(|(_, weight)| weight).into()),
        ]
    }

    fn reads(&self) -> Reads {
        Reads::SHAPES
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        let x = x[0].contiguous();
        let mut shape = x.shape().to_vec();
        let inner: usize = shape[self.axis + 1..].iter().product();
        let sums = &self.sums[usize::from(self.back)];
        let from = std::mem::replace(&mut shape[self.axis], sums.len());
        let length = shape.iter().product();
        if x.is_empty() {
            return Tensor::zeros(shape).into();
        }
        wengert_tensor::require_memory::<T>(self.name(), &shape, length);
        let mut y = Scratch::new(length).into_vec();
        let values = x.as_slice().expect("made contiguous");
        let work = 4 * values.len().max(y.len());
        let weights: Vec<T> = sums.terms.iter().map(|&(_, w)| T::of(w)).collect();
        let (planes, plane) = (y.len() / (sums.len() * inner), sums.len() * inner);
        // Whole planes; several of them if they are small.
        let each = (parallel::CHUNK / plane).clamp(1, planes);
        parallel::for_chunks_mut(&mut y, each * plane, work, |chunk, y| {
            let x = values[chunk * each * from * inner..].chunks_exact(from * inner);
            for (x, y) in x.zip(y.chunks_exact_mut(plane)) {
                if inner == 1 {
                    sums.line(x, y, &weights);
                } else {
                    sums.rows(x, y, inner);
                }
            }
        });
        Tensor::from_vec(y, shape).into()
    }

    fn vjp<T: Real>(&self, _call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |grad| {
            Var::apply(
                Self {
                    back: !self.back,
                    ..self.clone()
                },
                [grad],
            )
        });
    }

    fn outline(&self, _inputs: &[&[usize]]) -> Outline {
        Outline::run().reach(Reach::Whole)
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let rank = draw.within(1, 3);
        let mut shape = draw.filled_shape(rank);
        let (axis, output) = (draw.within(0, rank - 1), draw.within(1, 6));
        let input = shape[axis];
        let mut tap = || (draw.within(0, input - 1), draw.real(-1.0, 1.0));
        let taps: Vec<Taps> = (0..output)
            .map(|place| (0..place % 4).map(|_| tap()).collect())
            .collect();
        let back = draw.once_in(2);
        if back {
            shape[axis] = output;
        }
        let op = Self {
            back,
            ..Self::new(axis, input, &taps)
        };
        Sample::new(op, [draw.normal(shape)])
    }
}

/// How the value at a position between pixels is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Interpolation {
    /// A copy of the pixel `⌊i · scale⌋`.
    #[default]
    Nearest,
    /// A copy of the pixel whose centre is nearest.
    NearestExact,
    /// The mean of two neighbours along every axis, weighted by distance: linear, bilinear or
    /// trilinear interpolation.
    Linear,
    /// The cubic convolution of four neighbours along every axis (Keys 1981, a = −3/4); pixels
    /// beyond the edge are those at the edge.
    Cubic,
}

/// The size of a resized image.
#[derive(Clone, Debug, PartialEq)]
pub enum Resize {
    /// Its extents.
    To(Extents),
    /// Factors of the extents, one or one for every spatial axis; `⌊extent · factor⌋` pixels.
    By(Vec<f64>),
}

/// How an image is resized.
///
/// ```
/// use wengert_autograd::{Var, ops::{InterpolateOptions, Interpolation}};
/// use wengert_tensor::Tensor;
///
/// let x = Var::constant(Tensor::<f32>::ones([1, 3, 4, 5]));
/// let options = InterpolateOptions::by([2.0, 1.5]).mode(Interpolation::Linear);
/// assert_eq!(x.interpolate(&options).shape(), [1, 3, 8, 7]);
/// assert_eq!(x.interpolate(&InterpolateOptions::to([9, 2])).shape(), [1, 3, 9, 2]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct InterpolateOptions {
    /// The new size.
    pub size: Resize,
    /// How values are interpolated; nearest by default.
    pub mode: Interpolation,
    /// Whether the centres of the corner pixels of input and output are aligned, in place of their outer
    /// corners; no by default.
    pub align_corners: bool,
    /// Whether coordinates come from the sizes even where factors are given, which differ from them
    /// by rounding; no by default.
    pub recompute_scale: bool,
}

impl InterpolateOptions {
    /// Resizes to some extents: `7` or `[7, 3]`.
    #[must_use]
    pub fn to(size: impl Into<Extents>) -> Self {
        Self::new(Resize::To(size.into()))
    }

    /// Resizes by some factors: `[2.0]` for all axes, or `[2.0, 1.5]`.
    #[must_use]
    pub fn by(factors: impl Into<Vec<f64>>) -> Self {
        Self::new(Resize::By(factors.into()))
    }

    fn new(size: Resize) -> Self {
        let mode = Interpolation::default();
        Self {
            size,
            mode,
            align_corners: false,
            recompute_scale: false,
        }
    }

    /// With another mode of interpolation.
    #[must_use]
    pub fn mode(self, mode: Interpolation) -> Self {
        Self { mode, ..self }
    }

    /// Aligns the centres of the corner pixels.
    #[must_use]
    pub fn align_corners(self) -> Self {
        Self {
            align_corners: true,
            ..self
        }
    }

    /// Computes coordinates from the sizes alone.
    #[must_use]
    pub fn recompute_scale(self) -> Self {
        Self {
            recompute_scale: true,
            ..self
        }
    }

    /// Per spatial axis the new extent, and the factor if it is to be used for coordinates.
    #[track_caller]
    fn resolve(&self, input: &[usize]) -> Vec<(usize, Option<f64>)> {
        let axes = input.len();
        match &self.size {
            Resize::To(size) => match size.resolve("size", axes) {
                Ok(size) => size[3 - axes..]
                    .iter()
                    .map(|&extent| (extent, None))
                    .collect(),
                Err(error) => wengert_tensor::fail::fail(format_args!("interpolate: {error}")),
            },
            Resize::By(factors) => {
                require!(
                    factors.len() == 1 || factors.len() == axes,
                    "interpolate: {factors:?}: one factor or one for each of {axes} axes is needed"
                );
                // A loop, since a closure would be the caller of a panic.
                for factor in factors {
                    require!(
                        *factor > 0.0 && factor.is_finite(),
                        "interpolate: a factor of {factor} is not positive and finite"
                    );
                }
                let extent = |(&n, &factor): (&usize, &f64)| {
                    let extent = (n as f64 * factor).floor() as usize;
                    (extent, Some(factor).filter(|_| !self.recompute_scale))
                };
                let factors = factors.iter().cycle();
                input.iter().zip(factors).map(extent).collect()
            }
        }
    }

    /// For every position of the new axis, the positions of the input and their weights.
    fn taps(&self, input: usize, output: usize, factor: Option<f64>) -> Vec<Taps> {
        let whole = input as f64 / output as f64;
        let scale = factor.map_or(whole, |factor| 1.0 / factor);
        let last = input - 1;
        // PyTorch rounds the coordinates of copies to f32.
        let nearest = |place: usize, offset: f32| {
            let source = ((place as f32 + offset) * scale as f32).floor() as usize;
            vec![(source.min(last), 1.0)]
        };
        let between = |place: usize| {
            if self.align_corners {
                let steps = if output > 1 {
                    last as f64 / (output - 1) as f64
                } else {
                    0.0
                };
                place as f64 * steps
            } else {
                (place as f64 + 0.5) * scale - 0.5
            }
        };
        let taps = |place: usize| match self.mode {
            Interpolation::Nearest => nearest(place, 0.0),
            Interpolation::NearestExact => nearest(place, 0.5),
            Interpolation::Linear => {
                let at = between(place).max(0.0);
                let first = (at as usize).min(last);
                let part = (at - first as f64).clamp(0.0, 1.0);
                vec![(first, 1.0 - part), ((first + 1).min(last), part)]
            }
            Interpolation::Cubic => {
                let at = between(place);
                let (first, part) = (at.floor() as isize, at - at.floor());
                let clamped = |place: isize| place.clamp(0, last as isize) as usize;
                (-1..=2)
                    .map(|k: isize| (clamped(first + k), keys((part - k as f64).abs())))
                    .collect()
            }
        };
        (0..output).map(taps).collect()
    }
}

/// The kernel of cubic convolution at a distance of up to 2 (Keys 1981, equation 15, a = −3/4).
fn keys(x: f64) -> f64 {
    let a = -0.75;
    if x <= 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else {
        ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a
    }
}

impl<T: Real> Var<T> {
    /// Resizes images.
    ///
    /// Along an axis, position `i` of the result lies at `(i + ½)·scale − ½` of the input, `scale` being
    /// the ratio of the extents or the inverse of a given factor; with aligned corners at
    /// `i·(in − 1)/(out − 1)`; see [`Interpolation`] for the value there.
    ///
    /// * `self`: `[batch, channels, ..]` with one to three spatial axes
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::ops::InterpolateOptions;
    ///
    /// let x = Var::constant(Tensor::from_vec(vec![1.0, 2.0], [1, 1, 1, 2]));
    /// let y = x.interpolate(&InterpolateOptions::to([2, 4]));
    /// assert_eq!(y.value().to_vec(), [1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// If the rank is another, sizes or factors do not fit, or there is nothing to interpolate.
    #[must_use]
    #[track_caller]
    pub fn interpolate(&self, options: &InterpolateOptions) -> Self {
        let shape = self.shape();
        require!(
            (3..=5).contains(&shape.len()),
            "interpolate: {shape:?}: a batch and channels of one to three axes are needed"
        );
        let sizes = options.resolve(&shape[2..]);
        let filled = shape[2..]
            .iter()
            .zip(&sizes)
            .all(|(&input, &(output, _))| input > 0 && output > 0);
        require!(
            filled,
            "interpolate: {shape:?}: an axis has no pixels before or after"
        );
        let mut x = self.clone();
        for (axis, (output, factor)) in sizes.into_iter().enumerate().rev() {
            let axis = axis + 2;
            let input = shape[axis];
            // A position has at most four taps; a vector of fewer may still reserve more.
            wengert_tensor::require_memory::<[(usize, f64); 8]>("interpolate", shape, output);
            let taps = options.taps(input, output, factor);
            let is_same = taps.len() == input
                && taps
                    .iter()
                    .enumerate()
                    .all(|(i, taps)| taps[..] == [(i, 1.0)]);
            if !is_same {
                x = Self::apply(Resample::new(axis, input, &taps), [&x]);
            }
        }
        x
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<Resample>("interpolate"),
    OpInfo::function("interpolate", |draw| {
        use Interpolation::{Cubic, Linear, Nearest, NearestExact};
        let rank = draw.pick(&[3, 4, 4, 5]);
        let mut shape = vec![draw.within(0, 2), draw.within(1, 2)];
        shape.extend((2..rank).map(|_| draw.within(1, 4)));
        let size: Vec<_> = (2..rank).map(|_| draw.within(1, 6)).collect();
        let mut options = InterpolateOptions::to(size.as_slice());
        if draw.once_in(2) {
            let factors: Vec<_> = (2..rank).map(|_| draw.real(1.0, 2.5)).collect();
            options = InterpolateOptions::by(factors);
        }
        options.mode = draw.pick(&[Nearest, NearestExact, Linear, Linear, Cubic]);
        options.align_corners = draw.once_in(2);
        options.recompute_scale = draw.once_in(2);
        let description = format!("{options:?}");
        let f = generic!([options] | x | x.interpolate(&options));
        Case::new(description, f, [draw.normal(shape)])
    }),
];
