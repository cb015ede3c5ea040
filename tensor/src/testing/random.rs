//! Random geometries: convolutions that nobody chose.

use super::conformance::{INCREMENT, mix};
use crate::kernels::conv::ConvGeometry;

/// Fewest operations of a geometry, a multiply-add counted as two.
pub const MIN_FLOPS: u64 = 1_000_000;

/// Most operations of a geometry.
pub const MAX_FLOPS: u64 = 2_000_000_000;

/// Most elements of one of its arrays.
const MAX_ELEMENTS: usize = 1 << 24;

/// Geometries over two axes. The first ones of a seed do not depend on `count`.
///
/// Each is drawn from this distribution until it is valid, has between a million and two thousand million
/// operations, and no array of more than 2²⁴ elements. A number of n binary digits is 2ⁿ⁻¹ in one half of the
/// cases, and otherwise any number from 2ⁿ⁻¹ to 2ⁿ − 1.
///
/// | | |
/// |---|---|
/// | batch | a power of two from 1 to 128 |
/// | filter height | 1 or 3 (3/10 each), 2, 4, 5 or 7 (1/10 each); the width is equal (3/4) or drawn by itself |
/// | stride | 1 (1/2), 2 (3/10), 3 or 4 (1/10 each); equal on both axes (7/8) or drawn for each |
/// | dilation | 1 (7/8), 2 or 3 |
/// | padding | half a window, rounded down (3/4), or 0 |
/// | groups | 1 (1/2), 2, 4, 8 or 32 (1/10 each), one for each channel (1/10) |
/// | channels of a group | 1 to 9 binary digits, fewer by those of the number of groups; with one group 1 or 3 in 1/8 |
/// | filters of a group | the same without that exception; depthwise 1 (3/4) or 2 |
/// | height of the image | 3 to 8 binary digits; the width is equal (1/2) or drawn by itself |
///
/// ```
/// use wengert_tensor::testing::random::{MIN_FLOPS, random};
///
/// let geometries = random(40, 7);
/// assert_eq!(geometries[..10], random(10, 7));
/// assert!(geometries.iter().all(|geometry| geometry.flops() >= MIN_FLOPS));
/// ```
#[must_use]
pub fn random(count: usize, seed: u64) -> Vec<ConvGeometry> {
    (0..count as u64)
        .map(|index| geometry(&mut Draws::new(seed, index)))
        .collect()
}

fn geometry(draws: &mut Draws) -> ConvGeometry {
    loop {
        let Ok(geometry) = candidate(draws).validated() else {
            continue;
        };
        let arrays = [geometry.x_len(), geometry.w_len(), geometry.y_len()];
        let is_small = arrays.iter().all(|&length| length <= MAX_ELEMENTS);
        if is_small && (MIN_FLOPS..=MAX_FLOPS).contains(&geometry.flops()) {
            return geometry;
        }
    }
}

/// A geometry that may be invalid, too small or too large.
fn candidate(draws: &mut Draws) -> ConvGeometry {
    const SIDES: [usize; 10] = [1, 1, 1, 2, 3, 3, 3, 4, 5, 7];
    const STRIDES: [usize; 10] = [1, 1, 1, 1, 1, 2, 2, 2, 3, 4];
    let kernel = draws.pair(&SIDES, 4);
    let stride = draws.pair(&STRIDES, 8);
    let dilation = if draws.below(8) == 0 {
        2 + draws.below(2)
    } else {
        1
    };
    let is_padded = draws.below(4) > 0;
    let padding = kernel.map(|side| [usize::from(is_padded) * (dilation * (side - 1) / 2); 2]);
    let (channels, filters, groups) = channels(draws);
    let height = draws.of_digits(3, 8);
    let width = if draws.below(2) == 0 {
        height
    } else {
        draws.of_digits(3, 8)
    };
    ConvGeometry {
        batch: 1 << draws.below(8),
        channels,
        filters,
        groups,
        input: [1, height, width],
        kernel: [1, kernel[0], kernel[1]],
        stride: [1, stride[0], stride[1]],
        padding: [[0; 2], padding[0], padding[1]],
        dilation: [1, dilation, dilation],
    }
}

/// Channels, filters and groups.
fn channels(draws: &mut Draws) -> (usize, usize, usize) {
    const GROUPS: [usize; 9] = [1, 1, 1, 1, 1, 2, 4, 8, 32];
    let Some(&groups) = GROUPS.get(draws.below(10)) else {
        let channels = draws.of_digits(1, 9);
        let filters = if draws.below(4) > 0 { 1 } else { 2 };
        return (channels, filters * channels, channels);
    };
    let digits = 9 - groups.ilog2() as usize;
    let is_stem = groups == 1 && draws.below(8) == 0;
    let channels = if is_stem {
        [1, 3][draws.below(2)]
    } else {
        draws.of_digits(1, digits)
    };
    let filters = draws.of_digits(1, digits);
    (groups * channels, groups * filters, groups)
}

/// Integers from a seed by `SplitMix64`, the same on every machine.
struct Draws(u64);

impl Draws {
    fn new(seed: u64, index: u64) -> Self {
        let mut draws = Self(seed);
        let stream = draws.next();
        Self(stream ^ index.wrapping_mul(0xd134_2543_de82_ef95))
    }

    fn next(&mut self) -> u64 {
        let drawn = mix(self.0);
        self.0 = self.0.wrapping_add(INCREMENT);
        drawn
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// One of the values for both axes; once in `every` times one for each.
    fn pair(&mut self, values: &[usize], every: usize) -> [usize; 2] {
        let first = values[self.below(values.len())];
        if self.below(every) > 0 {
            return [first; 2];
        }
        [first, values[self.below(values.len())]]
    }

    /// A number of `least` to `most` binary digits.
    fn of_digits(&mut self, least: usize, most: usize) -> usize {
        let power = 1 << (least - 1 + self.below(most - least + 1));
        if self.below(2) == 0 {
            power
        } else {
            power + self.below(power)
        }
    }
}
