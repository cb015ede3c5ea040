//! The elementwise engine for three and four operands, see [`zip`](super::zip).

use crate::create::buffer;
use crate::elementwise::inner_loops::{StridedSlice, zip3_strided, zip4_strided};
use crate::elementwise::pointwise::{self, Cheap};
use crate::elementwise::tiling::TiledLoop;
use crate::elementwise::zip::PER_STEP;
use crate::kernels::simd::Level;
use crate::layout::Layout;
use crate::parallel;
use crate::{Element, Tensor};

/// `out[i] = f(a[i], b[i], c[i])`, in vectors if each operand is contiguous or constant.
fn zip3_row<T: Element, U: Element, V: Element, W: Element>(
    out: &mut [W],
    a: StridedSlice<'_, T>,
    b: StridedSlice<'_, U>,
    c: StridedSlice<'_, V>,
    f: &impl Fn(T, U, V) -> W,
) {
    let (level, count) = (Level::best(), out.len());
    let (Some(x), Some(y), Some(z)) = (a.as_row(count), b.as_row(count), c.as_row(count)) else {
        return zip3_strided(out, a, b, c, f);
    };
    let mut buffers = (None, None, None);
    let (x, y, z) = (
        x.pieces(&mut buffers.0),
        y.pieces(&mut buffers.1),
        z.pieces(&mut buffers.2),
    );
    let limit = x.limit().min(y.limit()).min(z.limit());
    for (number, out) in out.chunks_mut(limit).enumerate() {
        let (first, count) = (number * limit, out.len());
        let (x, y, z) = (
            x.piece(first, count),
            y.piece(first, count),
            z.piece(first, count),
        );
        pointwise::zip3(level, f, out, (x, y, z));
    }
}

/// `out[i] = f(a[i], b[i], c[i], d[i])`, in vectors if each operand is contiguous or constant.
fn zip4_row<T: Element, U: Element, V: Element, W: Element, X: Element>(
    out: &mut [X],
    a: StridedSlice<'_, T>,
    b: StridedSlice<'_, U>,
    c: StridedSlice<'_, V>,
    d: StridedSlice<'_, W>,
    f: &(impl Fn(T, U, V, W) -> X + Sync),
) {
    let (level, count) = (Level::best(), out.len());
    // As in a normalization: three calls for each piece of a row would cost a fourth of the time.
    if let (Some(a), Some(b), Some(c), Some(d)) = (
        a.as_contiguous(count),
        b.as_constant(),
        c.as_constant(),
        d.as_constant(),
    ) {
        return pointwise::map::<Cheap, _, _, _>(level, &|a| f(a, b, c, d), out, a);
    }
    let operands = (
        a.as_row(count),
        b.as_row(count),
        c.as_row(count),
        d.as_row(count),
    );
    let (Some(x), Some(y), Some(z), Some(w)) = operands else {
        return zip4_strided(out, a, b, c, d, f);
    };
    let mut buffers = (None, None, None, None);
    let (x, y, z, w) = (
        x.pieces(&mut buffers.0),
        y.pieces(&mut buffers.1),
        z.pieces(&mut buffers.2),
        w.pieces(&mut buffers.3),
    );
    let limit = x.limit().min(y.limit()).min(z.limit()).min(w.limit());
    for (number, out) in out.chunks_mut(limit).enumerate() {
        let (first, count) = (number * limit, out.len());
        let reads = (
            x.piece(first, count),
            y.piece(first, count),
            z.piece(first, count),
            w.piece(first, count),
        );
        pointwise::zip4(level, f, out, reads);
    }
}

impl<T: Element> Tensor<T> {
    /// `y[i] = f(a[i], b[i], c[i])`, with all operands broadcast to one shape.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 2], [2]);
    /// assert_eq!(x.zip3(&x, &Tensor::scalar(10), |a, b, c| a * b + c).to_vec(), [11, 14]);
    /// ```
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

    /// [`zip3`](Self::zip3) with the name of the operation for panic messages.
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
        let tiled = TiledLoop::new([&layout, &first, &second, &third]);
        let (chunk, work) = (tiled.chunk(), out.len() / PER_STEP);
        let buffers = (self.buffer(), b.buffer(), c.buffer());
        parallel::for_chunks_mut(&mut out, chunk, work, |index, out| {
            let (from, mut packed) = (index * chunk, (Vec::new(), Vec::new(), Vec::new()));
            tiled.for_tiles(from, out.len(), &mut |tile| {
                let a = tile.operand(1, buffers.0, &mut packed.0);
                let b = tile.operand(2, buffers.1, &mut packed.1);
                let c = tile.operand(3, buffers.2, &mut packed.2);
                for row in 0..tile.rows() {
                    let target = tile.target(out, from, row);
                    zip3_row(target, a.row(row), b.row(row), c.row(row), &f);
                }
            });
        });
        Tensor::from_parts(out, layout)
    }

    /// `y[i] = f(a[i], b[i], c[i], d[i])`, with all operands broadcast to one shape.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 2], [2]);
    /// assert_eq!(x.zip4(&x, &x, &Tensor::scalar(10), |a, b, c, d| a * b * c + d).to_vec(), [11, 18]);
    /// ```
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
        let tiled = TiledLoop::new([&layout, &a_view, &b_view, &c_view, &d_view]);
        let (chunk, work) = (tiled.chunk(), out.len() / PER_STEP);
        let buffers = (self.buffer(), b.buffer(), c.buffer(), d.buffer());
        parallel::for_chunks_mut(&mut out, chunk, work, |index, out| {
            let from = index * chunk;
            let mut packed = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            tiled.for_tiles(from, out.len(), &mut |tile| {
                let a = tile.operand(1, buffers.0, &mut packed.0);
                let b = tile.operand(2, buffers.1, &mut packed.1);
                let c = tile.operand(3, buffers.2, &mut packed.2);
                let d = tile.operand(4, buffers.3, &mut packed.3);
                for row in 0..tile.rows() {
                    let target = tile.target(out, from, row);
                    zip4_row(target, a.row(row), b.row(row), c.row(row), d.row(row), &f);
                }
            });
        });
        Tensor::from_parts(out, layout)
    }
}
