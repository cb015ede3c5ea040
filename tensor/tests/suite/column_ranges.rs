//! Functions along an axis that is not the last: a few matrices are cut into ranges of columns, one for each task.

use wengert_tensor::Tensor;
use wengert_tensor::parallel::with_threads;

type Function = fn(&Tensor<f64>, isize) -> Tensor<f64>;

/// A second operand.
fn other(x: &Tensor<f64>) -> Tensor<f64> {
    x.map(|x| 0.75 - x)
}

const FUNCTIONS: [(&str, Function); 8] = [
    ("softmax", |x, axis| x.softmax(axis)),
    ("log_softmax", |x, axis| x.log_softmax(axis)),
    ("softmax_cotangent", |x, axis| {
        x.softmax(axis).softmax_cotangent(&other(x), axis)
    }),
    ("log_softmax_cotangent", |x, axis| {
        x.log_softmax(axis).log_softmax_cotangent(&other(x), axis)
    }),
    ("cumsum", |x, axis| x.cumsum(axis)),
    ("cumprod", |x, axis| x.cumprod(axis)),
    ("linear_recurrence", |x, axis| {
        x.linear_recurrence(&other(x), axis)
    }),
    ("linear_recurrence_adjoint", |x, axis| {
        x.linear_recurrence_adjoint(&other(x), axis)
    }),
];

fn numbers(shape: &[usize]) -> Tensor<f64> {
    let mut state = 7_u64;
    Tensor::from_fn(shape, |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    })
}

fn bits(x: &Tensor<f64>) -> Vec<u64> {
    x.iter().map(f64::to_bits).collect()
}

#[test]
fn any_number_of_threads_makes_the_same_bits() {
    let shapes: [&[usize]; 6] = [
        &[40, 3001],
        &[2, 33, 700],
        &[70, 40, 9],
        &[1, 20_000],
        &[300, 64],
        &[5, 0, 3],
    ];
    for shape in shapes {
        let (x, axis) = (numbers(shape), shape.len() as isize - 2);
        for (name, f) in FUNCTIONS {
            let alone = with_threads(1, || f(&x, axis));
            for threads in [2, 3, 8] {
                let together = with_threads(threads, || f(&x, axis));
                assert!(
                    bits(&alone) == bits(&together),
                    "{name} of {shape:?}: {threads} threads"
                );
            }
        }
    }
}

/// A matrix of a result depends on the same matrix of the operand and on no other.
#[test]
fn each_matrix_alone_gives_the_same_matrix() {
    for shape in [[2, 3, 2], [3, 33, 700], [70, 40, 9]] {
        let x = numbers(&shape);
        for (name, f) in FUNCTIONS {
            for threads in [1, 4] {
                let whole = with_threads(threads, || f(&x, 1));
                for matrix in 0..shape[0] as isize {
                    let alone = f(&x.select(0, matrix), 0);
                    let expected = whole.select(0, matrix);
                    assert!(
                        bits(&alone) == bits(&expected),
                        "{name} of {shape:?}, {threads} threads: matrix {matrix}"
                    );
                }
            }
        }
    }
}

/// The columns of a result depend on the same columns of the operand and on no other.
#[test]
fn some_columns_alone_give_the_same_columns() {
    let x = numbers(&[37, 1900]);
    for (name, f) in FUNCTIONS {
        let whole = with_threads(4, || f(&x, 0));
        for range in [0..2, 60..130, 1019..1400, 1898..1900] {
            let some = f(&x.slice(1, range.clone()), 0);
            let expected = whole.slice(1, range.clone());
            assert!(bits(&some) == bits(&expected), "{name}: columns {range:?}");
        }
    }
}
