//! The elementwise engine: every elementwise operation runs here.
//!
//! Contiguous operands of one shape are processed as slices, all others as a loop nest in tiles
//! ([`TiledLoop`]). Chunks depend on shapes and layouts alone and elements are independent of each other, so
//! results do not depend on the number of threads or the order of the loops.

use crate::create::buffer;
use crate::elementwise::inner_loops::{
    Row, StridedSlice, map_strided, update_strided, zip_strided,
};
use crate::elementwise::loop_nest::LoopNest;
use crate::elementwise::pointwise::{self, Cheap, Cost, Costly, ElementFunction};
use crate::elementwise::tiling::TiledLoop;
use crate::kernels::simd::Level;
use crate::kernels::simd::non_temporal;
use crate::layout::Layout;
use crate::parallel::{self, CHUNK};
use crate::{Element, Tensor};

/// Elements per elementary step of work, since memory-bound loops are vectorised; see [`parallel::GRAIN`].
pub(super) const PER_STEP: usize = 4;

/// Copies the elements of a tensor to a slice, in row-major order.
pub(crate) fn copy<T: Element>(x: &Tensor<T>, out: &mut [T]) {
    if x.is_contiguous() || x.is_empty() {
        return map_into::<Cheap, _, _>(x, out, |x| x);
    }
    let tiled = TiledLoop::new([&x.layout().to_row_major(), x.layout()]);
    let (chunk, buffer) = (tiled.chunk(), x.buffer());
    let work = out.len() / PER_STEP;
    parallel::for_chunks_mut(out, chunk, work, |index, out| {
        let from = index * chunk;
        tiled.for_tiles(from, out.len(), &mut |tile| {
            if !tile.copy_transposed(out, from, buffer) {
                let mut packed = Vec::new();
                let a = tile.operand(1, buffer, &mut packed);
                for row in 0..tile.rows() {
                    let (target, a) = (tile.target(out, from, row), a.row(row));
                    match a.as_constant() {
                        Some(x) => target.fill(x),
                        None => map_strided(target, a, |x| x),
                    }
                }
            }
        });
    });
}

/// `out[i] = f(x[i])` in row-major order.
fn map_into<C: Cost, T: Element, U: Element>(
    x: &Tensor<T>,
    out: &mut [U],
    f: impl ElementFunction<T, U>,
) {
    assert_eq!(x.len(), out.len(), "map_into: one result per element");
    let work = out.len().saturating_mul(C::STEPS) / PER_STEP;
    let level = Level::best();
    if let Some(x) = x.as_slice() {
        let chunk = CHUNK / C::STEPS;
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
    let tiled = TiledLoop::new([&x.layout().to_row_major(), x.layout()]);
    let (chunk, buffer) = (tiled.chunk(), x.buffer());
    parallel::for_chunks_mut(out, chunk, work, |index, out| {
        let (from, mut packed) = (index * chunk, Vec::new());
        tiled.for_tiles(from, out.len(), &mut |tile| {
            let a = tile.operand(1, buffer, &mut packed);
            for row in 0..tile.rows() {
                let (target, a) = (tile.target(out, from, row), a.row(row));
                if let Some(Row::Slice(a)) = a.as_row(target.len()) {
                    pointwise::map::<C, _, _, _>(level, &f, target, a);
                } else {
                    map_strided(target, a, |x| f.at(x));
                }
            }
        });
    });
}

/// `out[i] = f((x[i], y[i]))` in row-major order, with both operands broadcast to the shape of `layout`, which
/// must not be empty.
fn zip_into<C: Cost, T: Element, U: Element, V: Element>(
    x: &Tensor<T>,
    y: &Tensor<U>,
    layout: &Layout,
    out: &mut [V],
    f: impl ElementFunction<(T, U), V>,
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
    let tiled = TiledLoop::new([layout, &left, &right]);
    let (chunk, x, y) = (tiled.chunk(), x.buffer(), y.buffer());
    // In a cache, repeating a constant in memory takes a quarter of the time of a sum. For results larger than any cache
    // it was the faster way, by 9 % on an AMD EPYC (Zen 4).
    let in_register = !non_temporal::is_profitable::<V>(out.len());
    parallel::for_chunks_mut(out, chunk, work, |index, out| {
        let (from, mut packed_x, mut packed_y) = (index * chunk, Vec::new(), Vec::new());
        tiled.for_tiles(from, out.len(), &mut |tile| {
            let a = tile.operand(1, x, &mut packed_x);
            let b = tile.operand(2, y, &mut packed_y);
            for row in 0..tile.rows() {
                let (out, a, b) = (tile.target(out, from, row), a.row(row), b.row(row));
                // A constant condition: not compiled for functions that are bound by arithmetic.
                if const { C::STEPS == Cheap::STEPS }
                    && in_register
                    && zip_row_with_constant(out, a, b, &f)
                {
                    continue;
                }
                zip_row::<C, _, _, _>(out, a, b, &f);
            }
        });
    });
}

/// `out[i] = f((x[i], y[i]))` with a constant operand in a register, if the other one is contiguous and the row is not
/// short. Otherwise returns false and computes nothing.
fn zip_row_with_constant<T: Element, U: Element, V: Element>(
    out: &mut [V],
    x: StridedSlice<'_, T>,
    y: StridedSlice<'_, U>,
    f: &impl ElementFunction<(T, U), V>,
) -> bool {
    let level = Level::best();
    match (x.as_row(out.len()), y.as_row(out.len())) {
        (Some(Row::Slice(x)), Some(Row::Constant(y))) => {
            pointwise::map::<Cheap, _, _, _>(level, &|x| f.at((x, y)), out, x);
        }
        (Some(Row::Constant(x)), Some(Row::Slice(y))) => {
            pointwise::map::<Cheap, _, _, _>(level, &|y| f.at((x, y)), out, y);
        }
        _ => return false,
    }
    true
}

/// `out[i] = f((x[i], y[i]))`, in vectors if each operand is contiguous or constant.
fn zip_row<C: Cost, T: Element, U: Element, V: Element>(
    out: &mut [V],
    x: StridedSlice<'_, T>,
    y: StridedSlice<'_, U>,
    f: &impl ElementFunction<(T, U), V>,
) {
    let (level, count) = (Level::best(), out.len());
    let (Some(a), Some(b)) = (x.as_row(count), y.as_row(count)) else {
        return zip_strided(out, x, y, |x, y| f.at((x, y)));
    };
    let mut buffers = (None, None);
    let (a, b) = (a.pieces(&mut buffers.0), b.pieces(&mut buffers.1));
    let limit = a.limit().min(b.limit());
    for (number, out) in out.chunks_mut(limit).enumerate() {
        let (first, count) = (number * limit, out.len());
        let (a, b) = (a.piece(first, count), b.piece(first, count));
        pointwise::zip::<C, _, _, _, _>(level, f, out, a, b);
    }
}

/// `out[i] = f(out[i], y[i])`, in vectors if the operand is contiguous or constant.
fn zip_row_in_place<T: Element, U: Element>(
    out: &mut [T],
    y: StridedSlice<'_, U>,
    f: impl Fn(T, U) -> T + Sync,
) {
    let Some(row) = y.as_row(out.len()) else {
        return update_strided(out, y, f);
    };
    let mut buffer = None;
    let b = row.pieces(&mut buffer);
    let (level, limit, f) = (Level::best(), b.limit(), |(x, y)| f(x, y));
    for (number, out) in out.chunks_mut(limit).enumerate() {
        let y = b.piece(number * limit, out.len());
        pointwise::zip_in_place::<Cheap, _, _, _>(level, &f, out, y);
    }
}

/// `x ← f(x, y)` for every element `x` of the view `view` of `out`, in row-major order, with `y` from a tensor
/// of the same shape.
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
    let nest = LoopNest::new([view, source.layout()]);
    let [step, stride] = nest.inner();
    nest.for_inner_loops(0, source.len(), |_, [x, y], count| {
        let y = StridedSlice {
            buffer: source.buffer(),
            start: y,
            stride,
        };
        if step == 1 {
            update_strided(&mut out[x as usize..x as usize + count], y, &f);
        } else {
            for i in 0..count {
                let x = &mut out[x.wrapping_add(i as isize * step) as usize];
                *x = f(*x, y.at(i));
            }
        }
    });
}

impl<T: Element> Tensor<T> {
    /// `y[i] = f(x[i])` for every element; the result has the shape of `self`.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, 2.0], [2]);
    /// assert_eq!(x.map(|x| 10.0 * x).to_vec(), [10.0, 20.0]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn map<U: Element>(&self, f: impl Fn(T) -> U + Sync) -> Tensor<U> {
        self.map_by::<Cheap, U>(f)
    }

    /// [`map`](Self::map) for a function that is bound by arithmetic, such as an exponential: uses the widest
    /// vectors of the processor, and several threads from fewer elements on.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![0.0_f64, 1.0], [2]);
    /// assert_eq!(x.map_costly(|x: f64| x.exp()).to_vec(), [1.0, std::f64::consts::E]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn map_costly<U: Element>(&self, f: impl ElementFunction<T, U>) -> Tensor<U> {
        self.map_by::<Costly, U>(f)
    }

    #[track_caller]
    fn map_by<C: Cost, U: Element>(&self, f: impl ElementFunction<T, U>) -> Tensor<U> {
        let layout = self.row_major();
        if self.len() == 1 {
            return Tensor::from_one(f.at(self.first()), layout);
        }
        let mut out = buffer("map", self.shape());
        map_into::<C, T, U>(self, &mut out, f);
        Tensor::from_parts(out, layout)
    }

    /// `y[i] = f(a[i], b[i])`, with both operands broadcast to one shape.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let (a, b) = (Tensor::from_vec(vec![1, 2], [2]), Tensor::from_vec(vec![3.5, 4.5], [2]));
    /// assert_eq!(a.zip(&b, |a, b| f64::from(a) * b).to_vec(), [3.5, 9.0]);
    /// ```
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

    /// [`zip`](Self::zip) for a function of pairs that is bound by arithmetic; see
    /// [`map_costly`](Self::map_costly).
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let (a, b) = (Tensor::from_vec(vec![3.0_f64, 5.0], [2]), Tensor::from_vec(vec![4.0, 12.0], [2]));
    /// assert_eq!(a.zip_costly(&b, |(a, b): (f64, f64)| a.hypot(b)).to_vec(), [5.0, 13.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast together.
    #[must_use]
    #[track_caller]
    pub fn zip_costly<U: Element, V: Element>(
        &self,
        other: &Tensor<U>,
        f: impl ElementFunction<(T, U), V>,
    ) -> Tensor<V> {
        self.zip_by::<Costly, U, V>("zip", other, f)
    }

    /// [`zip`](Self::zip) with the name of the operation for panic messages.
    #[track_caller]
    pub(crate) fn zip_named<U: Element, V: Element>(
        &self,
        op: &str,
        other: &Tensor<U>,
        f: impl Fn(T, U) -> V + Sync,
    ) -> Tensor<V> {
        self.zip_by::<Cheap, U, V>(op, other, move |(a, b)| f(a, b))
    }

    /// [`zip_costly`](Self::zip_costly) with the name of the operation for panic messages.
    #[track_caller]
    pub(crate) fn zip_costly_named<U: Element, V: Element>(
        &self,
        op: &str,
        other: &Tensor<U>,
        f: impl ElementFunction<(T, U), V>,
    ) -> Tensor<V> {
        self.zip_by::<Costly, U, V>(op, other, f)
    }

    #[track_caller]
    fn zip_by<C: Cost, U: Element, V: Element>(
        &self,
        op: &str,
        other: &Tensor<U>,
        f: impl ElementFunction<(T, U), V>,
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

    /// `x ← f(x)` for every element; in place if the tensor is contiguous and its buffer uniquely owned.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let mut x = Tensor::from_vec(vec![1, 2], [2]);
    /// x.map_in_place(|x| x + 1);
    /// assert_eq!(x.to_vec(), [2, 3]);
    /// ```
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

    /// `x ← f(x, y)` for every element, with `other` broadcast to the shape of `self`; in place if the tensor is
    /// contiguous and its buffer uniquely owned.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let mut x = Tensor::from_vec(vec![1, 2, 3, 4], [2, 2]);
    /// x.zip_in_place(&Tensor::from_vec(vec![10, 100], [2]), |x, y| x * y);
    /// assert_eq!(x.to_vec(), [10, 200, 30, 400]);
    /// ```
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
        let tiled = TiledLoop::new([&layout, &right]);
        let (chunk, buffer) = (tiled.chunk(), other.buffer());
        parallel::for_chunks_mut(values, chunk, work, |index, part| {
            let (from, mut packed) = (index * chunk, Vec::new());
            tiled.for_tiles(from, part.len(), &mut |tile| {
                let b = tile.operand(1, buffer, &mut packed);
                for row in 0..tile.rows() {
                    zip_row_in_place(tile.target(part, from, row), b.row(row), &f);
                }
            });
        });
    }
}
