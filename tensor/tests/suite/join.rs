//! Joining, splitting, padding, rolling, repeating, triangles: against loops over indices.

use proptest::prelude::*;
use wengert_tensor::testing::layouts::all_layouts;
use wengert_tensor::{Slice, Tensor, parallel};

fn counting(shape: &[usize]) -> Tensor<i64> {
    let mut next = 0;
    Tensor::from_fn(shape, |_| {
        next += 1;
        next
    })
}

fn shapes() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop::sample::select(vec![0, 1, 2, 3, 5]), 1..5)
}

/// Shapes whose rows are short, or long enough to be written one by one.
fn shapes_with_long_rows() -> impl Strategy<Value = Vec<usize>> {
    (shapes(), prop::sample::select(vec![1, 31])).prop_map(|(mut shape, factor)| {
        *shape.last_mut().expect("an axis") *= factor;
        shape
    })
}

proptest! {
    #[test]
    fn concat_undoes_split(shape in shapes(), axis in -4..4_isize, count in 1..4_usize) {
        let x = counting(&shape);
        let axis = axis.rem_euclid(shape.len() as isize);
        for (name, x) in all_layouts(&x) {
            let parts = x.chunk(axis, count);
            prop_assert!(parts.len() <= count);
            let parts: Vec<&Tensor<i64>> = parts.iter().collect();
            prop_assert_eq!(&Tensor::concat(&parts, axis), &x, "{}", name);
            prop_assert_eq!(&Tensor::concat(&parts, axis - shape.len() as isize), &x, "{}", name);
        }
    }

    #[test]
    fn select_undoes_stack(shape in shapes(), axis in 0..5_isize) {
        let (x, rank) = (counting(&shape), shape.len() as isize);
        let axis = axis.min(rank);
        let y = x.map(|x| -x);
        let both = Tensor::stack(&[&x, &y], axis);
        prop_assert_eq!(&both, &Tensor::stack(&[&x, &y], axis - rank - 1));
        prop_assert_eq!(both.size(axis), 2);
        prop_assert_eq!(both.select(axis, 0), x);
        prop_assert_eq!(both.select(axis, -1), y);
    }

    #[test]
    fn cropping_undoes_padding(shape in shapes_with_long_rows(), widths in prop::collection::vec([0..4_isize, 0..3_isize], 5)) {
        let x = counting(&shape);
        let widths = &widths[..shape.len()];
        let crops: Vec<[isize; 2]> = widths.iter().map(|&[a, b]| [-a, -b]).collect();
        for (name, x) in all_layouts(&x) {
            let padded = x.pad(widths, -7);
            prop_assert_eq!(&padded.pad(&crops, 0), &x, "{}", name);
            let inside = x.iter().count();
            prop_assert_eq!(padded.iter().filter(|&v| v == -7).count(), padded.len() - inside);
        }
    }

    #[test]
    fn unslice_undoes_a_slice_and_is_zero_elsewhere(
        shape in shapes_with_long_rows(),
        slices in prop::collection::vec((-6..6_isize, -6..6_isize, prop::sample::select(vec![-2, -1, 1, 1, 1, 2])), 5),
        axes in 0..6_usize,
    ) {
        let axes = axes.min(shape.len());
        let region: Vec<Slice> = slices[..axes].iter().map(|&(a, b, step)| Slice::new(Some(a), Some(b), step)).collect();
        let part = |x: &Tensor<i64>| region.iter().enumerate().fold(x.clone(), |x, (axis, &slice)| x.slice(axis as isize, slice));
        let ones = part(&Tensor::ones(&shape));
        let source = counting(ones.shape());
        for (name, source) in all_layouts(&source) {
            let whole = source.unslice(&region, &shape);
            prop_assert_eq!(whole.shape(), &shape[..], "{}", name);
            prop_assert_eq!(&part(&whole), &source, "{}", name);
            prop_assert_eq!(whole.iter().filter(|&x| x != 0).count(), source.len(), "{}", name);
        }
        // One number for all of the region.
        let one = Tensor::scalar(1).unslice(&region, &shape);
        prop_assert_eq!(part(&one), ones);
    }

    #[test]
    fn roll_wraps_indices_around(shape in shapes(), shift in -7..7_isize, axis in 0..5_usize) {
        let x = counting(&shape);
        let axis = axis % shape.len();
        let rolled = x.roll(shift, axis as isize);
        let expected = Tensor::from_fn(&shape, |i| {
            let mut from = i.to_vec();
            from[axis] = (i[axis] as isize - shift).rem_euclid(shape[axis] as isize) as usize;
            x.get(from)
        });
        prop_assert_eq!(rolled, expected);
    }

    #[test]
    fn repeat_wraps_indices_around(shape in shapes(), counts in prop::collection::vec(0..4_usize, 5)) {
        let x = counting(&shape);
        let (rank, counts) = (shape.len(), &counts[..(shape.len() + 1).min(5)]);
        let added = counts.len() - rank;
        let extents: Vec<usize> = counts.iter().enumerate()
            .map(|(axis, &count)| count * axis.checked_sub(added).map_or(1, |axis| shape[axis]))
            .collect();
        let expected = Tensor::from_fn(&extents, |i| {
            let place: Vec<usize> = (0..rank).map(|axis| i[added + axis] % shape[axis]).collect();
            x.get(place)
        });
        prop_assert_eq!(x.repeat(counts), expected);
    }

    #[test]
    fn tril_and_triu_partition_the_matrix(shape in shapes(), k in -6..6_isize) {
        let x = counting(&shape);
        if shape.len() >= 2 {
            for (name, x) in all_layouts(&x) {
                prop_assert_eq!(&(x.tril(k) + x.triu(k + 1)), &x, "{}", name);
                let kept = Tensor::from_fn(&shape, |i| {
                    let [.., row, column] = i else { unreachable!() };
                    if *column as isize - *row as isize <= k { x.get(i) } else { 0 }
                });
                prop_assert_eq!(x.tril(k), kept, "{}", name);
            }
        }
    }
}

#[test]
fn negative_padding_crops_one_end_while_the_other_grows() {
    let x = Tensor::from_vec(vec![1, 2, 3], [3]);
    assert_eq!(x.pad(&[[-1, 2]], 0).to_vec(), [2, 3, 0, 0]);
    assert_eq!(x.pad(&[[2, -3]], 9).to_vec(), [9, 9]);
}

/// Rows that begin and end anywhere in the chunks of the threads; a part without elements among them.
#[test]
fn long_parts_are_joined_on_any_number_of_threads() {
    let chunk = parallel::CHUNK;
    for (before, lengths) in [
        (1, vec![chunk - 1, 0, 2, 3 * chunk + 5]),
        (7, vec![chunk / 2 + 1, 1, chunk]),
        (5 * chunk, vec![1, 3, 0]),
    ] {
        let parts: Vec<_> = lengths.iter().map(|&n| counting(&[before, n])).collect();
        let parts: Vec<_> = parts.iter().collect();
        for threads in [1, 2, 3] {
            let joined = parallel::with_threads(threads, || Tensor::concat(&parts, 1));
            for (part, found) in parts.iter().zip(joined.split(1, &lengths)) {
                assert!(
                    found == **part,
                    "{before} rows of {lengths:?}, {threads} threads"
                );
            }
        }
    }
}

/// Regions that begin and end anywhere in the chunks of the threads.
#[test]
fn long_tensors_are_padded_on_any_number_of_threads() {
    let chunk = parallel::CHUNK as isize;
    for (shape, widths) in [
        (
            vec![3, 2 * parallel::CHUNK + 5],
            vec![[0, 0], [chunk + 1, 7]],
        ),
        (vec![parallel::CHUNK + 3], vec![[chunk - 1, 2 * chunk]]),
        (vec![40, 30, 50], vec![[1, 2], [0, 0], [3, 0]]),
        (vec![40, 30, 50], vec![[2, 1], [1, 1], [0, 0]]),
        (vec![2, 3, parallel::CHUNK], vec![[1, 0], [0, 2], [0, 0]]),
    ] {
        let x = counting(&shape);
        let crops: Vec<[isize; 2]> = widths.iter().map(|&[a, b]| [-a, -b]).collect();
        for threads in [1, 2, 3] {
            let padded = parallel::with_threads(threads, || x.pad(&widths, -7));
            assert!(
                padded.pad(&crops, 0) == x,
                "{shape:?} {widths:?}, {threads} threads"
            );
            let around = padded.iter().filter(|&v| v == -7).count();
            assert_eq!(around, padded.len() - x.len(), "{shape:?} {widths:?}");
        }
    }
}

/// A result that is larger than the caches, and that blocks do not divide.
#[test]
fn a_part_of_a_large_tensor_is_written_where_it_belongs() {
    let (rows, columns) = (8200, 1031);
    let part = Tensor::<f32>::from_fn([rows - 2, 500], |i| (i[0] % 100 + i[1] + 1) as f32);
    let region = [Slice::from(1..8199), Slice::from(7..507)];
    for threads in [1, 3] {
        let whole = parallel::with_threads(threads, || part.unslice(&region, [rows, columns]));
        assert!(whole.slice(0, region[0]).slice(1, region[1]) == part);
        let others = whole.iter().filter(|&x| x == 0.0).count();
        assert_eq!(others, whole.len() - part.len());
    }
}
