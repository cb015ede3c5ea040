//! The reduction engine: a fold over some axes, in an order that depends on the shape alone.
//!
//! The elements of one result are taken in row-major order. Element `i` of a segment, the innermost
//! neighbouring reduced axes, is accumulated into lane `i mod LANES` of its block; the [`LANES`] partial
//! results of a block are joined as a tree, and so are the blocks. Strides and threads change only how
//! elements are read and on which thread. So the same elements give the same bits in any layout and for any
//! number of threads, the lanes are vector registers, and the rounding error of a sum of `n` numbers grows
//! like `log n` beyond the 32 additions per lane and block.
//!
//! [`LANES`]: super::plan::LANES

use super::accumulate::{Accumulate, join_rows};
use super::plan::{BLOCK, Plan};
use super::task::{COLUMN_TILE, Task};
use crate::create::buffer;
use crate::kernels::simd::Level;
use crate::layout::Layout;
use crate::{Axes, Element, Tensor, parallel};

/// The least number of elements of one task.
const MIN_TASK_ELEMENTS: usize = 1 << 16;

/// From this number of results on, one task computes all blocks of a result, so that memory is read
/// sequentially; with fewer results each block is a piece of work of its own.
const MIN_RESULTS_FOR_ROW_TASKS: usize = 16;

/// The row-major layout of a reduction's result.
#[track_caller]
pub(super) fn result_layout(op: &str, shape: &[usize], axes: &Axes) -> Layout {
    let reduced = axes.resolve(op, shape);
    let mut extents = [1; crate::MAX_RANK];
    let mut rank = 0;
    for (axis, &extent) in shape.iter().enumerate() {
        if !reduced.contains(axis) {
            extents[rank] = extent;
        }
        rank += usize::from(axes.is_kept() || !reduced.contains(axis));
    }
    Layout::row_major(op, &extents[..rank])
}

/// Folds some axes of `x`; `params` has one parameter per result, in row-major order.
#[track_caller]
pub(super) fn fold<T, P, F>(
    op: &str,
    x: &Tensor<T>,
    axes: &Axes,
    params: &[P],
    function: &F,
) -> Tensor<F::Output>
where
    T: Element,
    P: Copy + Sync,
    F: Accumulate<T, P>,
{
    let result = result_layout(op, x.shape(), axes);
    assert_eq!(params.len(), result.len(), "fold: one parameter per result");
    if x.len() == 1 {
        let value = function.add(function.identity(), x.first(), params[0]);
        return Tensor::from_one(value, result);
    }
    if x.is_empty() {
        return Tensor::full(result.shape(), function.identity());
    }
    let plan = Plan::new(op, x.layout(), axes);
    if plan.should_copy_first() {
        return fold(op, &x.contiguous(), axes, params, function);
    }
    let task = Task {
        function,
        plan: &plan,
        level: Level::best(),
        buffer: x.buffer(),
        params,
    };
    if plan.has_contiguous_rows() && plan.blocks() > 1 && result.len() >= MIN_RESULTS_FOR_ROW_TASKS
    {
        let mut out = buffer(op, result.shape());
        let chunk = MIN_TASK_ELEMENTS.div_ceil(plan.count());
        parallel::for_chunks_mut(&mut out, chunk, x.len(), |index, out| {
            task.long_rows(index * chunk, out);
        });
        return Tensor::from_parts(out, result);
    }
    let mut partial = buffer(op, &[plan.blocks(), result.len()]);
    let mut chunk = MIN_TASK_ELEMENTS.div_ceil(plan.count().min(BLOCK));
    if plan.has_columns() {
        chunk = chunk.next_multiple_of(COLUMN_TILE);
    }
    let is_one_row = plan.has_contiguous_rows() && result.len() == 1;
    parallel::for_chunks_mut(&mut partial, chunk, x.len(), |index, out| {
        if is_one_row {
            task.long_row(index * chunk, out);
        } else {
            task.run(index * chunk, out);
        }
    });
    join_rows(&mut partial, result.len(), |a, b| function.join(a, b));
    Tensor::from_parts(partial, result)
}
