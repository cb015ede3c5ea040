//! Weighted sums of elements along an axis.

use wengert_tensor::{Real, slices};

/// The positions in the input that one position of the output is a sum of, and their weights.
pub(super) type Taps = Vec<(usize, f64)>;

/// Weighted sums along an axis, one after the other.
#[derive(Debug)]
pub(super) struct Sums {
    /// Where each sum ends in the list of terms.
    ends: Vec<usize>,
    /// The position of the element and its weight.
    pub(super) terms: Taps,
    form: Form,
}

/// What sums are, if there is a faster loop than over their terms.
#[derive(Debug)]
enum Form {
    Any,
    /// Each is one element, with the weight 1.
    Copies,
    /// The elements in their order, each twice.
    Doubled,
    /// The sums of each two elements.
    Pairs,
}

impl Form {
    fn of(taps: &[Taps]) -> Self {
        let all = |form: &dyn Fn(usize, &[(usize, f64)]) -> bool| {
            taps.iter().enumerate().all(|(i, taps)| form(i, taps))
        };
        if taps.len().is_multiple_of(2) && all(&|i, taps| taps == [(i / 2, 1.0)]) {
            Self::Doubled
        } else if all(&|_, taps| matches!(taps, [(_, 1.0)])) {
            Self::Copies
        } else if all(&|i, taps| taps == [(2 * i, 1.0), (2 * i + 1, 1.0)]) {
            Self::Pairs
        } else {
            Self::Any
        }
    }
}

impl Sums {
    pub(super) fn new(taps: &[Taps]) -> Self {
        let ends = taps.iter().scan(0, |end, taps| {
            *end += taps.len();
            Some(*end)
        });
        Self {
            ends: ends.collect(),
            terms: taps.concat(),
            form: Form::of(taps),
        }
    }

    /// The number of sums.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The terms of each sum.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[(usize, f64)]> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts
            .zip(&self.ends)
            .map(|(&start, &end)| &self.terms[start..end])
    }

    /// `y[i, :] = Σ w · x[j, :]` over rows of length `inner`.
    pub(super) fn rows<T: Real>(&self, x: &[T], y: &mut [T], inner: usize) {
        for (terms, y) in self.iter().zip(y.chunks_exact_mut(inner)) {
            let mut terms = terms
                .iter()
                .map(|&(from, weight)| (&x[from * inner..][..inner], T::of(weight)));
            // Two terms in one pass.
            match (terms.next(), terms.next()) {
                (Some((first, v)), Some((second, w))) => {
                    slices::zip(first, second, y, move |a, b| a * v + b * w);
                }
                (Some((row, weight)), None) if weight == T::one() => y.copy_from_slice(row),
                (Some((row, weight)), None) => slices::map(row, y, &move |x| x * weight),
                (None, _) => y.fill(T::zero()),
            }
            for (row, weight) in terms {
                slices::zip_in_place(y, row, move |y, x| y + x * weight);
            }
        }
    }

    /// `y[i] = Σ w · x[j]` for one line; `weights` are those of the terms.
    pub(super) fn line<T: Real>(&self, x: &[T], y: &mut [T], weights: &[T]) {
        match self.form {
            Form::Any => {}
            Form::Copies => {
                for (y, &(from, _)) in y.iter_mut().zip(&self.terms) {
                    *y = x[from];
                }
                return;
            }
            Form::Doubled => {
                for (y, &x) in y.as_chunks_mut().0.iter_mut().zip(x) {
                    *y = [x; 2];
                }
                return;
            }
            Form::Pairs => {
                for (y, &[a, b]) in y.iter_mut().zip(x.as_chunks().0) {
                    *y = a + b;
                }
                return;
            }
        }
        let mut start = 0;
        for (y, &end) in y.iter_mut().zip(&self.ends) {
            let terms = self.terms[start..end].iter().zip(&weights[start..end]);
            // From the first product on, as in `rows`: 0 + −0 would be 0.
            let products = terms.map(|(&(from, _), &weight)| x[from] * weight);
            *y = products.reduce(|sum, x| sum + x).unwrap_or(T::zero());
            start = end;
        }
    }
}
