//! Winograd's minimal filtering: 3 × 3 filters with 4/9 or 1/4 of the multiplications.
//!
//! Tiles of the result and the patches under them are transformed so that a convolution of tiles
//! becomes a product at each of `(m + 2)²` points; summed over channels these are matrix products.
//! Channels lie in the lanes throughout, so tiles may lie anywhere and images may be small.
//!
//! A NaN or an infinity spreads through its tile.

mod filters;
mod products;
mod tiles;
mod transform;

use super::{ConvGeometry, ConvKernel, Direction};
use crate::kernels::simd::{Float, Level};
use filters::Filters;
use products::{Planes, Problem};
use transform::{Four, Two};

/// `F(2 × 2, 3 × 3)`, with the rounding error of a plain sum, or `F(4 × 4, 3 × 3)`, whose error is
/// ten times as large.
#[derive(Clone, Copy, Debug)]
pub struct Winograd {
    side: Side,
    level: Option<Level>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Two,
    Four,
}

impl Winograd {
    /// Tiles of 2 × 2.
    pub const F2: Self = Self {
        side: Side::Two,
        level: None,
    };

    /// Tiles of 4 × 4.
    pub const F4: Self = Self {
        side: Side::Four,
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

    fn level(self) -> Level {
        self.level.unwrap_or_else(Level::best)
    }

    fn correlate<T: Float>(self, problem: &Problem, src: &[T], w: &[T], dst: &mut [T]) {
        match self.side {
            Side::Two => products::correlate::<T, Two, 2, 4>(problem, src, w, dst),
            Side::Four => products::correlate::<T, Four, 4, 6>(problem, src, w, dst),
        }
    }
}

/// The images of the input, and of the result.
fn sides(geometry: &ConvGeometry) -> [Planes; 2] {
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

/// The convolution as a correlation of the images of the input.
fn along(level: Level, geometry: &ConvGeometry) -> Problem {
    let [from, to] = sides(geometry);
    let [_, [top, _], [left, _]] = geometry.padding;
    Problem {
        level,
        batch: geometry.batch,
        filters: Filters {
            inputs: geometry.channels,
            outputs: geometry.filters,
            input: 9,
            output: geometry.channels * 9,
            turned: false,
        },
        origin: [-(top as isize), -(left as isize)],
        from,
        to,
    }
}

/// Its input gradient as a correlation of the images of the result: `x[i]` meets tap `k` of
/// `y[i + p − k]`, so with the taps reversed the window begins at `i + p − 2`.
fn against(level: Level, geometry: &ConvGeometry) -> Problem {
    let [to, from] = sides(geometry);
    let [_, [top, _], [left, _]] = geometry.padding;
    Problem {
        level,
        batch: geometry.batch,
        filters: Filters {
            inputs: geometry.filters,
            outputs: geometry.channels,
            input: geometry.channels * 9,
            output: 9,
            turned: true,
        },
        origin: [top as isize - 2, left as isize - 2],
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
        match self.side {
            Side::Two => "winograd2",
            Side::Four => "winograd4",
        }
    }

    fn supports(&self, geometry: &ConvGeometry) -> Result<(), &'static str> {
        if geometry.kernel != [1, 3, 3] {
            return Err("filters are not 3 × 3");
        }
        if geometry.stride != [1; 3] || geometry.dilation[1..] != [1; 2] {
            return Err("stride or dilation is not 1");
        }
        if geometry.groups != 1 {
            return Err("there are groups");
        }
        if geometry.input[0] != 1 || geometry.padding[0] != [0; 2] {
            return Err("images have depth");
        }
        Ok(())
    }

    fn suits(&self, geometry: &ConvGeometry, direction: Direction) -> Result<(), &'static str> {
        if !self.level().fuses() {
            return Err("this machine has no fused multiply-add");
        }
        if self.side == Side::Four && size_of::<T>() == size_of::<f64>() {
            return Err("double precision is asked for when its digits count");
        }
        // Where transforms cost as much as they save, the plain sum is as fast and more accurate.
        let narrow = geometry.channels.min(geometry.filters);
        let gradient = direction == Direction::WeightGradient;
        let (side, least) = match self.side {
            Side::Two => (2, 8 * T::LANES),
            Side::Four if gradient => (4, 2 * T::LANES),
            Side::Four => (4, 3 * T::LANES),
        };
        if narrow < least {
            return Err("few channels: the transforms cost what they save");
        }
        // Each filter is transformed once: that must be little beside its use in every tile.
        if tiles(geometry, direction, side) < 48 {
            return Err("fewer than 48 tiles");
        }
        // The weight gradient's sums of all points are read and written for every strip.
        let sums = geometry.channels * geometry.filters * size_of::<T>();
        if gradient && self.side == Side::Two && sums > 1 << 18 {
            return Err("many channels: the sums do not stay in a cache");
        }
        Ok(())
    }

    fn is_accurate(&self) -> bool {
        self.side == Side::Two
    }

    fn forward(&self, geometry: &ConvGeometry, x: &[T], w: &[T], y: &mut [T]) {
        geometry.check_lengths(x.len(), w.len(), y.len());
        if y.is_empty() || x.is_empty() {
            return y.fill(T::zero());
        }
        self.correlate(&along(self.level(), geometry), x, w, y);
    }

    fn input_gradient(&self, geometry: &ConvGeometry, w: &[T], dy: &[T], dx: &mut [T]) {
        geometry.check_lengths(dx.len(), w.len(), dy.len());
        if dx.is_empty() || dy.is_empty() {
            return dx.fill(T::zero());
        }
        self.correlate(&against(self.level(), geometry), dy, w, dx);
    }

    fn weight_gradient(&self, geometry: &ConvGeometry, x: &[T], dy: &[T], dw: &mut [T]) {
        geometry.check_lengths(x.len(), dw.len(), dy.len());
        if dw.is_empty() || dy.is_empty() || x.is_empty() {
            return dw.fill(T::zero());
        }
        let problem = along(self.level(), geometry);
        match self.side {
            Side::Two => products::weights::<T, Two, 2, 4>(&problem, x, dy, dw),
            Side::Four => products::weights::<T, Four, 4, 6>(&problem, x, dy, dw),
        }
    }

    fn workspace(&self, geometry: &ConvGeometry) -> usize {
        let points = match self.side {
            Side::Two => 16,
            Side::Four => 36,
        };
        // A strip of about 200 tiles, and all filters.
        let channels = geometry.channels + geometry.filters;
        let strip = points * 200 * channels;
        (strip + points * geometry.channels * geometry.filters) * size_of::<T>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::conv::{conformance, lists};

    #[test]
    fn both_sizes_serve_every_3x3_corner_at_every_level() {
        for level in Level::all() {
            for kernel in [Winograd::F2, Winograd::F4] {
                let kernel = kernel.at(level);
                let mut served = 0;
                for corner in lists::corners() {
                    if ConvKernel::<f32>::supports(&kernel, &corner.geometry).is_err() {
                        continue;
                    }
                    served += 1;
                    conformance::<f32>(&kernel, &corner.geometry)
                        .and_then(|()| conformance::<f64>(&kernel, &corner.geometry))
                        .unwrap_or_else(|error| panic!("{level:?}: {error}"));
                }
                assert!(served >= 3, "only {served} corners are 3 × 3");
            }
        }
    }
}
