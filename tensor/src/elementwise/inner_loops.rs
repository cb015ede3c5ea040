//! The innermost loops of the elementwise engine.

use crate::Element;

/// The elements of one operand in an innermost loop: `buffer[start + i·stride]`.
#[derive(Clone, Copy)]
pub(crate) struct StridedSlice<'a, T> {
    pub(crate) buffer: &'a [T],
    pub(crate) start: isize,
    pub(crate) stride: isize,
}

impl<'a, T: Element> StridedSlice<'a, T> {
    #[inline]
    pub(crate) fn at(&self, i: usize) -> T {
        self.buffer[self.start.wrapping_add(i as isize * self.stride) as usize]
    }

    /// The first `count` elements as a slice, if the stride is 1.
    #[inline]
    pub(crate) fn as_contiguous(&self, count: usize) -> Option<&'a [T]> {
        let start = self.start as usize;
        (self.stride == 1).then(|| &self.buffer[start..start + count])
    }

    /// The element, if the stride is 0.
    #[inline]
    pub(crate) fn as_constant(&self) -> Option<T> {
        (self.stride == 0).then(|| self.at(0))
    }
}

/// The elements of one operand in an innermost loop.
pub(crate) enum Row<'a, T> {
    /// Contiguous elements.
    Slice(&'a [T]),
    /// One element for all.
    Constant(T),
}

/// The most elements of a piece of a row that has a constant operand.
pub(crate) const PIECE: usize = 128;

/// Rows shorter than this are not worth the pieces.
const MIN_ROW: usize = 48;

impl<'a, T: Element> StridedSlice<'a, T> {
    /// The first `count` elements, if they are contiguous or equal, and enough.
    #[inline]
    pub(crate) fn as_row(&self, count: usize) -> Option<Row<'a, T>> {
        match self.stride {
            _ if count < MIN_ROW => None,
            1 => self.as_contiguous(count).map(Row::Slice),
            0 => Some(Row::Constant(self.at(0))),
            _ => None,
        }
    }
}

impl<'a, T: Copy> Row<'a, T> {
    /// The row as contiguous pieces. A constant is repeated in the buffer, where it stays: to move it would cost as much
    /// as a piece. A loop of its own for each place of a constant would be compiled once more for every function.
    #[inline]
    pub(crate) fn pieces(self, buffer: &'a mut Option<[T; PIECE]>) -> Pieces<'a, T> {
        match self {
            Self::Slice(elements) => Pieces {
                elements,
                repeats: false,
            },
            Self::Constant(x) => Pieces {
                elements: buffer.insert([x; PIECE]),
                repeats: true,
            },
        }
    }
}

/// A row as contiguous pieces.
pub(crate) struct Pieces<'a, T> {
    elements: &'a [T],
    /// Whether every piece is the same.
    repeats: bool,
}

impl<T> Pieces<'_, T> {
    /// How many elements a piece has at most.
    #[inline]
    pub(crate) fn limit(&self) -> usize {
        self.elements.len()
    }

    /// Elements `first..first + count`, at most [`limit`](Self::limit).
    #[inline]
    pub(crate) fn piece(&self, first: usize, count: usize) -> &[T] {
        let first = if self.repeats { 0 } else { first };
        &self.elements[first..first + count]
    }
}

/// `out[i] = f(a[i])`
#[inline]
pub(crate) fn map_strided<T: Element, U>(
    out: &mut [U],
    a: StridedSlice<'_, T>,
    f: impl Fn(T) -> U,
) {
    if let Some(a) = a.as_contiguous(out.len()) {
        for (out, &a) in out.iter_mut().zip(a) {
            *out = f(a);
        }
    } else {
        for (i, out) in out.iter_mut().enumerate() {
            *out = f(a.at(i));
        }
    }
}

/// `out[i] = f(a[i], b[i])`
#[inline]
pub(crate) fn zip_strided<T: Element, U: Element, V>(
    out: &mut [V],
    a: StridedSlice<'_, T>,
    b: StridedSlice<'_, U>,
    f: impl Fn(T, U) -> V,
) {
    if let (Some(a), Some(b)) = (a.as_contiguous(out.len()), b.as_contiguous(out.len())) {
        for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
            *out = f(a, b);
        }
    } else if let Some(b) = b.as_constant() {
        map_strided(out, a, |a| f(a, b));
    } else if let Some(a) = a.as_constant() {
        map_strided(out, b, |b| f(a, b));
    } else {
        for (i, out) in out.iter_mut().enumerate() {
            *out = f(a.at(i), b.at(i));
        }
    }
}

/// `out[i] = f(out[i], a[i])`
#[inline]
pub(crate) fn update_strided<T: Element, U: Copy>(
    out: &mut [U],
    a: StridedSlice<'_, T>,
    f: impl Fn(U, T) -> U,
) {
    if let Some(a) = a.as_contiguous(out.len()) {
        for (out, &a) in out.iter_mut().zip(a) {
            *out = f(*out, a);
        }
    } else if let Some(a) = a.as_constant() {
        for out in out {
            *out = f(*out, a);
        }
    } else {
        for (i, out) in out.iter_mut().enumerate() {
            *out = f(*out, a.at(i));
        }
    }
}

/// `out[i] = f(a[i], b[i], c[i])`
#[inline]
pub(crate) fn zip3_strided<A: Element, B: Element, C: Element, U>(
    out: &mut [U],
    a: StridedSlice<'_, A>,
    b: StridedSlice<'_, B>,
    c: StridedSlice<'_, C>,
    f: impl Fn(A, B, C) -> U,
) {
    let count = out.len();
    if let (Some(a), Some(b), Some(c)) = (
        a.as_contiguous(count),
        b.as_contiguous(count),
        c.as_contiguous(count),
    ) {
        for (((out, &a), &b), &c) in out.iter_mut().zip(a).zip(b).zip(c) {
            *out = f(a, b, c);
        }
    } else if let Some(c) = c.as_constant() {
        zip_strided(out, a, b, |a, b| f(a, b, c));
    } else if let Some(b) = b.as_constant() {
        zip_strided(out, a, c, |a, c| f(a, b, c));
    } else {
        for (i, out) in out.iter_mut().enumerate() {
            *out = f(a.at(i), b.at(i), c.at(i));
        }
    }
}

/// `out[i] = f(a[i], b[i], c[i], d[i])`
#[inline]
pub(crate) fn zip4_strided<A: Element, B: Element, C: Element, D: Element, U>(
    out: &mut [U],
    a: StridedSlice<'_, A>,
    b: StridedSlice<'_, B>,
    c: StridedSlice<'_, C>,
    d: StridedSlice<'_, D>,
    f: impl Fn(A, B, C, D) -> U,
) {
    if let Some(d) = d.as_constant() {
        zip3_strided(out, a, b, c, |a, b, c| f(a, b, c, d));
    } else {
        for (i, out) in out.iter_mut().enumerate() {
            *out = f(a.at(i), b.at(i), c.at(i), d.at(i));
        }
    }
}
