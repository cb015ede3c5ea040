//! The sums of a slice and of the rows of a matrix.

use super::accumulate::{Accumulate, join_rows, sum_of};
use super::lanes::{Results, Rows};
use super::plan::{BLOCK, LANES};
use crate::kernels::simd::Level;
use crate::{Number, slices};

/// The sum of the elements, with the bits of [`Tensor::sum`](crate::Tensor::sum) over all axes; on one thread.
#[must_use]
pub fn sum_of_slice<T: Number>(x: &[T]) -> T {
    let function = sum_of(|x: T, ()| x);
    if let [x] = *x {
        return function.add(function.identity(), x, ());
    }
    let row = |values: &[T]| {
        let mut sum = [function.identity()];
        Level::best().run(Rows {
            function: &function,
            buffer: values,
            start: Results {
                base: 0,
                step: 0,
                params: &[()],
            },
            count: values.len(),
            out: &mut sum,
        });
        sum[0]
    };
    if x.len() <= BLOCK {
        return row(x);
    }
    let mut partial: Vec<T> = x.chunks(BLOCK).map(row).collect();
    join_rows(&mut partial, 1, |a, b| a + b);
    partial[0]
}

/// The most rows of [`sum_of_rows`]: one block of a sum.
pub const MAX_ROWS: usize = BLOCK;

/// The sum of the rows of a matrix, with the bits of [`Tensor::sum`](crate::Tensor::sum) over the first axis; on one thread.
///
/// * `x`: at most [`MAX_ROWS`] rows of the length of `out`
///
/// # Panics
/// If `x` has more rows, or its length is no multiple of that of `out`.
#[track_caller]
pub fn sum_of_rows<T: Number>(x: &[T], out: &mut [T]) {
    let columns = out.len();
    if columns == 0 {
        return;
    }
    assert!(
        x.len().is_multiple_of(columns) && x.len() / columns <= MAX_ROWS,
        "slices: {} elements are not at most {MAX_ROWS} rows of {columns}",
        x.len()
    );
    let rows = x.len() / columns;
    // Row `i` goes to lane `i mod LANES`; lanes without a row would add zeros.
    let mut lanes = rows.next_power_of_two().min(LANES);
    let mut sums = vec![T::zero(); lanes * columns];
    for (row, x) in x.chunks_exact(columns).enumerate() {
        slices::add_assign(&mut sums[row % lanes * columns..][..columns], x);
    }
    while lanes > 1 {
        lanes /= 2;
        let (low, high) = sums.split_at_mut(lanes * columns);
        slices::add_assign(low, &high[..lanes * columns]);
    }
    out.copy_from_slice(&sums[..columns]);
}
