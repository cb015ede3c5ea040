//! Updates of the elements that a view selects, which may overlap.

use std::ops::Range;

use crate::elementwise::inner_loops::{StridedSlice, update_strided};
use crate::elementwise::loop_nest::LoopNest;
use crate::elementwise::outer_loops::work;
use crate::layout::Layout;
use crate::parallel::{self, CHUNK};
use crate::{Element, Tensor};

/// `x ← f(x, y)` for every element `x` of the view `view` of `out`, in row-major order, with `y` from a tensor
/// of the same shape.
#[track_caller]
pub(crate) fn update<T: Element>(
    out: &mut [T],
    view: &Layout,
    source: &Tensor<T>,
    f: impl Fn(T, T) -> T + Sync,
) {
    assert_eq!(view.shape(), source.shape(), "update: one element for each");
    if source.is_empty() {
        return;
    }
    let nest = LoopNest::new([view, source.layout()]);
    let values = source.buffer();
    let Some(rows) = DisjointRows::of(view) else {
        return update_part(out, 0, &nest, values, 0..source.len(), &f);
    };
    // The rows of one task; each has the same number of elements of the view.
    let elements = source.len() / rows.count;
    let at_once = CHUNK.div_ceil(elements);
    let out = &mut out[rows.start..rows.end];
    parallel::for_chunks_mut(
        out,
        rows.step * at_once,
        work(source.len(), 1),
        |index, out| {
            let first = index * at_once;
            let last = rows.count.min(first + at_once);
            let origin = rows.start + first * rows.step;
            let range = first * elements..last * elements;
            update_part(out, origin, &nest, values, range, &f);
        },
    );
}

/// [`update`] for the elements `range` of the view; `out[0]` is element `origin` of the whole.
fn update_part<T: Element>(
    out: &mut [T],
    origin: usize,
    nest: &LoopNest<2>,
    values: &[T],
    range: Range<usize>,
    f: &impl Fn(T, T) -> T,
) {
    let [step, stride] = nest.inner();
    nest.for_inner_loops(range.start, range.len(), |_, [x, y], count| {
        let x = x - origin as isize;
        let y = StridedSlice {
            buffer: values,
            start: y,
            stride,
        };
        if step == 1 {
            update_strided(&mut out[x as usize..x as usize + count], y, f);
        } else if let (2.., Some(y)) = (step, y.as_contiguous(count)) {
            let row = out[x as usize..].iter_mut().step_by(step as usize);
            for (x, &y) in row.zip(y) {
                *x = f(*x, y);
            }
        } else {
            for i in 0..count {
                let x = &mut out[x.wrapping_add(i as isize * step) as usize];
                *x = f(*x, y.at(i));
            }
        }
    });
}

/// Rows of a view, along its first axis of more than one index, that have no element of the buffer in common.
struct DisjointRows {
    count: usize,
    /// The distance from one row to the next.
    step: usize,
    /// The elements of all rows lie in `start..end`.
    start: usize,
    end: usize,
}

impl DisjointRows {
    fn of(view: &Layout) -> Option<Self> {
        let mut axes = view.shape().iter().zip(view.strides());
        let (&count, &step) = axes.find(|(extent, _)| **extent > 1)?;
        let step = usize::try_from(step).ok().filter(|&step| step > 0)?;
        let mut reach = 1;
        for (&extent, &stride) in axes.filter(|(extent, _)| **extent > 1) {
            reach += (extent - 1) * usize::try_from(stride).ok()?;
        }
        let (start, end) = (view.offset(), view.offset() + (count - 1) * step + reach);
        (reach <= step).then_some(Self {
            count,
            step,
            start,
            end,
        })
    }
}
