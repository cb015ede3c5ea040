//! The matrix product kernels, against sums in higher precision and against each other.

use wengert_tensor::kernels::gemm::{self, Gemm};
use wengert_tensor::kernels::simd::Level;
use wengert_tensor::testing::reference;
use wengert_tensor::{Dual, Real, parallel};

/// Shapes that reach every code path: single rows and columns, short and long sums, partial tiles, several blocks
/// of each axis.
const SHAPES: [[usize; 3]; 26] = [
    [1, 1, 1],
    [1, 7, 5],
    [5, 7, 1],
    [1, 300, 70],
    [70, 300, 1],
    [1, 1, 9],
    [3, 100, 40],
    [40, 100, 3],
    [2, 64, 2],
    [6, 4, 16],
    [7, 4, 17],
    [5, 3, 33],
    [13, 289, 31],
    [64, 64, 64],
    [32, 25, 100],
    [17, 600, 8],
    [130, 40, 20],
    [20, 40, 530],
    [250, 300, 60],
    [16, 144, 256],
    [100, 33, 257],
    // Few rows: sums of the rows of the other operand in several blocks; dot products, several at a time and
    // divided.
    [12, 30, 70],
    [2, 23, 2150],
    [300, 17, 4],
    [2, 8300, 35],
    [9, 0, 4],
];

fn numbers<T: Real>(length: usize, salt: usize) -> Vec<T> {
    (0..length)
        .map(|i| T::of(((i * 7919 + salt * 104_729) % 2003) as f64 / 1001.0 - 1.0))
        .collect()
}

/// Every layout of a matrix: by rows, by columns, with gaps, each with the slice's length.
fn layouts(rows: usize, columns: usize) -> [[usize; 2]; 4] {
    [
        [columns, 1],
        [1, rows],
        [columns + 3, 1],
        [2 * columns + 1, 2],
    ]
}

fn length(rows: usize, columns: usize, [r, c]: [usize; 2]) -> usize {
    if rows == 0 || columns == 0 {
        0
    } else {
        (rows - 1) * r + (columns - 1) * c + 1
    }
}

fn exact<T: Real>(values: &[T]) -> Vec<f64> {
    values.iter().map(|value| value.to_f64()).collect()
}

/// Compares a product with sums in `f64`; the bound is that of a sum of `k` rounded products.
fn check<T: Real>(epsilon: f64, product: impl Fn(&Gemm, &[T], &[T], &mut [T]), task: &Gemm) {
    let Gemm { m, k, n, .. } = *task;
    let a: Vec<T> = numbers(length(m, k, task.a), 1);
    let b: Vec<T> = numbers(length(k, n, task.b), 2);
    let mut c: Vec<T> = numbers(length(m, n, task.c), 3);
    let before = c.clone();
    product(task, &a, &b, &mut c);
    let mut touched = vec![false; c.len()];
    let [exact_a, exact_b] = [&a, &b].map(|values| exact(values));
    let mut products = reference::product(task, &exact_a, &exact_b).into_iter();
    for i in 0..m {
        for j in 0..n {
            let at = i * task.c[0] + j * task.c[1];
            touched[at] = true;
            let start = if task.accumulate {
                before[at].to_f64()
            } else {
                0.0
            };
            let [sum, size] = products.next().expect("one for each element");
            let (sum, size) = (start + sum, start.abs() + size);
            let bound = epsilon * (k as f64 + 2.0) * size;
            let error = (c[at].to_f64() - sum).abs();
            assert!(
                error <= bound,
                "{task:?} at ({i}, {j}): off by {error}, allowed {bound}"
            );
        }
    }
    for (at, touched) in touched.iter().enumerate() {
        assert!(
            *touched || c[at] == before[at],
            "{task:?}: wrote between the elements of C"
        );
    }
}

fn every_task(mut f: impl FnMut(&Gemm)) {
    for [m, k, n] in SHAPES {
        // Large matrices take the same path in every contiguous layout and cost the most time.
        let kinds = if m * k * n > 100_000 { 2 } else { 4 };
        for a in &layouts(m, k)[..kinds] {
            for b in &layouts(k, n)[..kinds] {
                for c in &layouts(m, n)[..kinds] {
                    for accumulate in [false, true] {
                        f(&Gemm {
                            m,
                            k,
                            n,
                            a: *a,
                            b: *b,
                            c: *c,
                            accumulate,
                        });
                    }
                }
            }
        }
    }
}

#[test]
fn every_level_gives_the_product_in_single_precision() {
    for level in Level::all() {
        every_task(|task| check::<f32>(6e-8, |t, a, b, c| gemm::at_level(level, t, a, b, c), task));
    }
}

#[test]
fn every_level_gives_the_product_in_double_precision() {
    for level in Level::all() {
        every_task(|task| {
            check::<f64>(2e-16, |t, a, b, c| gemm::at_level(level, t, a, b, c), task);
        });
    }
}

#[test]
fn matrixmultiply_and_the_plain_loop_agree_with_the_reference() {
    every_task(|task| check::<f32>(6e-8, gemm::reference_f32, task));
    every_task(|task| check::<f64>(2e-16, gemm::reference_f64, task));
    every_task(|task| check::<f64>(2e-16, gemm::portable, task));
}

#[test]
fn dual_numbers_have_the_bits_of_the_plain_loop() {
    let duals = |length, salt| -> Vec<Dual> {
        let tangents = numbers::<f64>(length, salt + 3);
        let values = numbers::<f64>(length, salt);
        values
            .into_iter()
            .zip(tangents)
            .map(|(x, u)| Dual::new(x, u))
            .collect()
    };
    every_task(|task| {
        let a = duals(length(task.m, task.k, task.a), 1);
        let b = duals(length(task.k, task.n, task.b), 2);
        let mut found = duals(length(task.m, task.n, task.c), 3);
        let mut plain = found.clone();
        gemm::dual(task, &a, &b, &mut found);
        gemm::portable(task, &a, &b, &mut plain);
        let bits = |x: &Dual| [x.value.to_bits(), x.tangent.to_bits()];
        assert!(
            found.iter().map(bits).eq(plain.iter().map(bits)),
            "{task:?}: the bits differ"
        );
    });
}

#[test]
fn an_operand_may_have_stride_0() {
    let task = Gemm {
        a: [0, 1],
        b: [1, 0],
        ..Gemm::row_major(20, 50, 40)
    };
    for level in Level::all() {
        check::<f32>(6e-8, |t, a, b, c| gemm::at_level(level, t, a, b, c), &task);
    }
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    let sizes = [
        [130, 300, 260],
        [40, 64, 3136],
        [7, 600, 1001],
        // Columns divided into parts, each with three blocks of the sum.
        [26, 700, 450],
        [96, 900, 33],
        // Blocks of rows and columns in several passes, for many threads.
        [60, 290, 2200],
        [300, 40, 90],
        // Sums of rows in several blocks of columns; dot products of several columns, divided.
        [5, 203, 2500],
        [3, 9000, 70],
        // Parts of such sums, divided between threads.
        [4, 20_000, 6],
        [1, 30_000, 1],
        // Blocks of the sum, one after the other and divided between threads.
        [40, 9001, 50],
        [25, 5000, 64],
    ];
    for [m, k, n] in sizes {
        let (a, b): (Vec<f32>, Vec<f32>) = (numbers(m * k, 4), numbers(k * n, 5));
        let before: Vec<f32> = numbers(m * (n + 3), 6);
        let row_major = Gemm::row_major(m, k, n);
        let tasks = [
            row_major,
            Gemm {
                a: [1, m],
                c: [n + 3, 1],
                accumulate: true,
                ..row_major
            },
            Gemm {
                b: [1, k],
                ..row_major
            },
        ];
        for task in tasks {
            for level in Level::all() {
                let product = || {
                    let mut c = before.clone();
                    gemm::at_level(level, &task, &a, &b, &mut c);
                    c
                };
                let one = parallel::with_threads(1, product);
                for threads in [2, 3] {
                    let shared = parallel::with_threads(threads, product);
                    assert!(one == shared, "{level:?} {task:?}");
                }
                // Cut as for many threads.
                for threads in [5, 16] {
                    let (many, _) = parallel::trace::record(threads, product);
                    assert!(one == many, "{level:?} {task:?}, {threads} threads");
                }
            }
        }
    }
}

#[test]
fn a_nan_or_an_infinity_reaches_exactly_its_row_and_column() {
    let (m, k, n) = (20, 30, 40);
    let task = Gemm::row_major(m, k, n);
    for level in Level::all() {
        let mut a: Vec<f32> = numbers(m * k, 6);
        let b: Vec<f32> = numbers(k * n, 7);
        a[5 * k + 3] = f32::NAN;
        let mut c = vec![0.0; m * n];
        gemm::at_level(level, &task, &a, &b, &mut c);
        for (at, sum) in c.iter().enumerate() {
            assert_eq!(sum.is_nan(), at / n == 5, "element {at}");
        }
    }
}

#[test]
#[should_panic(expected = "A reaches beyond its slice")]
fn strides_that_overflow_are_out_of_bounds() {
    let task = Gemm {
        a: [1 << 63, 1],
        ..Gemm::row_major(3, 1, 2)
    };
    gemm::reference_f32(&task, &[1.0], &[1.0; 2], &mut [0.0; 6]);
}
