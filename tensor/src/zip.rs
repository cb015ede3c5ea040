//! The elementwise engine: everything that works element by element goes through here.
//!
//! Axes of extent 1 are dropped, neighbours that are contiguous in every operand merged; what is
//! left is a loop nest whose innermost loop runs over slices, single values or strides.

use crate::create::buffer;
use crate::layout::{Layout, MAX_RANK};
use crate::parallel;
use crate::{Element, Tensor};

/// A loop nest in row-major order over `N` operands of one shape.
pub(crate) struct Nest<const N: usize> {
    rank: usize,
    dims: [usize; MAX_RANK],
    strides: [[isize; N]; MAX_RANK],
    start: [isize; N],
}

impl<const N: usize> Nest<N> {
    /// The layouts have the same shape, without an empty axis.
    pub(crate) fn new(layouts: [&Layout; N]) -> Self {
        let mut nest = Self::starting_at(layouts.map(|layout| layout.offset() as isize));
        for (axis, &extent) in layouts[0].shape().iter().enumerate() {
            let strides = layouts.map(|layout| layout.strides()[axis]);
            if extent != 1 {
                nest.push(extent, strides);
            }
        }
        nest
    }

    /// No loop yet: one element of each operand.
    pub(crate) fn starting_at(start: [isize; N]) -> Self {
        Self {
            rank: 0,
            dims: [1; MAX_RANK],
            strides: [[0; N]; MAX_RANK],
            start,
        }
    }

    /// A loop inside the innermost one, of more than one step; merged with it where possible.
    pub(crate) fn push(&mut self, extent: usize, strides: [isize; N]) {
        if let Some(last) = self.rank.checked_sub(1) {
            let outer = self.strides[last];
            if (0..N).all(|n| outer[n] == strides[n] * extent as isize) {
                self.dims[last] *= extent;
                self.strides[last] = strides;
                return;
            }
        }
        self.dims[self.rank] = extent;
        self.strides[self.rank] = strides;
        self.rank += 1;
    }

    /// The strides of the innermost loop.
    pub(crate) fn inner(&self) -> [isize; N] {
        self.strides[self.rank.saturating_sub(1)]
    }

    /// Calls `run(done, positions, count)` for each stretch of the innermost loop that covers the
    /// row-major places `from..from + count` of the shape.
    pub(crate) fn for_runs(
        &self,
        from: usize,
        count: usize,
        mut run: impl FnMut(usize, [isize; N], usize),
    ) {
        let last = self.rank.saturating_sub(1);
        let mut index = [0; MAX_RANK];
        let mut position = self.start;
        let mut rest = from;
        for axis in (0..self.rank).rev() {
            index[axis] = rest % self.dims[axis];
            rest /= self.dims[axis];
            advance(&mut position, self.strides[axis], index[axis] as isize);
        }
        let mut done = 0;
        while done < count {
            let length = (self.dims[last] - index[last]).min(count - done);
            run(done, position, length);
            done += length;
            if done < count {
                self.step(&mut index, &mut position);
            }
        }
    }

    /// From anywhere in an innermost loop to the start of the next one.
    fn step(&self, index: &mut [usize; MAX_RANK], position: &mut [isize; N]) {
        let last = self.rank.saturating_sub(1);
        advance(position, self.strides[last], -(index[last] as isize));
        index[last] = 0;
        for axis in (0..last).rev() {
            index[axis] += 1;
            if index[axis] < self.dims[axis] {
                advance(position, self.strides[axis], 1);
                return;
            }
            index[axis] = 0;
            advance(position, self.strides[axis], 1 - self.dims[axis] as isize);
        }
    }
}

#[inline]
fn advance<const N: usize>(position: &mut [isize; N], strides: [isize; N], by: isize) {
    for (position, stride) in position.iter_mut().zip(strides) {
        *position += by * stride;
    }
}

/// One operand of one innermost loop.
#[derive(Clone, Copy)]
enum Run<'a, T> {
    /// Elements side by side.
    Dense(&'a [T]),
    /// The same element all the time.
    Same(T),
    /// Elements at `position + i·stride` of the buffer.
    Strided(&'a [T], isize, isize),
}

impl<'a, T: Element> Run<'a, T> {
    #[inline]
    fn new(buffer: &'a [T], position: isize, stride: isize, count: usize) -> Self {
        match stride {
            1 => Self::Dense(&buffer[position as usize..position as usize + count]),
            0 => Self::Same(buffer[position as usize]),
            _ => Self::Strided(buffer, position, stride),
        }
    }

    #[inline]
    fn at(&self, i: usize) -> T {
        match *self {
            Self::Dense(values) => values[i],
            Self::Same(value) => value,
            Self::Strided(buffer, position, stride) => {
                buffer[(position + i as isize * stride) as usize]
            }
        }
    }
}

#[inline]
fn run_map<T: Element, U: Element>(out: &mut [U], a: Run<'_, T>, f: impl Fn(T) -> U) {
    match a {
        Run::Dense(a) => out.iter_mut().zip(a).for_each(|(out, &a)| *out = f(a)),
        Run::Same(a) => out.iter_mut().for_each(|out| *out = f(a)),
        Run::Strided(buffer, mut position, stride) => {
            for out in out {
                *out = f(buffer[position as usize]);
                position = position.wrapping_add(stride);
            }
        }
    }
}

#[inline]
fn run_zip<T: Element, U: Element, V: Element>(
    out: &mut [V],
    a: Run<'_, T>,
    b: Run<'_, U>,
    f: impl Fn(T, U) -> V,
) {
    match (a, b) {
        (Run::Dense(a), Run::Dense(b)) => {
            for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
                *out = f(a, b);
            }
        }
        (a, Run::Same(b)) => run_map(out, a, |a| f(a, b)),
        (Run::Same(a), b) => run_map(out, b, |b| f(a, b)),
        (a, b) => {
            for (i, out) in out.iter_mut().enumerate() {
                *out = f(a.at(i), b.at(i));
            }
        }
    }
}

/// The elements of a tensor into a slice, in row-major order.
pub(crate) fn copy<T: Element>(from: &Tensor<T>, out: &mut [T]) {
    map_into(from, out, |x| x);
}

/// `out[i] = f(x[i])` in row-major order.
pub(crate) fn map_into<T: Element, U: Element>(
    x: &Tensor<T>,
    out: &mut [U],
    f: impl Fn(T) -> U + Sync,
) {
    assert_eq!(x.len(), out.len(), "map_into: one result per element");
    if out.is_empty() {
        return;
    }
    let nest = Nest::new([x.layout()]);
    let ([stride], buffer, length) = (nest.inner(), x.buffer(), out.len());
    parallel::for_chunks_mut(out, parallel::CHUNK, length, |chunk, out| {
        nest.for_runs(chunk * parallel::CHUNK, out.len(), |done, [a], count| {
            let out = &mut out[done..done + count];
            run_map(out, Run::new(buffer, a, stride, count), &f);
        });
    });
}

/// `x ← f(x, y)` for every `x` that a layout shows in a buffer, in row-major order, `y` from a
/// tensor of the same shape.
#[track_caller]
pub(crate) fn update<T: Element, U: Element>(
    out: &mut [T],
    view: &Layout,
    source: &Tensor<U>,
    f: impl Fn(T, U) -> T,
) {
    assert_eq!(view.shape(), source.shape(), "update: one element for each");
    if source.is_empty() {
        return;
    }
    let nest = Nest::new([view, source.layout()]);
    let [step, stride] = nest.inner();
    nest.for_runs(0, source.len(), |_, [x, y], count| {
        let y = Run::new(source.buffer(), y, stride, count);
        if step == 1 {
            let x = &mut out[x as usize..x as usize + count];
            run_update(x, y, &f);
        } else {
            let mut position = x;
            for i in 0..count {
                let x = &mut out[position as usize];
                *x = f(*x, y.at(i));
                position = position.wrapping_add(step);
            }
        }
    });
}

#[inline]
fn run_update<T: Element, U: Element>(out: &mut [T], y: Run<'_, U>, f: impl Fn(T, U) -> T) {
    match y {
        Run::Dense(y) => out.iter_mut().zip(y).for_each(|(x, &y)| *x = f(*x, y)),
        Run::Same(y) => out.iter_mut().for_each(|x| *x = f(*x, y)),
        Run::Strided(..) => {
            for (i, x) in out.iter_mut().enumerate() {
                *x = f(*x, y.at(i));
            }
        }
    }
}

impl<T: Element> Tensor<T> {
    /// `f` of every element.
    #[must_use]
    #[track_caller]
    pub fn map<U: Element>(&self, f: impl Fn(T) -> U + Sync) -> Tensor<U> {
        let layout = self.layout().to_row_major();
        if self.len() == 1 {
            return Tensor::from_one(f(self.first()), layout);
        }
        let mut out = buffer("map", self.shape());
        map_into(self, &mut out, f);
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

    /// [`zip`](Self::zip) under the name of an operation, for its messages.
    #[track_caller]
    pub(crate) fn zip_named<U: Element, V: Element>(
        &self,
        op: &str,
        other: &Tensor<U>,
        f: impl Fn(T, U) -> V + Sync,
    ) -> Tensor<V> {
        let layout = if self.shape() == other.shape() {
            self.layout().to_row_major()
        } else {
            Layout::joint(op, self.layout(), other.layout())
        };
        if layout.len() == 1 {
            return Tensor::from_one(f(self.first(), other.first()), layout);
        }
        let mut out = buffer(op, layout.shape());
        if layout.is_empty() {
            return Tensor::from_parts(out, layout);
        }
        let x = self.layout().broadcast_to(layout.shape());
        let y = other.layout().broadcast_to(layout.shape());
        let nest = Nest::new([&x, &y]);
        let ([dx, dy], length) = (nest.inner(), out.len());
        let (left, right) = (self.buffer(), other.buffer());
        parallel::for_chunks_mut(&mut out, parallel::CHUNK, length, |chunk, out| {
            nest.for_runs(chunk * parallel::CHUNK, out.len(), |done, [a, b], count| {
                let out = &mut out[done..done + count];
                let a = Run::new(left, a, dx, count);
                let b = Run::new(right, b, dy, count);
                run_zip(out, a, b, &f);
            });
        });
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
        let layout = Layout::joint(op, self.layout(), b.layout());
        let layout = Layout::joint(op, &layout, c.layout());
        let mut out = buffer(op, layout.shape());
        if layout.is_empty() {
            return Tensor::from_parts(out, layout);
        }
        let x = self.layout().broadcast_to(layout.shape());
        let y = b.layout().broadcast_to(layout.shape());
        let z = c.layout().broadcast_to(layout.shape());
        let nest = Nest::new([&x, &y, &z]);
        let ([dx, dy, dz], length) = (nest.inner(), out.len());
        let (x, y, z) = (self.buffer(), b.buffer(), c.buffer());
        parallel::for_chunks_mut(&mut out, parallel::CHUNK, length, |chunk, out| {
            nest.for_runs(chunk * parallel::CHUNK, out.len(), |done, at, count| {
                let a = Run::new(x, at[0], dx, count);
                let b = Run::new(y, at[1], dy, count);
                let c = Run::new(z, at[2], dz, count);
                for (i, out) in out[done..done + count].iter_mut().enumerate() {
                    *out = f(a.at(i), b.at(i), c.at(i));
                }
            });
        });
        Tensor::from_parts(out, layout)
    }

    /// `x ← f(x)` for every element; copies first if the memory is shared.
    #[track_caller]
    pub fn map_in_place(&mut self, f: impl Fn(T) -> T + Sync) {
        if !self.is_writable() {
            *self = self.map(f);
            return;
        }
        let values = self.as_mut_slice();
        let length = values.len();
        parallel::for_chunks_mut(values, parallel::CHUNK, length, |_, part| {
            for x in part {
                *x = f(*x);
            }
        });
    }

    /// `x ← f(x, y)` for every element, `other` broadcast to the shape of `self`; copies first if
    /// the memory is shared.
    ///
    /// # Panics
    /// If `other` does not broadcast to the shape of `self`.
    #[track_caller]
    pub fn zip_in_place<U: Element>(&mut self, other: &Tensor<U>, f: impl Fn(T, U) -> T + Sync) {
        let layout = other.layout().broadcast_to(self.shape());
        if !self.is_writable() {
            *self = self.zip(&other.with_layout(layout), f);
            return;
        }
        let values = self.as_mut_slice();
        if values.is_empty() {
            return;
        }
        let nest = Nest::new([&layout]);
        let ([stride], buffer, length) = (nest.inner(), other.buffer(), values.len());
        parallel::for_chunks_mut(values, parallel::CHUNK, length, |chunk, part| {
            nest.for_runs(chunk * parallel::CHUNK, part.len(), |done, [b], count| {
                let b = Run::new(buffer, b, stride, count);
                run_update(&mut part[done..done + count], b, &f);
            });
        });
    }
}

/// The elements of a tensor in row-major order, by value.
#[derive(Debug)]
pub struct Elements<'a, T: Element> {
    buffer: &'a [T],
    layout: &'a Layout,
    index: [usize; MAX_RANK],
    position: isize,
    rest: usize,
}

impl<'a, T: Element> Elements<'a, T> {
    pub(crate) fn new(tensor: &'a Tensor<T>) -> Self {
        Self {
            buffer: tensor.buffer(),
            layout: tensor.layout(),
            index: [0; MAX_RANK],
            position: tensor.layout().offset() as isize,
            rest: tensor.len(),
        }
    }
}

impl<T: Element> Iterator for Elements<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        if self.rest == 0 {
            return None;
        }
        self.rest -= 1;
        let value = self.buffer[self.position as usize];
        if self.rest > 0 {
            let (shape, strides) = (self.layout.shape(), self.layout.strides());
            for axis in (0..shape.len()).rev() {
                self.index[axis] += 1;
                self.position += strides[axis];
                if self.index[axis] < shape[axis] {
                    break;
                }
                self.position -= shape[axis] as isize * strides[axis];
                self.index[axis] = 0;
            }
        }
        Some(value)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.rest, Some(self.rest))
    }
}

impl<T: Element> ExactSizeIterator for Elements<'_, T> {}

impl<'a, T: Element> IntoIterator for &'a Tensor<T> {
    type Item = T;
    type IntoIter = Elements<'a, T>;

    fn into_iter(self) -> Elements<'a, T> {
        self.iter()
    }
}
