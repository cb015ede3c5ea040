//! Cumulative sums and products.

use crate::axes::resolve_axis;
use crate::create::buffer;
use crate::elementwise::zip;
use crate::{Number, Tensor, parallel};

impl<T: Number> Tensor<T> {
    /// The cumulative sum along an axis: `y[…, i, …] = x[…, 0, …] + … + x[…, i, …]`.
    ///
    /// # Panics
    /// If the axis does not exist.
    #[must_use]
    #[track_caller]
    pub fn cumsum(&self, axis: isize) -> Self {
        self.scan("cumsum", axis, |a, b| a + b)
    }

    /// The cumulative product along an axis: `y[…, i, …] = x[…, 0, …] · … · x[…, i, …]`.
    ///
    /// # Panics
    /// If the axis does not exist.
    #[must_use]
    #[track_caller]
    pub fn cumprod(&self, axis: isize) -> Self {
        self.scan("cumprod", axis, |a, b| a * b)
    }

    #[track_caller]
    fn scan(&self, op: &str, axis: isize, join: impl Fn(T, T) -> T + Sync) -> Self {
        let axis = resolve_axis(op, axis, self.shape());
        let mut out = buffer(op, self.shape());
        zip::copy(self, &mut out);
        let inner: usize = self.shape()[axis + 1..].iter().product();
        let block = self.shape()[axis] * inner;
        let length = out.len();
        parallel::for_chunks_mut(&mut out, block, length, |_, block| {
            if inner == 1 {
                let mut last = block[0];
                for x in &mut block[1..] {
                    last = join(last, *x);
                    *x = last;
                }
                return;
            }
            for at in (inner..block.len()).step_by(inner) {
                let (before, row) = block[at - inner..at + inner].split_at_mut(inner);
                for (x, &last) in row.iter_mut().zip(&*before) {
                    *x = join(last, *x);
                }
            }
        });
        Self::from_parts(out, self.layout().to_row_major())
    }
}
