//! The innermost loops of the elementwise engine.

use crate::Element;

/// Elements at equal distances: of one operand, in one innermost loop.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a, T> {
    pub(crate) buffer: &'a [T],
    pub(crate) start: isize,
    pub(crate) stride: isize,
}

impl<'a, T: Element> Run<'a, T> {
    #[inline]
    pub(crate) fn at(&self, i: usize) -> T {
        self.buffer[self.start.wrapping_add(i as isize * self.stride) as usize]
    }

    /// The elements, if they lie side by side.
    #[inline]
    pub(crate) fn dense(&self, count: usize) -> Option<&'a [T]> {
        let start = self.start as usize;
        (self.stride == 1).then(|| &self.buffer[start..start + count])
    }

    /// The element, if it is the same all the time.
    #[inline]
    pub(crate) fn same(&self) -> Option<T> {
        (self.stride == 0).then(|| self.at(0))
    }
}

/// `out[i] = f(a[i])`
#[inline]
pub(crate) fn map_run<T: Element, U>(out: &mut [U], a: Run<'_, T>, f: impl Fn(T) -> U) {
    if let Some(a) = a.dense(out.len()) {
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
pub(crate) fn zip_run<T: Element, U: Element, V>(
    out: &mut [V],
    a: Run<'_, T>,
    b: Run<'_, U>,
    f: impl Fn(T, U) -> V,
) {
    if let (Some(a), Some(b)) = (a.dense(out.len()), b.dense(out.len())) {
        for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
            *out = f(a, b);
        }
    } else if let Some(b) = b.same() {
        map_run(out, a, |a| f(a, b));
    } else if let Some(a) = a.same() {
        map_run(out, b, |b| f(a, b));
    } else {
        for (i, out) in out.iter_mut().enumerate() {
            *out = f(a.at(i), b.at(i));
        }
    }
}

/// `out[i] = f(out[i], a[i])`
#[inline]
pub(crate) fn update_run<T: Element, U: Copy>(out: &mut [U], a: Run<'_, T>, f: impl Fn(U, T) -> U) {
    if let Some(a) = a.dense(out.len()) {
        for (out, &a) in out.iter_mut().zip(a) {
            *out = f(*out, a);
        }
    } else if let Some(a) = a.same() {
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
pub(crate) fn zip3_run<A: Element, B: Element, C: Element, U>(
    out: &mut [U],
    a: Run<'_, A>,
    b: Run<'_, B>,
    c: Run<'_, C>,
    f: impl Fn(A, B, C) -> U,
) {
    let count = out.len();
    if let (Some(a), Some(b), Some(c)) = (a.dense(count), b.dense(count), c.dense(count)) {
        for (((out, &a), &b), &c) in out.iter_mut().zip(a).zip(b).zip(c) {
            *out = f(a, b, c);
        }
    } else if let Some(c) = c.same() {
        zip_run(out, a, b, |a, b| f(a, b, c));
    } else if let Some(b) = b.same() {
        zip_run(out, a, c, |a, c| f(a, b, c));
    } else {
        for (i, out) in out.iter_mut().enumerate() {
            *out = f(a.at(i), b.at(i), c.at(i));
        }
    }
}

/// `out[i] = f(a[i], b[i], c[i], d[i])`
#[inline]
pub(crate) fn zip4_run<A: Element, B: Element, C: Element, D: Element, U>(
    out: &mut [U],
    a: Run<'_, A>,
    b: Run<'_, B>,
    c: Run<'_, C>,
    d: Run<'_, D>,
    f: impl Fn(A, B, C, D) -> U,
) {
    if let Some(d) = d.same() {
        zip3_run(out, a, b, c, |a, b, c| f(a, b, c, d));
    } else {
        for (i, out) in out.iter_mut().enumerate() {
            *out = f(a.at(i), b.at(i), c.at(i), d.at(i));
        }
    }
}
