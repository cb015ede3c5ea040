//! The loops around an elementwise function: chunks for threads, tiles, rows.
//!
//! They call a kernel, the function's own loop over contiguous slices ([`pointwise`](super::pointwise)), through a
//! pointer. A call costs little compared with a slice, and this file is compiled once for each combination of element
//! types, where it would otherwise be compiled for every function of every operation.
//!
//! Contiguous operands of one shape are slices already. All others are a loop nest in tiles ([`TiledLoop`]), whose rows
//! reach the kernel in pieces: strided elements are gathered and constants repeated in a small buffer.

use std::sync::Arc;

use crate::create::buffer;
use crate::elementwise::inner_loops::Row;
use crate::elementwise::tiling::TiledLoop;
use crate::kernels::simd::non_temporal;
use crate::layout::Layout;
use crate::parallel::{self, CHUNK};
use crate::{Element, Tensor};

/// Elements per elementary step of work, since memory-bound loops are vectorised; see [`parallel::GRAIN`].
const PER_STEP: usize = 4;

/// The steps of `count` elements that cost `steps` additions each.
pub(super) fn work(count: usize, steps: usize) -> usize {
    count.saturating_mul(steps) / PER_STEP
}

/// The steps of reading or writing `count` elements.
pub(crate) fn memory_bound_work(count: usize) -> usize {
    work(count, 1)
}

/// `out[i] = f(x[i])` for slices of one length.
pub(super) type MapKernel<'a, T, U> = &'a (dyn Fn(&mut [U], &[T]) + Sync);

/// `out[i] = f(x[i], y[i])` for operands of the result's length.
pub(super) type ZipKernel<'a, T, U, V> = &'a (dyn Fn(&mut [V], Operands<'_, T, U>) + Sync);

/// `x[i] = f(x[i], y[i])` for slices of one length.
pub(super) type UpdateKernel<'a, T, U> = &'a (dyn Fn(&mut [T], &[U]) + Sync);

/// `out[i] = f(a[i], b[i], c[i])` for operands of the result's length.
pub(super) type Zip3Kernel<'a, A, B, C, R> = &'a (dyn Fn(&mut [R], Operands3<'_, A, B, C>) + Sync);

/// `out[i] = f(a[i], b[i], c[i], d[i])` for operands of the result's length.
pub(super) type Zip4Kernel<'a, A, B, C, D, R> =
    &'a (dyn Fn(&mut [R], Operands4<'_, A, B, C, D>) + Sync);

/// The operands of a [`ZipKernel`]: slices of the result's length, or one element for all.
pub(super) enum Operands<'a, T, U> {
    /// Two slices.
    Slices(&'a [T], &'a [U]),
    /// Two slices, and a result that is larger than any cache: to be written by non-temporal stores.
    Large(&'a [T], &'a [U]),
    /// The left operand is one element; only for functions that are bound by memory.
    ConstantLeft(T, &'a [U]),
    /// The right operand is one element; only for functions that are bound by memory.
    ConstantRight(&'a [T], U),
}

/// The operands of a [`Zip3Kernel`]: slices of the result's length, or one element for all.
pub(super) enum Operands3<'a, A, B, C> {
    /// Three slices.
    Slices(&'a [A], &'a [B], &'a [C]),
    /// Two slices and an element, as where a mask selects zeros.
    Constant(&'a [A], &'a [B], C),
    /// A slice and two elements, as in a scale and a shift.
    Constants(&'a [A], B, C),
}

/// The operands of a [`Zip4Kernel`]: slices of the result's length, or one element for all.
pub(super) enum Operands4<'a, A, B, C, D> {
    /// Four slices.
    Slices(&'a [A], &'a [B], &'a [C], &'a [D]),
    /// A slice and three elements, as in a normalization: repeating three would cost a fourth of the time.
    Constants(&'a [A], B, C, D),
}

/// `y[i] = f(x[i])`, in the row-major layout of the shape of `x`.
#[track_caller]
pub(super) fn map<T: Element, U: Element>(
    x: &Tensor<T>,
    layout: Arc<Layout>,
    steps: usize,
    kernel: MapKernel<'_, T, U>,
) -> Tensor<U> {
    let mut out = buffer("map", layout.shape());
    map_into(x, &mut out, steps, kernel);
    Tensor::from_parts(out, layout)
}

/// `out[i] = f(x[i])` in row-major order.
fn map_into<T: Element, U: Element>(
    x: &Tensor<T>,
    out: &mut [U],
    steps: usize,
    kernel: MapKernel<'_, T, U>,
) {
    assert_eq!(x.len(), out.len(), "map: one result per element");
    let work = work(out.len(), steps);
    if let Some(x) = x.as_slice() {
        let chunk = CHUNK / steps;
        let is_large = steps == 1 && non_temporal::is_profitable::<U>(out.len());
        parallel::for_chunks_mut(out, chunk, work, |index, out| {
            let x = &x[index * chunk..][..out.len()];
            if is_large {
                non_temporal::fill(out, |first, out| kernel(out, &x[first..][..out.len()]));
            } else {
                kernel(out, x);
            }
        });
        return;
    }
    let tiled = TiledLoop::new([&x.layout().to_row_major(), x.layout()]);
    let (chunk, source) = (tiled.chunk(), x.buffer());
    parallel::for_chunks_mut(out, chunk, work, |index, out| {
        let (from, mut packed, mut buffer) = (index * chunk, Vec::new(), None);
        tiled.for_tiles(from, out.len(), &mut |tile| {
            let a = tile.operand(1, source, &mut packed);
            for row in 0..tile.rows() {
                let target = tile.target(out, from, row);
                match a.row(row).row(target.len()) {
                    Row::Slice(a) => kernel(target, a),
                    Row::Constant(a) => {
                        let (first, rest) = target.split_at_mut(1);
                        kernel(first, &[a]);
                        rest.fill(first[0]);
                    }
                    row @ Row::Strided(_) => {
                        let mut a = row.pieces(target.len(), &mut buffer);
                        for (first, out) in pieces(target, a.limit()) {
                            kernel(out, a.piece(first, out.len()));
                        }
                    }
                }
            }
        });
    });
}

/// Copies the elements of a tensor to a slice, in row-major order.
pub(crate) fn copy<T: Element>(x: &Tensor<T>, out: &mut [T]) {
    if x.is_contiguous() || x.is_empty() {
        return map_into(x, out, 1, &|out, x| out.copy_from_slice(x));
    }
    let tiled = TiledLoop::new([&x.layout().to_row_major(), x.layout()]);
    let (chunk, buffer) = (tiled.chunk(), x.buffer());
    let work = work(out.len(), 1);
    parallel::for_chunks_mut(out, chunk, work, |index, out| {
        let from = index * chunk;
        tiled.for_tiles(from, out.len(), &mut |tile| {
            if !tile.copy_transposed(out, from, buffer) {
                let mut packed = Vec::new();
                let a = tile.operand(1, buffer, &mut packed);
                for row in 0..tile.rows() {
                    let target = tile.target(out, from, row);
                    match a.row(row).row(target.len()) {
                        Row::Slice(a) => target.copy_from_slice(a),
                        Row::Constant(a) => target.fill(a),
                        Row::Strided(a) => {
                            for (i, out) in target.iter_mut().enumerate() {
                                *out = a.at(i);
                            }
                        }
                    }
                }
            }
        });
    });
}

/// `out[i] = f(x[i], y[i])` with both operands broadcast to the shape of `layout`.
#[track_caller]
pub(super) fn zip<T: Element, U: Element, V: Element>(
    op: &str,
    (x, y): (&Tensor<T>, &Tensor<U>),
    layout: Arc<Layout>,
    steps: usize,
    kernel: ZipKernel<'_, T, U, V>,
) -> Tensor<V> {
    let mut result = buffer(op, layout.shape());
    if layout.is_empty() {
        return Tensor::from_parts(result, layout);
    }
    let out: &mut [V] = &mut result;
    let work = work(out.len(), steps);
    let same_shape = x.shape() == y.shape();
    if let (true, Some(x), Some(y)) = (same_shape, x.as_slice(), y.as_slice()) {
        let chunk = CHUNK / steps;
        let is_large = steps == 1 && non_temporal::is_profitable::<V>(out.len());
        parallel::for_chunks_mut(out, chunk, work, |index, out| {
            let (from, count) = (index * chunk, out.len());
            let (x, y) = (&x[from..][..count], &y[from..][..count]);
            if is_large {
                kernel(out, Operands::Large(x, y));
            } else {
                kernel(out, Operands::Slices(x, y));
            }
        });
        return Tensor::from_parts(result, layout);
    }
    let left = x.layout().broadcast_to(layout.shape());
    let right = y.layout().broadcast_to(layout.shape());
    let tiled = TiledLoop::new([&layout, &left, &right]);
    let (chunk, x, y) = (tiled.chunk(), x.buffer(), y.buffer());
    let in_register = steps == 1;
    parallel::for_chunks_mut(out, chunk, work, |index, out| {
        let (from, mut packed) = (index * chunk, (Vec::new(), Vec::new()));
        let mut buffers = (None, None);
        tiled.for_tiles(from, out.len(), &mut |tile| {
            let a = tile.operand(1, x, &mut packed.0);
            let b = tile.operand(2, y, &mut packed.1);
            for row in 0..tile.rows() {
                let (out, a, b) = (tile.target(out, from, row), a.row(row), b.row(row));
                let count = out.len();
                match (a.row(count), b.row(count)) {
                    (Row::Slice(a), Row::Slice(b)) => kernel(out, Operands::Slices(a, b)),
                    (Row::Slice(a), Row::Constant(b)) if in_register => {
                        kernel(out, Operands::ConstantRight(a, b));
                    }
                    (Row::Constant(a), Row::Slice(b)) if in_register => {
                        kernel(out, Operands::ConstantLeft(a, b));
                    }
                    (a, b) => {
                        let mut a = a.pieces(count, &mut buffers.0);
                        let mut b = b.pieces(count, &mut buffers.1);
                        for (first, out) in pieces(out, a.limit().min(b.limit())) {
                            let count = out.len();
                            let operands =
                                Operands::Slices(a.piece(first, count), b.piece(first, count));
                            kernel(out, operands);
                        }
                    }
                }
            }
        });
    });
    Tensor::from_parts(result, layout)
}

/// `x[i] = f(x[i])`.
pub(super) fn map_in_place<T: Element>(values: &mut [T], kernel: &(dyn Fn(&mut [T]) + Sync)) {
    let work = work(values.len(), 1);
    parallel::for_chunks_mut(values, CHUNK, work, |_, x| kernel(x));
}

/// `values[i] = f(values[i], y[i])`, where `y` has the layout `right` of the shape of `layout`, that of the values.
pub(super) fn zip_in_place<T: Element, U: Element>(
    values: &mut [T],
    layout: &Layout,
    y: &Tensor<U>,
    right: &Layout,
    kernel: UpdateKernel<'_, T, U>,
) {
    let work = work(values.len(), 1);
    if right.is_contiguous() {
        let y = y.as_slice().expect("contiguous");
        parallel::for_chunks_mut(values, CHUNK, work, |chunk, x| {
            kernel(x, &y[chunk * CHUNK..][..x.len()]);
        });
        return;
    }
    let tiled = TiledLoop::new([layout, right]);
    let (chunk, y) = (tiled.chunk(), y.buffer());
    parallel::for_chunks_mut(values, chunk, work, |index, part| {
        let (from, mut packed, mut buffer) = (index * chunk, Vec::new(), None);
        tiled.for_tiles(from, part.len(), &mut |tile| {
            let b = tile.operand(1, y, &mut packed);
            for row in 0..tile.rows() {
                let x = tile.target(part, from, row);
                let mut b = b.row(row).row(x.len()).pieces(x.len(), &mut buffer);
                for (first, x) in pieces(x, b.limit()) {
                    kernel(x, b.piece(first, x.len()));
                }
            }
        });
    });
}

/// `y[i] = f(a[i], b[i], c[i])`, with all operands broadcast to the shape of `layout`.
#[track_caller]
pub(super) fn zip3<A: Element, B: Element, C: Element, R: Element>(
    op: &str,
    (a, b, c): (&Tensor<A>, &Tensor<B>, &Tensor<C>),
    layout: Layout,
    kernel: Zip3Kernel<'_, A, B, C, R>,
) -> Tensor<R> {
    let mut out = buffer(op, layout.shape());
    if layout.is_empty() {
        return Tensor::from_parts(out, layout);
    }
    let work = work(out.len(), 1);
    if let (Some(a), Some(b), Some(c)) = (whole(a, &layout), whole(b, &layout), whole(c, &layout)) {
        parallel::for_chunks_mut(&mut out, CHUNK, work, |index, out| {
            let (from, to) = (index * CHUNK, index * CHUNK + out.len());
            kernel(
                out,
                Operands3::Slices(&a[from..to], &b[from..to], &c[from..to]),
            );
        });
        return Tensor::from_parts(out, layout);
    }
    let views = [a.layout(), b.layout(), c.layout()].map(|x| x.broadcast_to(layout.shape()));
    let tiled = TiledLoop::new([&layout, &views[0], &views[1], &views[2]]);
    let chunk = tiled.chunk();
    let (a, b, c) = (a.buffer(), b.buffer(), c.buffer());
    parallel::for_chunks_mut(&mut out, chunk, work, |index, out| {
        let (from, mut packed) = (index * chunk, (Vec::new(), Vec::new(), Vec::new()));
        let mut buffers = (None, None, None);
        tiled.for_tiles(from, out.len(), &mut |tile| {
            let a = tile.operand(1, a, &mut packed.0);
            let b = tile.operand(2, b, &mut packed.1);
            let c = tile.operand(3, c, &mut packed.2);
            for row in 0..tile.rows() {
                let out = tile.target(out, from, row);
                let count = out.len();
                let (a, b, c) = (a.row(row), b.row(row), c.row(row));
                let (a, b, c) = (a.row(count), b.row(count), c.row(count));
                let operands = match (&a, &b, &c) {
                    (Row::Slice(a), Row::Slice(b), Row::Slice(c)) => {
                        Some(Operands3::Slices(a, b, c))
                    }
                    (Row::Slice(a), Row::Slice(b), Row::Constant(c)) => {
                        Some(Operands3::Constant(a, b, *c))
                    }
                    (Row::Slice(a), Row::Constant(b), Row::Constant(c)) => {
                        Some(Operands3::Constants(a, *b, *c))
                    }
                    _ => None,
                };
                if let Some(operands) = operands {
                    kernel(out, operands);
                    continue;
                }
                let mut a = a.pieces(count, &mut buffers.0);
                let mut b = b.pieces(count, &mut buffers.1);
                let mut c = c.pieces(count, &mut buffers.2);
                let limit = a.limit().min(b.limit()).min(c.limit());
                for (first, out) in pieces(out, limit) {
                    let count = out.len();
                    let (a, b) = (a.piece(first, count), b.piece(first, count));
                    kernel(out, Operands3::Slices(a, b, c.piece(first, count)));
                }
            }
        });
    });
    Tensor::from_parts(out, layout)
}

/// `y[i] = f(a[i], b[i], c[i], d[i])`, with all operands broadcast to the shape of `layout`.
#[track_caller]
pub(super) fn zip4<A: Element, B: Element, C: Element, D: Element, R: Element>(
    op: &str,
    (a, b, c, d): (&Tensor<A>, &Tensor<B>, &Tensor<C>, &Tensor<D>),
    layout: Layout,
    kernel: Zip4Kernel<'_, A, B, C, D, R>,
) -> Tensor<R> {
    let mut out = buffer(op, layout.shape());
    if layout.is_empty() {
        return Tensor::from_parts(out, layout);
    }
    let work = work(out.len(), 1);
    if let (Some(a), Some(b), Some(c), Some(d)) = (
        whole(a, &layout),
        whole(b, &layout),
        whole(c, &layout),
        whole(d, &layout),
    ) {
        parallel::for_chunks_mut(&mut out, CHUNK, work, |index, out| {
            let (from, to) = (index * CHUNK, index * CHUNK + out.len());
            let operands =
                Operands4::Slices(&a[from..to], &b[from..to], &c[from..to], &d[from..to]);
            kernel(out, operands);
        });
        return Tensor::from_parts(out, layout);
    }
    let views = [a.layout(), b.layout(), c.layout(), d.layout()];
    let views = views.map(|x| x.broadcast_to(layout.shape()));
    let tiled = TiledLoop::new([&layout, &views[0], &views[1], &views[2], &views[3]]);
    let chunk = tiled.chunk();
    let (a, b, c, d) = (a.buffer(), b.buffer(), c.buffer(), d.buffer());
    parallel::for_chunks_mut(&mut out, chunk, work, |index, out| {
        let from = index * chunk;
        let mut packed = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut buffers = (None, None, None, None);
        tiled.for_tiles(from, out.len(), &mut |tile| {
            let a = tile.operand(1, a, &mut packed.0);
            let b = tile.operand(2, b, &mut packed.1);
            let c = tile.operand(3, c, &mut packed.2);
            let d = tile.operand(4, d, &mut packed.3);
            for row in 0..tile.rows() {
                let out = tile.target(out, from, row);
                let count = out.len();
                let (a, b) = (a.row(row).row(count), b.row(row).row(count));
                let (c, d) = (c.row(row).row(count), d.row(row).row(count));
                let operands = match (&a, &b, &c, &d) {
                    (Row::Slice(a), Row::Slice(b), Row::Slice(c), Row::Slice(d)) => {
                        Some(Operands4::Slices(a, b, c, d))
                    }
                    (Row::Slice(a), Row::Constant(b), Row::Constant(c), Row::Constant(d)) => {
                        Some(Operands4::Constants(a, *b, *c, *d))
                    }
                    _ => None,
                };
                if let Some(operands) = operands {
                    kernel(out, operands);
                    continue;
                }
                let mut a = a.pieces(count, &mut buffers.0);
                let mut b = b.pieces(count, &mut buffers.1);
                let mut c = c.pieces(count, &mut buffers.2);
                let mut d = d.pieces(count, &mut buffers.3);
                let limit = a.limit().min(b.limit()).min(c.limit()).min(d.limit());
                for (first, out) in pieces(out, limit) {
                    let count = out.len();
                    let (a, b) = (a.piece(first, count), b.piece(first, count));
                    let (c, d) = (c.piece(first, count), d.piece(first, count));
                    kernel(out, Operands4::Slices(a, b, c, d));
                }
            }
        });
    });
    Tensor::from_parts(out, layout)
}

/// The elements of a contiguous tensor that has the shape of a layout.
fn whole<'a, T: Element>(x: &'a Tensor<T>, layout: &Layout) -> Option<&'a [T]> {
    x.as_slice().filter(|_| x.shape() == layout.shape())
}

/// Consecutive pieces of a row with at most `limit` elements, and where they begin.
fn pieces<T>(row: &mut [T], limit: usize) -> impl Iterator<Item = (usize, &mut [T])> {
    let pieces = row.chunks_mut(limit).enumerate();
    pieces.map(move |(number, piece)| (number.saturating_mul(limit), piece))
}
