//! Views against copies with the same elements.

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
    fn a_permutation_and_its_inverse_are_the_identity(shape in shapes(), seed in any::<u64>()) {
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

/// A tensor whose layout is permuted, sliced and flipped.
fn sliced_and_flipped(shape: &[usize]) -> Tensor<i64> {
    let doubled: Vec<usize> = shape.iter().rev().map(|n| 2 * n).collect();
    let reversed: Vec<isize> = (0..shape.len() as isize).rev().collect();
    let mut x = counting(&doubled).permute(reversed);
    for axis in 0..shape.len() as isize {
        let step = if axis % 2 == 0 { 2 } else { -2 };
        x = x.slice(axis, Slice::from(..).step(step));
    }
    assert_eq!(x.shape(), shape);
    x
}

proptest! {
    #[test]
    fn every_view_of_a_view_is_the_view_of_its_copy(shape in shapes(), k in -4..4_isize, a in 0..4_usize, b in 0..4_usize) {
        let x = sliced_and_flipped(&shape);
        let dense = x.contiguous();
        prop_assert_eq!(x.unsqueeze(0), dense.unsqueeze(0));
        prop_assert_eq!(x.unsqueeze(-1).squeeze(-1), dense.clone());
        prop_assert_eq!(x.flip(..).flip(..), dense.clone());
        prop_assert_eq!(x.reshape([x.len()]), dense.reshape([x.len()]));
        if shape.is_empty() {
            return Ok(());
        }
        let (a, b) = (a % shape.len(), b % shape.len());
        let axis = a as isize;
        prop_assert_eq!(x.flip(axis), dense.flip(axis));
        prop_assert_eq!(x.transpose(axis, b as isize), dense.transpose(b as isize, axis));
        prop_assert_eq!(x.slice(axis, k..), dense.slice(axis, k..));
        prop_assert_eq!(x.flatten(a.min(b) as isize, a.max(b) as isize), dense.flatten(a.min(b) as isize, a.max(b) as isize));
        if shape[a] > 0 {
            let index = k.rem_euclid(shape[a] as isize);
            prop_assert_eq!(x.select(axis, index), dense.slice(axis, index..=index).squeeze(axis));
            prop_assert_eq!(x.select(axis, index - shape[a] as isize), dense.select(axis, index));
        }
        if a != b {
            let expected = diagonal(&dense, k, a, b);
            prop_assert_eq!(x.diagonal(k, axis, b as isize), expected);
        }
    }

    #[test]
    fn windows_are_slices(shape in shapes(), axis in 0..5_usize, size in 0..4_usize, step in 1..4_usize) {
        let x = sliced_and_flipped(&shape);
        if !shape.is_empty() && size <= shape[axis % shape.len()] {
            let axis = axis % shape.len();
            let windows = x.unfold_axis(axis as isize, size, step);
            prop_assert_eq!(windows.size(axis as isize), (shape[axis] - size) / step + 1);
            for window in 0..windows.size(axis as isize) {
                let start = (window * step) as isize;
                let slice = x.slice(axis as isize, start..start + size as isize);
                let place = slice.unsqueeze(-1).transpose(axis as isize, -1).squeeze(axis as isize);
                prop_assert_eq!(windows.select(axis as isize, window as isize), place);
            }
        }
    }

    #[test]
    fn a_slice_of_a_slice_selects_from_the_first(
        n in 0..12_usize, a in -13..13_isize, b in -13..13_isize, c in -13..13_isize, d in -13..13_isize,
        s in prop::sample::select(vec![-3, -1, 1, 2]), t in prop::sample::select(vec![-2, -1, 1, 3]),
    ) {
        let once = counting(&[n]).slice(0, Slice::new(Some(a), Some(b), s));
        let twice = once.slice(0, Slice::new(Some(c), Some(d), t));
        let places = python(once.len() as isize, c, d, t);
        let picked: Vec<i64> = places.iter().map(|&i| once.get([i as usize])).collect();
        prop_assert_eq!(twice.to_vec(), picked);
    }

    #[test]
    fn a_broadcast_view_repeats_elements(shape in shapes(), added in 0..3_usize, n in 0..4_usize) {
        let x = sliced_and_flipped(&shape);
        let mut wide: Vec<usize> = vec![n; added];
        wide.extend(shape.iter().map(|&m| if m == 1 { n } else { m }));
        let view = x.broadcast_to(&wide);
        let expected = Tensor::from_fn(&wide, |index| {
            let place = index[added..].iter().zip(&shape).map(|(&i, &m)| if m == 1 { 0 } else { i });
            x.get(place.collect::<Vec<_>>())
        });
        prop_assert_eq!(view, expected);
    }
}

/// The diagonal by its definition.
fn diagonal(x: &Tensor<i64>, offset: isize, a: usize, b: usize) -> Tensor<i64> {
    let (down, right) = ((-offset).max(0) as usize, offset.max(0) as usize);
    let extent = |axis: usize, first: usize| x.shape()[axis].saturating_sub(first);
    let count = extent(a, down).min(extent(b, right));
    let mut shape: Vec<usize> = x.shape().to_vec();
    shape.remove(a.max(b));
    shape.remove(a.min(b));
    shape.push(count);
    Tensor::from_fn(shape, |index| {
        let (&i, rest) = index.split_last().unwrap();
        let mut place = rest.to_vec();
        let (ia, ib) = (i + down, i + right);
        let (low, high) = if a < b { (ia, ib) } else { (ib, ia) };
        place.insert(a.min(b), low);
        place.insert(a.max(b), high);
        x.get(place)
    })
}

#[test]
fn reshape_copies_only_if_no_strides_describe_the_shape() {
    let x = counting(&[4, 6]);
    let memory = x.as_slice().unwrap().as_ptr_range();
    let shares = |y: &Tensor<i64>| {
        y.slice(0, ..1)
            .contiguous()
            .as_slice()
            .is_some_and(|s| memory.contains(&s.as_ptr()))
    };
    assert!(shares(&x.reshape([2, 2, 3, 2])));
    assert!(shares(&x.slice(0, 1..3).reshape([12])));
    assert!(shares(&x.slice(1, 1..3).reshape([4, 1, 2, 1])));
    assert!(!shares(&x.t().reshape([24])));
    assert_eq!(x.t().reshape([2, 3, 2, 2]).strides(), [3, 1, 12, 6]);
}

#[test]
#[allow(clippy::reversed_empty_ranges)] // a negative end counts from the end
fn axes_are_named_by_numbers_lists_and_ranges() {
    let x = counting(&[2, 3]);
    assert_eq!(x.flip(-1).to_vec(), [2, 1, 0, 5, 4, 3]);
    assert_eq!(x.flip([0]).to_vec(), [3, 4, 5, 0, 1, 2]);
    assert_eq!(x.flip([0, -1]), x.flip(..));
    assert_eq!(x.flip([]), x);
    assert_eq!(x.flip(vec![1]), x.flip(1));
    assert_eq!(x.slice(0, ..=-2), x.slice(0, 0..1));
    assert_eq!(x.slice(1, 1..=-1), x.slice(1, 1..));
    assert_eq!(x.slice(1, ..=-1), x);
    let [rows, columns] = x.dims();
    assert_eq!((rows, columns), (2, 3));
}

/// The indices of Python's `slice.indices`.
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
