//! Sums of any number of terms: lanes within blocks, and a compensated sum of the blocks.

use crate::Number;

/// Partial sums that are independent of each other.
pub(crate) const LANES: usize = 32;

/// Elements summed in lanes before their sum is added to a [`BlockSum`].
pub(crate) const BLOCK: usize = 1024;

/// A sum of the sums of blocks, with the rounding errors of its additions (Knuth, 1969): there may be any number of
/// blocks.
pub(crate) struct BlockSum<T> {
    sum: T,
    lost: T,
}

impl<T: Number> BlockSum<T> {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self {
            sum: T::zero(),
            lost: T::zero(),
        }
    }

    #[inline(always)]
    pub(crate) fn add(&mut self, block: T) {
        let sum = self.sum + block;
        let added = sum - self.sum;
        self.lost += (self.sum - (sum - added)) + (block - added);
        self.sum = sum;
    }

    /// The sum with `x` added: the rounding error of the terms before goes with the smaller number.
    #[inline(always)]
    pub(crate) fn with(&self, x: T) -> T {
        if self.lost.is_nan() {
            self.sum + x
        } else {
            self.sum + (self.lost + x)
        }
    }

    /// The sum; the errors of an infinite sum are NaN and do not count.
    #[inline(always)]
    pub(crate) fn total(&self) -> T {
        if self.lost.is_nan() {
            self.sum
        } else {
            self.sum + self.lost
        }
    }
}

/// A [`BlockSum`] for each of some columns.
pub(crate) struct ColumnSums<T, const N: usize>([BlockSum<T>; N]);

impl<T: Number, const N: usize> ColumnSums<T, N> {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self([(); N].map(|()| BlockSum::new()))
    }

    /// Adds the sums of a block of rows.
    #[inline(always)]
    pub(crate) fn add(&mut self, block: [T; N]) {
        for (sum, x) in self.0.iter_mut().zip(block) {
            sum.add(x);
        }
    }

    #[inline(always)]
    pub(crate) fn total(&self) -> [T; N] {
        self.0.each_ref().map(BlockSum::total)
    }
}

/// The result of all lanes, joined as a tree.
#[inline(always)]
pub(crate) fn join_lanes<T: Copy>(mut lanes: [T; LANES], join: impl Fn(T, T) -> T) -> T {
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            lanes[lane] = join(lanes[lane], lanes[lane + width]);
        }
    }
    lanes[0]
}

/// The sum of a row, in an order that depends on its length alone.
#[inline(always)]
pub(crate) fn sum_of_row<T: Number>(row: &[T]) -> T {
    let mut sum = BlockSum::new();
    for block in row.chunks(BLOCK) {
        let mut lanes = [T::zero(); LANES];
        let (chunks, tail) = block.as_chunks::<LANES>();
        for chunk in chunks {
            for (lane, &x) in lanes.iter_mut().zip(chunk) {
                *lane += x;
            }
        }
        for (lane, &x) in lanes.iter_mut().zip(tail) {
            *lane += x;
        }
        sum.add(join_lanes(lanes, |a, b| a + b));
    }
    sum.total()
}

#[cfg(test)]
mod tests {
    use super::sum_of_row;

    #[test]
    fn a_long_sum_has_the_rounding_error_of_a_short_one() {
        let row = vec![0.1_f32; 10_000_000];
        let exact = 1e7 * f64::from(0.1_f32);
        // A lane adds 32 terms in a row, whose errors have one sign here.
        assert!((f64::from(sum_of_row(&row)) - exact).abs() <= 1e-6 * exact);
        assert_eq!(sum_of_row(&[f32::INFINITY, 1.0]), f32::INFINITY);
        assert!(sum_of_row(&[f32::INFINITY, f32::NEG_INFINITY]).is_nan());
    }
}
