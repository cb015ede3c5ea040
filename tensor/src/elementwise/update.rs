//! Updates of the elements that a view selects, which may overlap.

use std::ops::Range;

use crate::elementwise::inner_loops::{StridedSlice, update_strided};
use crate::elementwise::loop_nest::LoopNest;
use crate::elementwise::outer_loops::work;
use crate::layout::Layout;
use crate::parallel::{self, CHUNK};
use crate::{Element, Tensor};

/// For each pair of a view of `out` and a source of its shape, in turn: `x ← f(x, y)` for every element `x` of the
/// view, in row-major order, with `y` from the source.
#[track_caller]
pub(crate) fn update<T: Element>(
    out: &mut [T],
    updates: &[(Layout, Tensor<T>)],
    f: impl Fn(T, T) -> T + Sync,
) {
    for (view, source) in updates {
        assert_eq!(view.shape(), source.shape(), "update: one element for each");
    }
    let updates: Vec<_> = updates
        .iter()
        .filter(|(view, _)| !view.is_empty())
        .collect();
    if let Some(rows) = DisjointRows::of(&updates) {
        return update_rows(out, &rows, &updates, &f);
    }
    for update in updates {
        if let Some(rows) = DisjointRows::of(&[update]) {
            update_rows(out, &rows, &[update], &f);
            continue;
        }
        let (view, source) = update;
        let nest = LoopNest::new([view, source.layout()]);
        update_part(out, 0, &nest, source.buffer(), 0..source.len(), &f);
    }
}

/// [`update`] of some rows at a time: all updates are made to them before those of the next, while they are in a
/// cache.
fn update_rows<T: Element>(
    out: &mut [T],
    rows: &DisjointRows,
    updates: &[&(Layout, Tensor<T>)],
    f: &(impl Fn(T, T) -> T + Sync),
) {
    let nests: Vec<_> = updates
        .iter()
        .map(|(view, source)| LoopNest::new([view, source.layout()]))
        .collect();
    let all: usize = updates.iter().map(|(_, source)| source.len()).sum();
    let at_once = CHUNK.div_ceil(all / rows.count);
    let out = &mut out[rows.start..rows.end];
    parallel::for_chunks_mut(out, rows.step * at_once, work(all, 1), |index, out| {
        let first = index * at_once;
        let last = rows.count.min(first + at_once);
        let origin = rows.start + first * rows.step;
        for (nest, (_, source)) in nests.iter().zip(updates) {
            let elements = source.len() / rows.count;
            let range = first * elements..last * elements;
            update_part(out, origin, nest, source.buffer(), range, f);
        }
    });
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

/// Rows of views, along their first axes, that have no element of the buffer in common.
struct DisjointRows {
    count: usize,
    /// The distance from one row to the next.
    step: usize,
    /// The elements of all rows lie in `start..end`.
    start: usize,
    end: usize,
}

impl DisjointRows {
    /// Rows along as many first axes as possible. All views must have the same number of rows, at the same distance.
    fn of<T: Element>(updates: &[&(Layout, Tensor<T>)]) -> Option<Self> {
        let views = updates.iter().map(|(view, _)| view);
        let rank = views.clone().map(|view| view.shape().len()).min()?;
        (1..=rank)
            .rev()
            .find_map(|axes| Self::along(axes, views.clone()))
    }

    /// Rows along the first `axes` axes.
    fn along<'a>(axes: usize, views: impl Iterator<Item = &'a Layout> + Clone) -> Option<Self> {
        let start = views.clone().map(Layout::offset).min()?;
        let mut rows: Option<Self> = None;
        for view in views {
            let mut reach = 1;
            let (mut count, mut step) = (1, 0);
            let extents = view.shape().iter().zip(view.strides()).enumerate();
            for (axis, (&extent, &stride)) in extents.filter(|(_, (extent, _))| **extent > 1) {
                let stride = usize::try_from(stride).ok()?;
                if axis >= axes {
                    reach += (extent - 1) * stride;
                } else if stride == 0 {
                    return None;
                } else if count == 1 || step == extent * stride {
                    (count, step) = (count * extent, stride);
                } else {
                    return None;
                }
            }
            let offset = view.offset() - start;
            if count == 1 || offset + reach > step {
                return None;
            }
            let end = view.offset() + (count - 1) * step + reach;
            let rows = rows.get_or_insert(Self {
                count,
                step,
                start,
                end,
            });
            if [rows.count, rows.step] != [count, step] {
                return None;
            }
            rows.end = rows.end.max(end);
        }
        rows
    }
}
