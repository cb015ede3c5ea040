//! The elementwise engine: everything that works element by element goes through here.
//!
//! Operands without gaps and of one shape are slices; everything else is a loop nest that is
//! walked plane by plane. Chunks depend on shapes and layouts alone, and no element on another,
//! so the order of the walk never shows in a result.

use crate::create::buffer;
use crate::elementwise::inner_loops::{Run, map_run, update_run, zip_run, zip3_run, zip4_run};
use crate::elementwise::loop_nest::Nest;
use crate::elementwise::pointwise::{self, Cheap, Cost, Costly, Pointwise};
use crate::elementwise::tiling::Planes;
use crate::kernels::simd::Level;
use crate::kernels::simd::non_temporal;
use crate::layout::Layout;
use crate::parallel::{self, CHUNK};
use crate::{Element, Tensor};

/// Elements that count as one step of work: the cheap loops are vectorised.
const PER_STEP: usize = 4;

/// The elements of a tensor into a slice, in row-major order.
pub(crate) fn copy<T: Element>(x: &Tensor<T>, out: &mut [T]) {
    if x.is_contiguous() || x.is_empty() {
        return map_into::<Cheap, _, _>(x, out, |x| x);
    }
    let planes = Planes::new([&x.layout().to_row_major(), x.layout()]);
    let (chunk, buffer) = (planes.chunk(), x.buffer());
    let work = out.len() / PER_STEP;
    parallel::for_chunks_mut(out, chunk, work, |index, out| {
        let from = index * chunk;
        planes.for_planes(from, out.len(), &mut |plane| {
            if !plane.copy_transposed(out, from, buffer) {
                let mut tile = Vec::new();
                let a = plane.operand(1, buffer, &mut tile);
                for row in 0..plane.rows() {
                    map_run(plane.target(out, from, row), a.row(row), |x| x);
                }
            }
        });
    });
}

/// `out[i] = f(x[i])` in row-major order.
fn map_into<C: Cost, T: Element, U: Element>(
    x: &Tensor<T>,
    out: &mut [U],
    f: impl Pointwise<T, U>,
) {
    assert_eq!(x.len(), out.len(), "map_into: one result per element");
    let work = out.len().saturating_mul(C::STEPS) / PER_STEP;
    if let Some(x) = x.as_slice() {
        let (chunk, level) = (CHUNK / C::STEPS, Level::best());
        let is_non_temporal = C::STEPS == 1 && non_temporal::is_profitable::<U>(out.len());
        parallel::for_chunks_mut(out, chunk, work, |index, out| {
            let x = &x[index * chunk..][..out.len()];
            if is_non_temporal {
                non_temporal::fill(out, |first, out| {
                    let x = &x[first..][..out.len()];
                    pointwise::map::<C, _, _, _>(level, &f, out, x);
                });
            } else {
                pointwise::map::<C, _, _, _>(level, &f, out, x);
            }
        });
        return;
    }
    let planes = Planes::new([&x.layout().to_row_major(), x.layout()]);
    let (chunk, buffer) = (planes.chunk(), x.buffer());
    parallel::for_chunks_mut(out, chunk, work, |index, out| {
        let (from, mut tile) = (index * chunk, Vec::new());
        planes.for_planes(from, out.len(), &mut |plane| {
            let a = plane.operand(1, buffer, &mut tile);
            for row in 0..plane.rows() {
                map_run(plane.target(out, from, row), a.row(row), |x| f.at(x));
            }
        });
    });
}

/// `out[i] = f((x[i], y[i]))` in row-major order, both broadcast to the layout, which is not empty.
fn zip_into<C: Cost, T: Element, U: Element, V: Element>(
    x: &Tensor<T>,
    y: &Tensor<U>,
    layout: &Layout,
    out: &mut [V],
    f: impl Pointwise<(T, U), V>,
) {
    let work = out.len().saturating_mul(C::STEPS) / PER_STEP;
    let same_shape = x.shape() == y.shape();
    if let (true, Some(x), Some(y)) = (same_shape, x.as_slice(), y.as_slice()) {
        let (chunk, level) = (CHUNK / C::STEPS, Level::best());
        let is_non_temporal = C::STEPS == 1 && non_temporal::is_profitable::<V>(out.len());
        parallel::for_chunks_mut(out, chunk, work, |index, out| {
            let (from, count) = (index * chunk, out.len());
            let (x, y) = (&x[from..][..count], &y[from..][..count]);
            if is_non_temporal {
                pointwise::zip_non_temporal(level, &f, out, x, y);
            } else {
                pointwise::zip::<C, _, _, _, _>(level, &f, out, x, y);
            }
        });
        return;
    }
    let left = x.layout().broadcast_to(layout.shape());
    let right = y.layout().broadcast_to(layout.shape());
    let planes = Planes::new([layout, &left, &right]);
    let (chunk, x, y) = (planes.chunk(), x.buffer(), y.buffer());
    parallel::for_chunks_mut(out, chunk, work, |index, out| {
        let (from, mut left, mut right) = (index * chunk, Vec::new(), Vec::new());
        planes.for_planes(from, out.len(), &mut |plane| {
            let a = plane.operand(1, x, &mut left);
            let b = plane.operand(2, y, &mut right);
            for row in 0..plane.rows() {
                let target = plane.target(out, from, row);
                zip_run(target, a.row(row), b.row(row), |x, y| f.at((x, y)));
            }
        });
    });
}

/// `x ← f(x, y)` for every `x` that a layout shows in a buffer, in row-major order, `y` from a
/// tensor of the same shape.
#[track_caller]
pub(crate) fn update<T: Element>(
    out: &mut [T],
    view: &Layout,
    source: &Tensor<T>,
    f: impl Fn(T, T) -> T,
) {
    assert_eq!(view.shape(), source.shape(), "update: one element for each");
    if source.is_empty() {
        return;
    }
    let nest = Nest::new([view, source.layout()]);
    let [step, stride] = nest.inner();
    nest.for_runs(0, source.len(), |_, [x, y], count| {
        let y = Run {
            buffer: source.buffer(),
            start: y,
            stride,
        };
        if step == 1 {
            update_run(&mut out[x as usize..x as usize + count], y, &f);
        } else {
            for i in 0..count {
                let x = &mut out[x.wrapping_add(i as isize * step) as usize];
                *x = f(*x, y.at(i));
            }
        }
    });
}

impl<T: Element> Tensor<T> {
    /// `f` of every element.
    #[must_use]
    #[track_caller]
    pub fn map<U: Element>(&self, f: impl Fn(T) -> U + Sync) -> Tensor<U> {
        self.map_by::<Cheap, U>(f)
    }

    /// [`map`](Self::map) of a function that is bound by arithmetic, such as an exponential: with the
    /// longest vectors of the machine, and shared among threads at fewer elements.
    #[must_use]
    #[track_caller]
    pub fn map_costly<U: Element>(&self, f: impl Pointwise<T, U>) -> Tensor<U> {
        self.map_by::<Costly, U>(f)
    }

    #[track_caller]
    fn map_by<C: Cost, U: Element>(&self, f: impl Pointwise<T, U>) -> Tensor<U> {
        let layout = self.row_major();
        if self.len() == 1 {
            return Tensor::from_one(f.at(self.first()), layout);
        }
        let mut out = buffer("map", self.shape());
        map_into::<C, T, U>(self, &mut out, f);
        Tensor::from_parts(out, layout)
    }

    /// `f(a, b)` of every pair of elements, after broadcasting both to their joint shape.
    ///
    /// # Panics
    /// If the shapes do not broadcast together.
    #[must_use]
    #[track_caller]
    pub fn zip<U: Element, V: Element>(
        &self,
        other: &Tensor<U>,
        f: impl Fn(T, U) -> V + Sync,
    ) -> Tensor<V> {
        self.zip_named("zip", other, f)
    }

    /// [`zip`](Self::zip) of a function of pairs that is bound by arithmetic, as
    /// [`map_costly`](Self::map_costly).
    ///
    /// # Panics
    /// If the shapes do not broadcast together.
    #[must_use]
    #[track_caller]
    pub fn zip_costly<U: Element, V: Element>(
        &self,
        other: &Tensor<U>,
        f: impl Pointwise<(T, U), V>,
    ) -> Tensor<V> {
        self.zip_by::<Costly, U, V>("zip", other, f)
    }

    /// [`zip`](Self::zip) under the name of an operation, for its messages.
    #[track_caller]
    pub(crate) fn zip_named<U: Element, V: Element>(
        &self,
        op: &str,
        other: &Tensor<U>,
        f: impl Fn(T, U) -> V + Sync,
    ) -> Tensor<V> {
        self.zip_by::<Cheap, U, V>(op, other, move |(a, b)| f(a, b))
    }

    #[track_caller]
    fn zip_by<C: Cost, U: Element, V: Element>(
        &self,
        op: &str,
        other: &Tensor<U>,
        f: impl Pointwise<(T, U), V>,
    ) -> Tensor<V> {
        let layout = self.broadcast_layout(op, other);
        if layout.len() == 1 {
            return Tensor::from_one(f.at((self.first(), other.first())), layout);
        }
        let mut out = buffer(op, layout.shape());
        if !layout.is_empty() {
            zip_into::<C, T, U, V>(self, other, &layout, &mut out, f);
        }
        Tensor::from_parts(out, layout)
    }

    /// `f(a, b, c)` of every triple of elements, after broadcasting all to their joint shape.
    ///
    /// # Panics
    /// If the shapes do not broadcast together.
    #[must_use]
    #[track_caller]
    pub fn zip3<U: Element, V: Element, W: Element>(
        &self,
        b: &Tensor<U>,
        c: &Tensor<V>,
        f: impl Fn(T, U, V) -> W + Sync,
    ) -> Tensor<W> {
        self.zip3_named("zip3", b, c, f)
    }

    /// [`zip3`](Self::zip3) under the name of an operation, for its messages.
    #[track_caller]
    pub(crate) fn zip3_named<U: Element, V: Element, W: Element>(
        &self,
        op: &str,
        b: &Tensor<U>,
        c: &Tensor<V>,
        f: impl Fn(T, U, V) -> W + Sync,
    ) -> Tensor<W> {
        let layout = Layout::broadcast_pair(op, self.layout(), b.layout());
        let layout = Layout::broadcast_pair(op, &layout, c.layout());
        if layout.len() == 1 {
            return Tensor::from_one(f(self.first(), b.first(), c.first()), layout);
        }
        let mut out = buffer(op, layout.shape());
        if layout.is_empty() {
            return Tensor::from_parts(out, layout);
        }
        let first = self.layout().broadcast_to(layout.shape());
        let second = b.layout().broadcast_to(layout.shape());
        let third = c.layout().broadcast_to(layout.shape());
        let planes = Planes::new([&layout, &first, &second, &third]);
        let (chunk, work) = (planes.chunk(), out.len() / PER_STEP);
        let buffers = (self.buffer(), b.buffer(), c.buffer());
        parallel::for_chunks_mut(&mut out, chunk, work, |index, out| {
            let (from, mut tiles) = (index * chunk, (Vec::new(), Vec::new(), Vec::new()));
            planes.for_planes(from, out.len(), &mut |plane| {
                let a = plane.operand(1, buffers.0, &mut tiles.0);
                let b = plane.operand(2, buffers.1, &mut tiles.1);
                let c = plane.operand(3, buffers.2, &mut tiles.2);
                for row in 0..plane.rows() {
                    let target = plane.target(out, from, row);
                    zip3_run(target, a.row(row), b.row(row), c.row(row), &f);
                }
            });
        });
        Tensor::from_parts(out, layout)
    }

    /// `f(a, b, c, d)` of every quadruple of elements, after broadcasting all to their joint shape.
    ///
    /// # Panics
    /// If the shapes do not broadcast together.
    #[must_use]
    #[track_caller]
    pub fn zip4<U: Element, V: Element, W: Element, X: Element>(
        &self,
        b: &Tensor<U>,
        c: &Tensor<V>,
        d: &Tensor<W>,
        f: impl Fn(T, U, V, W) -> X + Sync,
    ) -> Tensor<X> {
        let layout = Layout::broadcast_pair("zip4", self.layout(), b.layout());
        let layout = Layout::broadcast_pair("zip4", &layout, c.layout());
        let layout = Layout::broadcast_pair("zip4", &layout, d.layout());
        let mut out = buffer("zip4", layout.shape());
        if layout.is_empty() {
            return Tensor::from_parts(out, layout);
        }
        let [a_view, b_view, c_view, d_view] = [self.layout(), b.layout(), c.layout(), d.layout()]
            .map(|operand| operand.broadcast_to(layout.shape()));
        let planes = Planes::new([&layout, &a_view, &b_view, &c_view, &d_view]);
        let (chunk, work) = (planes.chunk(), out.len() / PER_STEP);
        let buffers = (self.buffer(), b.buffer(), c.buffer(), d.buffer());
        parallel::for_chunks_mut(&mut out, chunk, work, |index, out| {
            let from = index * chunk;
            let mut tiles = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            planes.for_planes(from, out.len(), &mut |plane| {
                let a = plane.operand(1, buffers.0, &mut tiles.0);
                let b = plane.operand(2, buffers.1, &mut tiles.1);
                let c = plane.operand(3, buffers.2, &mut tiles.2);
                let d = plane.operand(4, buffers.3, &mut tiles.3);
                for row in 0..plane.rows() {
                    let target = plane.target(out, from, row);
                    zip4_run(target, a.row(row), b.row(row), c.row(row), d.row(row), &f);
                }
            });
        });
        Tensor::from_parts(out, layout)
    }

    /// `x ← f(x)` for every element; copies first if the memory is shared.
    #[track_caller]
    pub fn map_in_place(&mut self, f: impl Fn(T) -> T + Sync) {
        let Some(values) = self.writable() else {
            *self = self.map(f);
            return;
        };
        if let [x] = values {
            *x = f(*x);
            return;
        }
        let (work, level) = (values.len() / PER_STEP, Level::best());
        parallel::for_chunks_mut(values, CHUNK, work, |_, x| {
            pointwise::map_in_place::<Cheap, _, _>(level, &f, x);
        });
    }

    /// `x ← f(x, y)` for every element, `other` broadcast to the shape of `self`; copies first if
    /// the memory is shared.
    ///
    /// # Panics
    /// If `other` does not broadcast to the shape of `self`.
    #[track_caller]
    pub fn zip_in_place<U: Element>(&mut self, other: &Tensor<U>, f: impl Fn(T, U) -> T + Sync) {
        let right = other.layout().broadcast_to(self.shape());
        if !self.is_writable() {
            *self = self.zip(&other.with_layout(right), f);
            return;
        }
        if self.is_empty() {
            return;
        }
        let layout = self.layout().to_row_major();
        let values = self.as_mut_slice();
        let (work, level) = (values.len() / PER_STEP, Level::best());
        if right.is_contiguous() {
            let other = other.as_slice().expect("contiguous");
            let f = |(x, y)| f(x, y);
            parallel::for_chunks_mut(values, CHUNK, work, |chunk, x| {
                let y = &other[chunk * CHUNK..][..x.len()];
                pointwise::zip_in_place::<Cheap, _, _, _>(level, &f, x, y);
            });
            return;
        }
        let planes = Planes::new([&layout, &right]);
        let (chunk, buffer) = (planes.chunk(), other.buffer());
        parallel::for_chunks_mut(values, chunk, work, |index, part| {
            let (from, mut tile) = (index * chunk, Vec::new());
            planes.for_planes(from, part.len(), &mut |plane| {
                let b = plane.operand(1, buffer, &mut tile);
                for row in 0..plane.rows() {
                    update_run(plane.target(part, from, row), b.row(row), &f);
                }
            });
        });
    }
}
