//! Products of dual numbers.
//!
//! Panels of `NR` columns of B are packed, values and tangents apart, and each row of A is multiplied with a whole panel
//! in vector registers. Every element is one sum in the order of the plain product, so the bits are the same.

use super::Gemm;
use crate::kernels::simd::{Body, Level};
use crate::{Dual, Real};

/// Columns of a panel.
const NR: usize = 8;

/// The product; has the bits of [`portable`](super::portable).
pub fn dual<T: Real>(task: &Gemm, a: &[Dual<T>], b: &[Dual<T>], c: &mut [Dual<T>]) {
    if task.m.max(task.n) < NR / 2 {
        return super::portable(task, a, b, c);
    }
    if task.n < NR / 2 {
        return dual(&task.transposed(), b, a, c);
    }
    task.check(a, b, c);
    Level::best().run(Product { task, a, b, c });
}

struct Product<'a, T> {
    task: &'a Gemm,
    a: &'a [Dual<T>],
    b: &'a [Dual<T>],
    c: &'a mut [Dual<T>],
}

/// A row of a panel: values and tangents.
type Row<T> = [[T; NR]; 2];

impl<T: Real> Body for Product<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { task, a, b, c } = self;
        let mut panel = vec![[[T::zero(); NR]; 2]; task.k];
        for j in (0..task.n).step_by(NR) {
            let columns = NR.min(task.n - j);
            for (p, [values, tangents]) in panel.iter_mut().enumerate() {
                for column in 0..columns {
                    let y = b[p * task.b[0] + (j + column) * task.b[1]];
                    (values[column], tangents[column]) = (y.value, y.tangent);
                }
            }
            for i in 0..task.m {
                let row = (0..task.k).map(|p| a[i * task.a[0] + p * task.a[1]]);
                let [values, tangents] = sums(row, &panel);
                for column in 0..columns {
                    let sum = Dual::new(values[column], tangents[column]);
                    let target = &mut c[i * task.c[0] + (j + column) * task.c[1]];
                    *target = if task.accumulate { *target + sum } else { sum };
                }
            }
        }
    }
}

/// The product of a row of A with a panel.
#[inline(always)]
fn sums<T: Real>(row: impl Iterator<Item = Dual<T>>, panel: &[Row<T>]) -> Row<T> {
    let (mut values, mut tangents) = ([T::zero(); NR], [T::zero(); NR]);
    for (x, [y, dy]) in row.zip(panel) {
        for column in 0..NR {
            values[column] += x.value * y[column];
            tangents[column] += x.tangent * y[column] + x.value * dy[column];
        }
    }
    [values, tangents]
}
