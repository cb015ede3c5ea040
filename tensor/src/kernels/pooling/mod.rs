//! Pooling kernels: windows over contiguous planes, one plane for each image and channel.
//!
//! Loops, from outside: planes, the tasks of the threads, in chunks of about `GRAIN` steps;
//! windows; the rows and columns of a window. Nothing is packed: a plane is read once, and rows under
//! overlapping windows stay in the first-level cache. Windows of a row that differ by their start alone are computed
//! several at a time, one in each lane (`rows`); dense 2 × 2 windows at stride 2, the usual case, have loops of their
//! own, and so has a window that covers a long row.

mod average;
mod max;
mod rows;
mod windows;

pub use average::{average, average_adjoint};
pub use max::{gather, max, max_values, scatter};
pub use windows::{Divisor, PoolGeometry, Span, Windows};

use crate::parallel;

/// Runs `f(plane, out)` on the planes of a result, `cells` elements each, in chunks that depend on their size
/// alone. `work` estimates the steps of one plane.
fn for_each_plane<U: Send>(
    out: &mut [U],
    cells: usize,
    work: usize,
    f: impl Fn(usize, &mut [U]) + Sync,
) {
    if cells == 0 {
        return;
    }
    let planes = (parallel::GRAIN / work.max(1)).max(1);
    let all = (out.len() / cells).saturating_mul(work);
    parallel::for_chunks_mut(out, planes * cells, all, |chunk, out| {
        for (plane, out) in out.chunks_mut(cells).enumerate() {
            f(chunk * planes + plane, out);
        }
    });
}
