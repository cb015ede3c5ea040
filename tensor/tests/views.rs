//! Views are the same elements in other places.

use proptest::prelude::*;
use wengert_tensor::{Slice, Tensor};

fn counting(shape: &[usize]) -> Tensor<i64> {
    let count = shape.iter().product::<usize>() as i64;
    Tensor::from_vec((0..count).collect(), shape)
}

fn shapes() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop::sample::select(vec![1, 2, 3, 5, 7, 0]), 0..5)
}

proptest! {
    #[test]
    fn a_permutation_and_its_inverse_are_nothing(shape in shapes(), seed in any::<u64>()) {
        let x = counting(&shape);
        let mut axes: Vec<isize> = (0..shape.len() as isize).collect();
        for i in (1..axes.len()).rev() {
            axes.swap(i, (seed >> (8 * i)) as usize % (i + 1));
        }
        let mut inverse = axes.clone();
        for (to, &from) in axes.iter().enumerate() {
            inverse[from as usize] = to as isize;
        }
        let y = x.permute(&axes);
        prop_assert_eq!(&y.permute(&inverse), &x);
        prop_assert_eq!(y.contiguous().as_slice().unwrap().to_vec(), y.iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_reshaped_view_is_a_reshaped_copy(shape in shapes(), a in -3..3_isize, step in 1..3_isize) {
        let x = counting(&shape);
        if x.rank() > 1 {
            let y = x.transpose(0, -1).slice(a.rem_euclid(x.rank() as isize), Slice::new(None, None, -step));
            let flat = y.reshape([y.len()]);
            prop_assert_eq!(flat.to_vec(), y.contiguous().to_vec());
            prop_assert_eq!(flat.reshape(y.shape()), y);
        }
    }

    #[test]
    fn slices_follow_python(n in 0..9_usize, start in -12..12_isize, stop in -12..12_isize, step in -4..4_isize) {
        prop_assume!(step != 0);
        let expected: Vec<i64> = python(n as isize, start, stop, step);
        let x = counting(&[n]).slice(0, Slice::new(Some(start), Some(stop), step));
        prop_assert_eq!(x.to_vec(), expected);
    }
}

/// Python's `slice.indices`, walked.
fn python(n: isize, start: isize, stop: isize, step: isize) -> Vec<i64> {
    let (low, high) = if step < 0 { (-1, n - 1) } else { (0, n) };
    let end = |x: isize| if x < 0 { (x + n).max(low) } else { x.min(high) };
    let (mut i, stop) = (end(start), end(stop));
    let mut places = Vec::new();
    while (step > 0 && i < stop) || (step < 0 && i > stop) {
        places.push(i as i64);
        i += step;
    }
    places
}

#[test]
fn operators_broadcast_and_keep_row_major_order() {
    let x = counting(&[2, 3]);
    let y = &x.t() + &Tensor::from_vec(vec![10, 20], [2]);
    assert_eq!(y.to_vec(), [10, 23, 11, 24, 12, 25]);
    assert!(y.is_contiguous());
    let z = 2.0 * &Tensor::from_vec(vec![1.0_f32, 2.0], [2, 1]) + Tensor::ones([3]);
    assert_eq!(z.to_vec(), [3.0, 3.0, 3.0, 5.0, 5.0, 5.0]);
}
