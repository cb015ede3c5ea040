//! The reduction engine: one fold over some of the axes, in an order that the shape alone fixes.
//!
//! The elements that make one result are taken in row-major order and dealt to [`LANES`] partial
//! results in turn, afresh with each run of neighbouring reduced axes; the lanes of a block are
//! folded as a tree, and so are the blocks. Strides and threads decide only how the elements are
//! fetched and who does it. So the same elements give the same bits in any layout and on any
//! number of threads, the lanes are vectors of the machine, and the rounding error of a sum of
//! `n` numbers grows like `log n` beyond the 32 steps of a lane.
//!
//! [`LANES`]: super::plan::LANES

use super::accumulate::{Accumulate, join_rows};
use super::plan::{BLOCK, Plan};
use super::work::{TILE, Work};
use crate::create::buffer;
use crate::kernels::simd::Level;
use crate::layout::Layout;
use crate::{Axes, Element, Tensor, parallel};

/// Elements a task should have at least.
const TASK: usize = 1 << 16;

/// Results from which on each is made whole by one task, so that memory is read from end to end; fewer
/// are shared out block by block.
const LONG_ROWS: usize = 16;

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

/// Folds some axes of `x`; `params` has one element per result, in row-major order.
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
    if plan.is_scattered() {
        return fold(op, &x.contiguous(), axes, params, function);
    }
    let work = Work {
        function,
        plan: &plan,
        level: Level::best(),
        buffer: x.buffer(),
        params,
    };
    if plan.has_plain_rows() && plan.blocks() > 1 && result.len() >= LONG_ROWS {
        let mut out = buffer(op, result.shape());
        let chunk = TASK.div_ceil(plan.count());
        parallel::for_chunks_mut(&mut out, chunk, x.len(), |index, out| {
            work.long_rows(index * chunk, out);
        });
        return Tensor::from_parts(out, result);
    }
    let mut partial = buffer(op, &[plan.blocks(), result.len()]);
    let mut chunk = TASK.div_ceil(plan.count().min(BLOCK));
    if plan.has_columns() {
        chunk = chunk.next_multiple_of(TILE);
    }
    parallel::for_chunks_mut(&mut partial, chunk, x.len(), |index, out| {
        work.run(index * chunk, out);
    });
    join_rows(&mut partial, result.len(), |a, b| function.join(a, b));
    Tensor::from_parts(partial, result)
}
