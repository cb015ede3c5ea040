//! Loops over slices: the bits of the same operation on tensors, at every length where the loops change.

use wengert_tensor::slices::{self, Matrix};
use wengert_tensor::{Dual, Number, Real, Tensor, Transposed};

/// Pseudorandom numbers of several magnitudes and both signs, zeros among them.
fn numbers<T: Real>(len: usize, seed: usize) -> Vec<T> {
    let number = |i: usize| {
        let draw = (i * 7919 + seed * 104_729 + 13) % 1009;
        (draw as f64 - 504.0) * 10_f64.powi((draw % 7) as i32 - 3) / 7.0
    };
    let number = |i: usize| {
        if (i + seed).is_multiple_of(11) {
            -0.0
        } else {
            number(i)
        }
    };
    (0..len).map(|i| T::of(number(i))).collect()
}

fn bits<T: Real>(x: &[T]) -> Vec<u64> {
    x.iter().map(|x| x.to_f64().to_bits()).collect()
}

fn compare<T: Real>() {
    for len in [
        1, 2, 4, 5, 16, 31, 32, 33, 255, 256, 1023, 1024, 1025, 2048, 3001, 4096,
    ] {
        let (x, y) = (numbers::<T>(len, 1), numbers::<T>(len, 2));
        let (a, b) = (
            Tensor::from_vec(x.clone(), [len]),
            Tensor::from_vec(y.clone(), [len]),
        );
        assert_eq!(
            bits(&[slices::sum(&x)]),
            bits(&a.sum(..).to_vec()),
            "sum of {len}"
        );
        let mut out = vec![T::zero(); len];
        slices::map(&x, &mut out, &|x: T| x * x - x);
        assert_eq!(
            bits(&out),
            bits(&a.map(|x| x * x - x).to_vec()),
            "map of {len}"
        );
        slices::map_costly(&x, &mut out, &|x: T| x.tanh());
        assert_eq!(bits(&out), bits(&a.tanh().to_vec()), "tanh of {len}");
        slices::zip(&x, &y, &mut out, |x, y| x / y);
        assert_eq!(bits(&out), bits(&(&a / &b).to_vec()), "quotient of {len}");
        slices::zip_costly(&x, &y, &mut out, &|(x, y): (T, T)| x.exp() * y);
        assert_eq!(
            bits(&out),
            bits(&a.zip(&b, |x, y| x.exp() * y).to_vec()),
            "zip of {len}"
        );
        out.copy_from_slice(&x);
        slices::add_assign(&mut out, &y);
        assert_eq!(bits(&out), bits(&(&a + &b).to_vec()), "sum of two of {len}");
    }
    for rows in [1, 2, 3, 31, 32, 33, 64, 100, 1000, slices::MAX_ROWS] {
        for columns in [1, 2, 5, 16, 33] {
            let x = numbers::<T>(rows * columns, 3);
            let mut out = vec![T::one(); columns];
            slices::sum_of_rows(&x, &mut out);
            let expected = Tensor::from_vec(x, [rows, columns]).sum(0);
            assert_eq!(
                bits(&out),
                bits(&expected.to_vec()),
                "{rows} rows of {columns}"
            );
        }
    }
    for [m, k, n] in [
        [1, 1, 1],
        [3, 1, 5],
        [40, 1, 70],
        [2, 3, 4],
        [16, 16, 1],
        [1, 64, 9],
        [16, 2, 16],
        [33, 40, 17],
        [64, 64, 64],
        [3, 500, 3],
    ] {
        for [left, right] in [[false, false], [true, false], [false, true], [true, true]] {
            let sizes = [
                if left { [k, m] } else { [m, k] },
                if right { [n, k] } else { [k, n] },
            ];
            let [x, y] = [0, 1].map(|i| numbers::<T>(sizes[i][0] * sizes[i][1], 4 + i));
            let mut out = vec![T::one(); m * n];
            let (a, b) = (
                Matrix::new(&x, sizes[0]).t_if(left),
                Matrix::new(&y, sizes[1]).t_if(right),
            );
            slices::matmul(a, b, false, &mut out);
            let (x, y) = (
                Tensor::from_vec(x.clone(), sizes[0]),
                Tensor::from_vec(y.clone(), sizes[1]),
            );
            let expected = x.matmul_transposed(&y, Transposed { left, right });
            assert_eq!(
                bits(&out),
                bits(&expected.to_vec()),
                "{m} × {k} × {n}, {left} {right}"
            );
        }
    }
}

#[test]
fn slices_have_the_bits_of_tensors() {
    compare::<f32>();
    compare::<f64>();
}

#[test]
fn a_sum_of_one_product_is_no_negative_zero() {
    for n in [1, 3, 40, 300] {
        let column = Tensor::from_vec(vec![-1.0_f32, 0.0, 2.0], [3, 1]);
        let row = Tensor::from_vec(
            (0..n)
                .map(|i| if i % 2 == 0 { 0.0 } else { -3.0 })
                .collect(),
            [1, n],
        );
        let y = column.matmul_transposed(&row, Transposed::default());
        let two = Tensor::concat(&[&column, &Tensor::zeros([3, 1])], 1);
        let below = Tensor::concat(&[&row, &Tensor::zeros([1, n])], 0);
        let sum = two.matmul_transposed(&below, Transposed::default());
        assert_eq!(bits(&y.to_vec()), bits(&sum.to_vec()), "{n} columns");
    }
}

#[test]
#[should_panic(expected = "lengths 2 and 3 differ")]
fn other_lengths_panic() {
    slices::add_assign(&mut [0.0, 1.0], &[1.0, 2.0, 3.0]);
}

/// Loops begin at the first cache line of the result; what lies before it is computed apart.
fn every_alignment_gives_the_same<T: Number + PartialEq>(number: impl Fn(usize) -> T) {
    for length in [255, 256, 257, 1000] {
        let [x, y] = [1, 2].map(|salt| {
            (0..length)
                .map(|i| number(i * 7 + salt))
                .collect::<Vec<_>>()
        });
        let outside = number(3);
        for offset in 0..=64 {
            let place = offset..offset + length;
            let mut room = vec![outside; length + 128];
            let of = format!("{length} elements from {offset} on");
            let mut check = |f: &dyn Fn(&mut [T]), expected: &dyn Fn(usize) -> T| {
                room.fill(outside);
                f(&mut room[place.clone()]);
                for (i, &found) in room.iter().enumerate() {
                    let right = if place.contains(&i) {
                        expected(i - offset)
                    } else {
                        outside
                    };
                    assert!(found == right, "{of}: {i}: {found:?}, not {right:?}");
                }
            };
            let square = |x: T| x * x;
            check(&|out| slices::map(&x, out, &square), &|i| square(x[i]));
            check(&|out| slices::map_costly(&x, out, &square), &|i| {
                square(x[i])
            });
            let difference = |(x, y): (T, T)| x * x - y;
            let right = |i: usize| difference((x[i], y[i]));
            check(
                &|out| slices::zip(&x, &y, out, |x, y| difference((x, y))),
                &right,
            );
            check(&|out| slices::zip_costly(&x, &y, out, &difference), &right);
            let in_place = |out: &mut [T]| {
                out.copy_from_slice(&x);
                slices::zip_in_place(out, &y, |x, y| difference((x, y)));
            };
            check(&in_place, &right);
        }
    }
}

#[test]
fn slices_at_every_alignment_have_the_same_results_and_nothing_outside_is_written() {
    every_alignment_gives_the_same(|i| (i % 11) as i32);
    every_alignment_gives_the_same(|i| (i % 11) as f32 - 4.5);
    every_alignment_gives_the_same(|i| (i % 11) as f64 - 4.5);
    every_alignment_gives_the_same(|i| Dual::new((i % 11) as f64 - 4.5, (i % 3) as f64));
}
