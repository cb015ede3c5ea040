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

/// The most elements of a piece of a row that is gathered or repeated.
const PIECE: usize = 128;

/// A piece of a row, once one is needed.
pub(crate) type Buffer<T> = Option<[T; PIECE]>;

/// The elements of one operand in a row of the result.
pub(crate) enum Row<'a, T> {
    /// Contiguous elements.
    Slice(&'a [T]),
    /// One element for all.
    Constant(T),
    /// Elements with another stride.
    Strided(StridedSlice<'a, T>),
}

impl<'a, T: Element> StridedSlice<'a, T> {
    /// The first `count` elements.
    #[inline]
    pub(crate) fn row(self, count: usize) -> Row<'a, T> {
        match self.stride {
            1 => Row::Slice(&self.buffer[self.start as usize..][..count]),
            0 => Row::Constant(self.at(0)),
            _ => Row::Strided(self),
        }
    }
}

impl<'a, T: Element> Row<'a, T> {
    /// The row as contiguous pieces. A constant is repeated in `buffer`, where it stays for all pieces; strided elements
    /// are gathered there.
    #[inline]
    pub(crate) fn pieces(self, count: usize, buffer: &'a mut Buffer<T>) -> Pieces<'a, T> {
        let fresh = || [T::default(); PIECE];
        match self {
            Self::Slice(elements) => Pieces::Slice(elements),
            Self::Constant(x) => {
                let repeated = &mut buffer.get_or_insert_with(fresh)[..PIECE.min(count)];
                repeated.fill(x);
                Pieces::Repeated(repeated)
            }
            Self::Strided(elements) => Pieces::Gathered(elements, buffer.get_or_insert_with(fresh)),
        }
    }
}

/// A row as contiguous pieces.
pub(crate) enum Pieces<'a, T> {
    /// Pieces of a contiguous row.
    Slice(&'a [T]),
    /// One piece for all.
    Repeated(&'a [T]),
    /// Elements to gather, and the buffer for a piece.
    Gathered(StridedSlice<'a, T>, &'a mut [T]),
}

impl<T: Element> Pieces<'_, T> {
    /// How many elements a piece has at most.
    #[inline]
    pub(crate) fn limit(&self) -> usize {
        match self {
            Self::Slice(_) => usize::MAX,
            Self::Repeated(_) | Self::Gathered(..) => PIECE,
        }
    }

    /// Elements `first..first + count`, at most [`limit`](Self::limit).
    #[inline]
    pub(crate) fn piece(&mut self, first: usize, count: usize) -> &[T] {
        match self {
            Self::Slice(elements) => &elements[first..first + count],
            Self::Repeated(piece) => &piece[..count],
            Self::Gathered(elements, piece) => {
                for (i, x) in piece[..count].iter_mut().enumerate() {
                    *x = elements.at(first + i);
                }
                &piece[..count]
            }
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
