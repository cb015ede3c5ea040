//! Winograd's minimal filtering `F(m × m, k × k)` (Winograd 1980; Lavin and Gray, Fast Algorithms for
//! Convolutional Neural Networks, 2016): `Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A` for tiles of `m × m` outputs.
//!
//! 3 × 3 filters need 4/9 or 1/4 of the multiplications of the plain sum, 4 × 4 filters 1/4, 5 × 5 filters
//! 9/25. Summed over channels, the elementwise products are one matrix product `[tiles, channels] ×
//! [channels, filters]` for each of the `(m + k − 1)²` points. Loops, from outside (`products`):
//!
//! 1. strips: rows of tiles, at least [`STRIP`](tiles::STRIP) of them: the tasks of the threads;
//! 2. blocks of `NR` output channels;
//! 3. parts of a strip, [`PART`](tiles::PART) tiles: their transforms and products with a block of channels
//!    stay in the second-level cache;
//! 4. points; 5. blocks of at most `KC` channels; 6. the microkernel: `MR` tiles by `NR` filters.
//!
//! Channels are in the lanes throughout, so that tiles may begin anywhere and images may be small. Planes of
//! points are one cache line longer than their data, or all points would compete for the same cache sets.
//!
//! Tuning:
//!
//! * If there are fewer tiles than filters, loops 1 and 2 are exchanged: all tiles are transformed first,
//!   and each task transforms the filters of its own block of channels right before it uses them. Transformed
//!   filters are four times as large as the filters; all of them together would be written to memory and read
//!   back.
//! * Forward and input gradient share no transforms. The filters of the input gradient are reversed, which
//!   maps a point `x` of the transform to `1/x`, and 2 and −2 to points that `F(4 × 4, 3 × 3)` does not have;
//!   at the points that both have, the layout differs, and transposing 36 points costs more than
//!   transforming 9 taps again. Both filter transforms together take 1.2 % of a training step of VGG-16 at
//!   batch 2, 0.6 % of ResNet-20's and 0.2 % of the Fashion CNN's: sharing could save half of that.
//!
//! A NaN or an infinity in the input affects all results of its tile.

mod filters;
mod products;
mod strided;
mod tiles;
mod transform;
mod weights;

use super::im2row::leaves_tiles_empty;
use super::{ConvGeometry, ConvKernel, Direction};
use crate::kernels::simd::{Float, Level};
use crate::parallel;
use filters::Filters;
use products::{Planes, Problem};
pub use strided::StridedWinograd;
use transform::{Four, ThreeOfFour, Two, TwoOfFive};

/// `F(2 × 2, 3 × 3)`, with the rounding error of a plain sum, or `F(4 × 4, 3 × 3)`, `F(3 × 3, 4 × 4)` and
/// `F(2 × 2, 5 × 5)`, whose error is ten times as large.
#[derive(Clone, Copy, Debug)]
pub struct Winograd {
    form: Form,
    level: Option<Level>,
}

/// Fewest tiles for which the saved multiplications outweigh the transforms of the filters.
const MIN_TILES: usize = 8;

/// Fewest pixels of all tiles for which, in the weight gradient, the saved multiplications outweigh the
/// transforms of the filters' gradients.
const MIN_PIXELS_SUMMED: usize = 80;

/// `F(m × m, k × k)`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Two,
    Four,
    ThreeOfFour,
    TwoOfFive,
}

impl Form {
    /// Sides of a tile and of a filter: `m` and `k`.
    const fn sides(self) -> [usize; 2] {
        match self {
            Self::Two => [2, 3],
            Self::Four => [4, 3],
            Self::ThreeOfFour => [3, 4],
            Self::TwoOfFive => [2, 5],
        }
    }

    /// Elements of scratch memory: the transforms of a strip of about 200 tiles, once for each thread, and of
    /// all filters, once for each share of the weight gradient.
    fn workspace(self, channels: usize, filters: usize) -> usize {
        let [side, taps] = self.sides();
        let points = (side + taps - 1).pow(2);
        let pairs = channels.saturating_mul(filters).saturating_mul(points);
        let shares = weights::shares(pairs);
        let strips = shares.min(parallel::threads()) * points * 200 * (channels + filters);
        shares.saturating_mul(pairs).saturating_add(strips)
    }

    fn correlate<T: Float>(self, problem: &Problem, src: &[T], w: &[T], dst: &mut [T]) {
        let run = match self {
            Self::Two => products::correlate::<T, Two, 2, 3, 4>,
            Self::Four => products::correlate::<T, Four, 4, 3, 6>,
            Self::ThreeOfFour => products::correlate::<T, ThreeOfFour, 3, 4, 6>,
            Self::TwoOfFive => products::correlate::<T, TwoOfFive, 2, 5, 6>,
        };
        run(problem, src, w, dst);
    }

    fn weights<T: Float>(self, problem: &Problem, x: &[T], dy: &[T], dw: &mut [T]) {
        let run = match self {
            Self::Two => weights::gradient::<T, Two, 2, 3, 4>,
            Self::Four => weights::gradient::<T, Four, 4, 3, 6>,
            Self::ThreeOfFour => weights::gradient::<T, ThreeOfFour, 3, 4, 6>,
            Self::TwoOfFive => weights::gradient::<T, TwoOfFive, 2, 5, 6>,
        };
        run(problem, x, dy, dw);
    }
}

impl Winograd {
    /// Tiles of 2 × 2, filters of 3 × 3.
    pub const F2: Self = Self {
        form: Form::Two,
        level: None,
    };

    /// Tiles of 4 × 4, filters of 3 × 3.
    pub const F4: Self = Self {
        form: Form::Four,
        level: None,
    };

    /// Tiles of 3 × 3, filters of 4 × 4.
    pub const F3_OF_4: Self = Self {
        form: Form::ThreeOfFour,
        level: None,
    };

    /// Tiles of 2 × 2, filters of 5 × 5.
    pub const F2_OF_5: Self = Self {
        form: Form::TwoOfFive,
        level: None,
    };

    /// The same at a given level of instructions.
    #[must_use]
    pub const fn at(self, level: Level) -> Self {
        Self {
            level: Some(level),
            ..self
        }
    }

    /// Whether the points of evaluation are small enough for the rounding error of a plain sum.
    fn accurate(self) -> bool {
        self.form == Form::Two
    }

    fn level(self) -> Level {
        self.level.unwrap_or_else(Level::best)
    }
}

/// The extents of the input and of the output.
fn planes(geometry: &ConvGeometry) -> [Planes; 2] {
    let [_, height, width] = geometry.input;
    let [_, out_height, out_width] = geometry.output();
    [
        Planes {
            channels: geometry.channels,
            height,
            width,
        },
        Planes {
            channels: geometry.filters,
            height: out_height,
            width: out_width,
        },
    ]
}

/// The convolution as a correlation of the input.
fn forward_problem(level: Level, geometry: &ConvGeometry) -> Problem {
    let [from, to] = planes(geometry);
    let [_, [top, _], [left, _]] = geometry.padding;
    let taps = geometry.kernel[1] * geometry.kernel[2];
    Problem {
        level,
        batch: geometry.batch,
        filters: Filters {
            inputs: geometry.channels,
            outputs: geometry.filters,
            input: taps,
            output: geometry.channels * taps,
            reversed: false,
        },
        origin: [-(top as isize), -(left as isize)],
        from,
        to,
    }
}

/// Its input gradient as a correlation of the gradient of the output: `x[i]` contributes to `y[i + p − k]` by
/// tap `k`, so with the taps reversed the window of `K` taps begins at `i + p − (K − 1)`.
fn input_gradient_problem(level: Level, geometry: &ConvGeometry) -> Problem {
    let [to, from] = planes(geometry);
    let [_, [top, _], [left, _]] = geometry.padding;
    let [_, tall, wide] = geometry.kernel;
    Problem {
        level,
        batch: geometry.batch,
        filters: Filters {
            inputs: geometry.filters,
            outputs: geometry.channels,
            input: geometry.channels * tall * wide,
            output: tall * wide,
            reversed: true,
        },
        origin: [
            top as isize - (tall as isize - 1),
            left as isize - (wide as isize - 1),
        ],
        from,
        to,
    }
}

/// Tiles of the result of one direction.
fn tiles(geometry: &ConvGeometry, direction: Direction, side: usize) -> usize {
    let [_, height, width] = match direction {
        Direction::InputGradient => geometry.input,
        Direction::Forward | Direction::WeightGradient => geometry.output(),
    };
    geometry.batch * height.div_ceil(side) * width.div_ceil(side)
}

#[allow(private_bounds)] // `Float` is f32 and f64 and nothing else
impl<T: Float> ConvKernel<T> for Winograd {
    fn name(&self) -> &'static str {
        match self.form {
            Form::Two => "winograd2",
            Form::Four => "winograd4",
            Form::ThreeOfFour => "winograd3of4",
            Form::TwoOfFive => "winograd2of5",
        }
    }

    fn supports(&self, geometry: &ConvGeometry) -> Result<(), &'static str> {
        let [_, side] = self.form.sides();
        if geometry.kernel != [1, side, side] {
            return Err(match self.form {
                Form::ThreeOfFour => "filters are not 4 × 4",
                Form::TwoOfFive => "filters are not 5 × 5",
                Form::Two | Form::Four => "filters are not 3 × 3",
            });
        }
        if geometry.stride != [1; 3] || geometry.dilation[1..] != [1; 2] {
            return Err("stride or dilation is not 1");
        }
        if geometry.groups != 1 {
            return Err("there are groups");
        }
        if geometry.input[0] != 1 || geometry.padding[0] != [0; 2] {
            return Err("the convolution is 3-d");
        }
        Ok(())
    }

    fn is_profitable(
        &self,
        geometry: &ConvGeometry,
        direction: Direction,
    ) -> Result<(), &'static str> {
        if !self.level().fuses() {
            return Err("this processor has no fused multiply-add");
        }
        if !self.accurate() && T::IS_DOUBLE {
            return Err("its rounding error is larger, which is not accepted in double precision");
        }
        // If transforms cost as much as they save, the plain sum is as fast and more accurate.
        let narrow = geometry.channels.min(geometry.filters);
        let least = match self.form {
            Form::Two => 4 * T::LANES,
            Form::Four | Form::ThreeOfFour | Form::TwoOfFive => 2 * T::LANES,
        };
        if narrow < least {
            return Err("few channels: the transforms cost as much as they save");
        }
        if leaves_tiles_empty(geometry, direction) {
            return Err("few pixels: tiles are mostly empty");
        }
        let result = match direction {
            Direction::InputGradient => geometry.input,
            Direction::Forward | Direction::WeightGradient => geometry.output(),
        };
        if self.form == Form::Four && result.iter().all(|&extent| extent <= 2) {
            return Err("results of 2 × 2 pixels: a smaller tile has room for them");
        }
        // Each filter is transformed once: with few tiles, the cost is not small compared with its use in them.
        let [side, _] = self.form.sides();
        let tiles = tiles(geometry, direction, side);
        if tiles < MIN_TILES {
            return Err("few tiles: transforming the filters costs more than it saves");
        }
        if direction == Direction::WeightGradient && tiles * side * side < MIN_PIXELS_SUMMED {
            return Err("the weight gradient is a sum over few pixels");
        }
        Ok(())
    }

    fn is_accurate(&self) -> bool {
        self.accurate()
    }

    fn forward(&self, geometry: &ConvGeometry, x: &[T], w: &[T], y: &mut [T]) {
        geometry.check_lengths(x.len(), w.len(), y.len());
        if y.is_empty() || x.is_empty() {
            return y.fill(T::zero());
        }
        self.form
            .correlate(&forward_problem(self.level(), geometry), x, w, y);
    }

    fn input_gradient(&self, geometry: &ConvGeometry, w: &[T], dy: &[T], dx: &mut [T]) {
        geometry.check_lengths(dx.len(), w.len(), dy.len());
        if dx.is_empty() || dy.is_empty() {
            return dx.fill(T::zero());
        }
        self.form
            .correlate(&input_gradient_problem(self.level(), geometry), dy, w, dx);
    }

    fn weight_gradient(&self, geometry: &ConvGeometry, x: &[T], dy: &[T], dw: &mut [T]) {
        geometry.check_lengths(x.len(), dw.len(), dy.len());
        if dw.is_empty() || dy.is_empty() || x.is_empty() {
            return dw.fill(T::zero());
        }
        let problem = forward_problem(self.level(), geometry);
        self.form.weights(&problem, x, dy, dw);
    }

    fn workspace(&self, geometry: &ConvGeometry) -> usize {
        let elements = self.form.workspace(geometry.channels, geometry.filters);
        elements.saturating_mul(size_of::<T>())
    }
}
