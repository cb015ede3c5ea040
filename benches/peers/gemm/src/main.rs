//! The crate `gemm`: bare matrix products, row-major as ours are.

use gemm::{Parallelism, gemm};
use protocol::{Work, whole};

fn main() {
    let threads: usize = std::env::var("RAYON_NUM_THREADS").map_or(1, |n| n.parse().unwrap_or(1));
    let parallelism = if threads > 1 {
        Parallelism::Rayon(threads)
    } else {
        Parallelism::None
    };
    protocol::serve(|case| match (case.word("kind"), case.word("number")) {
        ("matmul", "f64") => Ok(product(case.number("n"), 1.0_f64, f64::from, parallelism)),
        ("matmul", _) => Ok(product(
            case.number("n"),
            1.0_f32,
            |v| v as f32,
            parallelism,
        )),
        _ => Err("it only multiplies matrices".to_string()),
    });
}

fn product<T: Copy + 'static>(
    n: usize,
    one: T,
    of: impl Fn(f64) -> T,
    parallelism: Parallelism,
) -> Work {
    let fill = || -> Vec<T> {
        protocol::values(n * n, -1.0, 1.0)
            .into_iter()
            .map(&of)
            .collect()
    };
    let (a, b, mut c, zero) = (fill(), fill(), fill(), of(0.0));
    let rows = n as isize;
    whole(move || {
        // SAFETY: the three matrices have n·n elements, their rows follow each other.
        unsafe {
            gemm(
                n,
                n,
                n,
                c.as_mut_ptr(),
                1,
                rows,
                false,
                a.as_ptr(),
                1,
                rows,
                b.as_ptr(),
                1,
                rows,
                zero,
                one,
                false,
                false,
                false,
                parallelism,
            );
        }
    })
}
