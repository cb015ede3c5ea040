//! The product by the crate `matrixmultiply`, for processors without fused multiply-add.

use super::task::Gemm;

macro_rules! matrixmultiply {
    ($name:ident, $t:ty, $gemm:path) => {
        /// The product by the crate `matrixmultiply`.
        pub fn $name(task: &Gemm, a: &[$t], b: &[$t], c: &mut [$t]) {
            task.check(a, b, c);
            let Gemm { m, k, n, .. } = *task;
            let beta = if task.accumulate { 1.0 } else { 0.0 };
            // SAFETY: `check` has asserted that every index (i, j) of each operand, at its strides,
            // lies inside its slice; `c` is borrowed mutably, so it overlaps neither operand.
            unsafe {
                $gemm(
                    m,
                    k,
                    n,
                    1.0,
                    a.as_ptr(),
                    task.a[0] as isize,
                    task.a[1] as isize,
                    b.as_ptr(),
                    task.b[0] as isize,
                    task.b[1] as isize,
                    beta,
                    c.as_mut_ptr(),
                    task.c[0] as isize,
                    task.c[1] as isize,
                );
            }
        }
    };
}

matrixmultiply!(reference_f32, f32, matrixmultiply::sgemm);
matrixmultiply!(reference_f64, f64, matrixmultiply::dgemm);
