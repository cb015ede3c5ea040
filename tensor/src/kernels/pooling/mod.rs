//! Pooling kernels: windows over contiguous planes, one plane for each image and channel.

mod average;
mod max;
mod windows;

pub use average::{average, average_adjoint};
pub use max::{gather, max, scatter};
pub use windows::{Divisor, PoolGeometry, Span, Windows};

use crate::parallel;

/// Runs `f(plane, out)` on the planes of a result, `cells` elements each, in chunks that depend on
/// their size alone; `work` estimates the elementary steps of one plane.
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
