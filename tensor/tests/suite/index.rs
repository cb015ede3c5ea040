//! Gather, scatter, one-hot and sorting, against plain loops.

use proptest::prelude::*;
use wengert_tensor::testing::layouts::all_layouts;
use wengert_tensor::{Dual, Layout, Number, Slice, Tensor, keep, parallel};

/// A generator of random test data.
struct Generator(u64);

impl Generator {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    fn numbers(&mut self, shape: &[usize]) -> Tensor<f64> {
        Tensor::from_fn(shape, |_| self.below(1000) as f64 - 500.0)
    }

    fn indices(&mut self, shape: &[usize], extent: usize) -> Tensor<i64> {
        Tensor::from_fn(shape, |_| self.below(extent) as i64)
    }
}

fn shapes() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop::sample::select(vec![1, 2, 3, 5, 7, 17, 33]), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn gather_and_scatter_follow_their_formulas(shape in shapes(), axis in 0..4_usize, seed in any::<u64>()) {
        let (axis, mut generator) = (axis % shape.len(), Generator(seed));
        let mut picked: Vec<usize> = shape.iter().map(|&n| 1 + generator.below(n)).collect();
        picked[axis] = generator.below(2 * shape[axis] + 1);
        let larger: Vec<usize> = picked.iter().map(|&n| n + generator.below(3)).collect();
        let (x, src) = (generator.numbers(&shape), generator.numbers(&larger));
        let index = generator.indices(&picked, shape[axis]);
        let at = |place: &[usize]| {
            let mut target = place.to_vec();
            target[axis] = index.get(place) as usize;
            target
        };
        let gathered = Tensor::from_fn(&picked, |place| x.get(at(place)));
        let flat = |place: &[usize]| place.iter().zip(&shape).fold(0, |f, (&i, &n)| f * n + i);
        let (mut written, mut added) = (x.to_vec(), x.to_vec());
        let _ = Tensor::from_fn(&picked, |place| {
            written[flat(&at(place))] = src.get(place);
            added[flat(&at(place))] += src.get(place);
            0
        });
        let a = axis as isize;
        for (layout, x) in all_layouts(&x) {
            for (_, index) in all_layouts(&index) {
                prop_assert_eq!(&x.gather(a, &index), &gathered, "{}", layout);
                for (_, src) in all_layouts(&src) {
                    prop_assert_eq!(&x.scatter(a, &index, &src).to_vec(), &written, "{}", layout);
                    prop_assert_eq!(&x.scatter_add(a, &index, &src).to_vec(), &added, "{}", layout);
                }
            }
        }
    }

    #[test]
    fn selecting_and_adding_slices_follow_their_formulas(
        shape in shapes(), axis in 0..4_usize, count in 0..9_usize, seed in any::<u64>()
    ) {
        let (axis, mut generator) = (axis % shape.len(), Generator(seed));
        let mut picked = shape.clone();
        picked[axis] = count;
        let (x, src) = (generator.numbers(&shape), generator.numbers(&picked));
        let index = generator.indices(&[count], shape[axis]);
        let mut wide = vec![1; shape.len()];
        wide[axis] = count;
        let by_gather = index.reshape(wide).broadcast_to(&picked);
        let a = axis as isize;
        for (layout, x) in all_layouts(&x) {
            for (_, index) in all_layouts(&index) {
                prop_assert_eq!(x.index_select(a, &index), x.gather(a, &by_gather), "{}", layout);
                for (_, src) in all_layouts(&src) {
                    let expected = x.scatter_add(a, &by_gather, &src);
                    prop_assert_eq!(x.index_add(a, &index, &src), expected, "{}", layout);
                }
            }
        }
    }

    #[test]
    fn sort_is_stable_and_topk_is_its_beginning(shape in shapes(), axis in 0..4_usize, seed in any::<u64>()) {
        let (axis, mut generator) = (axis % shape.len(), Generator(seed));
        let x = Tensor::from_fn(&shape, |_| match generator.below(8) {
            7 => f64::NAN,
            number => number as f64,
        });
        let a = axis as isize;
        for descending in [false, true] {
            let sorted = |x: &Tensor<f64>| if descending { x.sort_descending(a) } else { x.sort(a) };
            let (values, places) = sorted(&x);
            let bits = |x: &Tensor<f64>| x.map(f64::to_bits);
            prop_assert_eq!(bits(&values), bits(&x.gather(a, &places)));
            let ascending = if descending { places.flip(a) } else { places.clone() };
            let key = |x: f64| if x.is_nan() { 8.0 } else { x };
            let keys = x.map(key).gather(a, &ascending);
            for i in 1..x.size(a) as isize {
                let (low, high) = (keys.select(a, i - 1), keys.select(a, i));
                prop_assert!(low.le(&high).all(..).item());
                let (before, after) = (ascending.select(a, i - 1), ascending.select(a, i));
                let kept = if descending { before.gt(&after) } else { before.lt(&after) };
                prop_assert!(low.ne(&high).or(&kept).all(..).item(), "equal elements keep their order");
            }
            for k in [0, 1, x.size(a) / 2, x.size(a)] {
                let (top, at) = if descending { x.topk(a, k) } else { x.bottomk(a, k) };
                prop_assert_eq!(bits(&top), bits(&values.slice(a, ..k as isize)));
                prop_assert_eq!(at, places.slice(a, ..k as isize).contiguous());
            }
            for (layout, copy) in all_layouts(&x) {
                prop_assert_eq!(&sorted(&copy).1, &places, "{}", layout);
            }
        }
    }
}

#[test]
fn large_gathers_have_the_same_bits_for_any_number_of_threads() {
    let mut generator = Generator(1);
    let (x, index) = (
        generator.numbers(&[300, 64]),
        generator.indices(&[2000], 300),
    );
    let wide = index.unsqueeze(1).broadcast_to([2000, 64]);
    let all = || {
        let y = x.index_select(0, &index);
        let z = x.index_add(0, &index, &y);
        (
            y,
            z,
            x.gather(0, &wide),
            x.sort_descending(0).1,
            x.t().index_add(1, &index, &x.t().index_select(1, &index)),
        )
    };
    let expected = parallel::with_threads(1, all);
    for threads in [2, 3] {
        assert!(parallel::with_threads(threads, all) == expected);
    }
    assert!(expected.4 == expected.1.t());
}

/// As the border of a padded image is added to what it reflects.
#[test]
fn neighbouring_indices_are_added_and_selected_as_others_are() {
    let mut generator = Generator(2);
    let indices: Vec<i64> = [2, 1].into_iter().chain(0..100).chain([98, 97]).collect();
    let index = Tensor::from_slice(&indices, [indices.len()]);
    for inner in [1, 3] {
        let x = generator.numbers(&[4, 100, inner]);
        let source = generator.numbers(&[4, indices.len(), inner]);
        let mut expected = x.to_vec();
        for (i, &sum) in source.to_vec().iter().enumerate() {
            let (block, place) = (i / inner / indices.len(), i / inner % indices.len());
            expected[(block * 100 + indices[place] as usize) * inner + i % inner] += sum;
        }
        assert_eq!(x.index_add(1, &index, &source).to_vec(), expected);
        let selected = x.index_select(1, &index).to_vec();
        let x = x.to_vec();
        for (i, &found) in selected.iter().enumerate() {
            let (block, place) = (i / inner / indices.len(), i / inner % indices.len());
            let from = (block * 100 + indices[place] as usize) * inner + i % inner;
            assert_eq!(found, x[from], "element {i}");
        }
    }
}

#[test]
fn one_hot_rows_times_a_matrix_select_its_rows() {
    let labels = Tensor::from_slice(&[2_i64, 0, 1, 2], [2, 2]);
    let hot = labels.one_hot::<f64>(3);
    assert_eq!(
        hot.to_vec(),
        [0., 0., 1., 1., 0., 0., 0., 1., 0., 0., 0., 1.]
    );
    assert_eq!(hot.argmax(-1), labels);
    assert_eq!(Tensor::<i64>::zeros([0]).one_hot::<f32>(0).shape(), [0, 0]);
}

#[test]
fn indexing_keeps_the_tangents_of_dual_numbers() {
    let x = Tensor::from_fn([4], |i| Dual::new((7 * i[0] % 4) as f64, i[0] as f64));
    let (sorted, places) = x.sort(0);
    assert_eq!(sorted.map(|x| x.tangent as i64), places);
    let sum = x.index_add(0, &Tensor::from_slice(&[1, 1], [2]), &x.slice(0, 2..));
    assert_eq!(sum.map(|x| x.tangent).to_vec(), [0.0, 6.0, 2.0, 3.0]);
}

macro_rules! refused {
    ($($name:ident: $message:literal, $call:expr;)*) => {$(
        #[test]
        #[should_panic(expected = $message)]
        fn $name() {
            let x = Tensor::<f32>::zeros([3, 4]);
            let index = |values: &[i64], shape: &[usize]| Tensor::from_slice(values, shape);
            let call: fn(&Tensor<f32>, &dyn Fn(&[i64], &[usize]) -> Tensor<i64>) = $call;
            call(&x, &index);
        }
    )*};
}

refused! {
    an_index_beyond_the_axis_is_named: "gather: [3, 4]: index 4 is outside axis 1 of extent 4",
        |x, i| drop(x.gather(1, &i(&[0, 4], &[1, 2])));
    a_negative_index_panics: "index_select: [3, 4]: index -1 is outside axis 0 of extent 3",
        |x, i| drop(x.index_select(0, &i(&[-1], &[1])));
    a_scattered_index_stays_inside: "scatter_add: [3, 4]: index 3 is outside axis 0 of extent 3",
        |x, i| drop(x.scatter_add(0, &i(&[3], &[1, 1]), x));
    an_added_slice_stays_inside: "index_add: [3, 4]: index 9 is outside axis 1 of extent 4",
        |x, i| drop(x.index_add(1, &i(&[0, 9], &[2]), &Tensor::zeros([3, 2])));
    an_empty_axis_has_no_index: "gather: [0]: index 0 is outside axis 0 of extent 0",
        |_, i| drop(Tensor::<f32>::zeros([0]).gather(0, &i(&[0], &[1])));
    ranks_must_agree: "gather: [3, 4]: an index of [2] has another rank",
        |x, i| drop(x.gather(1, &i(&[0, 1], &[2])));
    an_index_wider_than_its_tensor_is_refused:
        "scatter: [3, 4]: an index of [4, 1] exceeds extent 3 of axis 0",
        |x, i| drop(x.scatter(1, &i(&[0; 4], &[4, 1]), x));
    a_small_source_is_refused:
        "scatter: [3, 4]: a source of [1, 1] is too small for an index of [2, 1]",
        |x, i| drop(x.scatter(1, &i(&[0; 2], &[2, 1]), &Tensor::zeros([1, 1])));
    slices_to_add_need_their_shape:
        "index_add: [3, 4]: the source is [3, 4], the index on axis 1 needs [3, 2]",
        |x, i| drop(x.index_add(1, &i(&[0, 1], &[2]), x));
    a_label_outside_the_classes_panics: "one_hot: [2, 3]: index 3 is outside axis 1 of extent 3",
        |_, i| drop(i(&[0, 3], &[2]).one_hot::<f32>(3));
    topk_of_more_elements_than_there_are_panics: "topk: [3, 4]: axis 0 has fewer than 4 elements",
        |x, _| drop(x.topk(0, 4));
}

/// With tasks of many rows, rows that overlap, and one row alone; against sums element by element.
#[test]
fn views_are_updated_as_by_loops_on_any_number_of_threads() {
    let x = Tensor::from_fn([12, 200, 130], |i| (i[0] + 2 * i[1] + 3 * i[2]) as i64);
    let y =
        |shape: &[usize]| Tensor::from_fn(shape, |i| i.iter().fold(1, |y, &i| 31 * y + i as i64));
    for threads in [1, 2, 3] {
        parallel::with_threads(threads, || {
            // A region with a step: no element twice.
            let (rows, columns) = (Slice::from(3..).step(2), Slice::from(1..).step(3));
            let mut found = x.clone();
            let source = y(&[12, 99, 43]);
            found.region_add(&[Slice::from(..), rows, columns], &source);
            let expected = Tensor::from_fn(x.shape(), |i| {
                let inside = i[1] >= 3 && (i[1] - 3) % 2 == 0 && i[2] >= 1 && (i[2] - 1) % 3 == 0;
                let more = if inside {
                    source.get([i[0], (i[1] - 3) / 2, (i[2] - 1) / 3])
                } else {
                    0
                };
                x.get(i) + more
            });
            assert!(found == expected, "region, {threads} threads");
            // Windows of 3 rows of several images: those of different images do not overlap.
            let mut found = x.clone();
            let source = y(&[12, 198, 130, 3]);
            found.update_view(|view| view.unfold_axis(1, 3, 1), &source, |x, y| x + y);
            let expected = Tensor::from_fn(x.shape(), |i| {
                let windows = (0..3).filter(|&k| i[1] >= k && i[1] - k < 198);
                x.get(i)
                    + windows
                        .map(|k| source.get([i[0], i[1] - k, i[2], k]))
                        .sum::<i64>()
            });
            assert!(found == expected, "windows, {threads} threads");
            // Several views: rows with no element in common of 600, 600 or 200 rows together, or none.
            let views = [([600, 1, 70], 1), ([600, 70, 3], 1), ([12, 200, 30], 0)];
            for ((shape, axis), step) in views.into_iter().flat_map(|view| [(view, 1), (view, 3)]) {
                let windows = |k: isize| {
                    move |layout: &Layout| {
                        let window = 3.min(shape[axis as usize]);
                        let view = layout.unfold_axis(axis, window, step);
                        view.slice(-1, Slice::from(k..k + 1))
                    }
                };
                let count = 3.min(shape[axis as usize]) as isize;
                let zeros = Tensor::<i64>::zeros(shape);
                let places: Vec<Layout> = (0..count).map(|k| windows(k)(zeros.layout())).collect();
                let sources: Vec<_> = places.iter().map(|place| y(place.shape())).collect();
                // It does not commute, so that the order of updates shows.
                let f = |x: i64, y: i64| x.wrapping_mul(7).wrapping_add(y);
                let mut expected = vec![0; zeros.len()];
                for (place, source) in places.iter().zip(&sources) {
                    let strides = place.strides();
                    let _ = Tensor::from_fn(place.shape(), |i| {
                        let steps = i.iter().zip(strides).map(|(&i, &s)| i as isize * s);
                        let at = place.offset() + steps.sum::<isize>() as usize;
                        expected[at] = f(expected[at], source.get(i));
                        0
                    });
                }
                let mut found = zeros;
                found.update_views((0..count).map(windows).zip(&sources), f);
                assert_eq!(found.to_vec(), expected, "{shape:?}, {threads} threads");
            }
            // Windows of 3 rows of one image: its first axis is that of the windows, so they overlap.
            let mut found = x.select(0, 0).contiguous();
            let source = y(&[198, 130, 3]);
            found.update_view(|view| view.unfold_axis(0, 3, 1), &source, |x, y| x + y);
            let expected = Tensor::from_fn([200, 130], |i| {
                let windows = (0..3).filter(|&k| i[0] >= k && i[0] - k < 198);
                x.get([0, i[0], i[1]])
                    + windows
                        .map(|k| source.get([i[0] - k, i[1], k]))
                        .sum::<i64>()
            });
            assert!(found == expected, "one image, {threads} threads");
            // Rows in reverse, and one row that everything is added to.
            let mut found = x.clone();
            found.update_view(|view| view.flip(&1.into()), &y(&[12, 200, 130]), |_, y| y);
            assert!(
                found == y(&[12, 200, 130]).flip(1),
                "reverse, {threads} threads"
            );
            let mut found = Tensor::<i64>::zeros([1, 130]);
            found.update_view(
                |view| view.broadcast_to(&[200, 130]),
                &y(&[200, 130]),
                |x, y| x + y,
            );
            assert!(
                found == y(&[200, 130]).sum(keep(0)),
                "one row, {threads} threads"
            );
        });
    }
}

/// Rows of their own for each index of the first axis, along the axes after it.
#[test]
fn scattering_is_right_on_any_number_of_threads() {
    let (x, index) = (
        Tensor::from_fn([40, 30, 50], |i| (i[0] + i[1] + i[2]) as i64),
        |axis: usize, shape: [usize; 3]| {
            let extent = [40, 30, 50][axis];
            Tensor::from_fn(shape, move |i| {
                ((7 * i[0] + 5 * i[1] * i[1] + 3 * i[2]) % extent) as i64
            })
        },
    );
    for (axis, shape) in [(0, [90, 30, 50]), (1, [39, 70, 41]), (2, [40, 30, 90])] {
        let (index, source) = (
            index(axis, shape),
            Tensor::from_fn(shape, |i| (i[2] + 100 * i[1]) as i64 + 1),
        );
        let (mut added, mut put) = (x.to_vec(), x.to_vec());
        for i in 0..shape[0] {
            for j in 0..shape[1] {
                for k in 0..shape[2] {
                    let mut to = [i, j, k];
                    to[axis] = index.get([i, j, k]) as usize;
                    let at = (to[0] * 30 + to[1]) * 50 + to[2];
                    added[at] += source.get([i, j, k]);
                    put[at] = source.get([i, j, k]);
                }
            }
        }
        for threads in [1, 2, 3] {
            parallel::with_threads(threads, || {
                let axis = axis as isize;
                assert!(
                    x.scatter_add(axis, &index, &source).to_vec() == added,
                    "axis {axis}"
                );
                assert!(
                    x.scatter(axis, &index, &source).to_vec() == put,
                    "axis {axis}"
                );
            });
        }
    }
}

/// Beside a stable sort of pairs by comparison, with every kind of number and many equal ones.
#[test]
fn rows_of_every_number_type_are_sorted_as_pairs_are() {
    fn check<T: Number + PartialOrd>(name: &str, number: impl Fn(u64) -> T) {
        let mut generator = Generator(7);
        for length in [0, 1, 2, 3, 17, 64, 1000, 3000] {
            let x = Tensor::from_fn([2, length], |_| number(generator.below(1 << 20) as u64));
            for descending in [false, true] {
                let (_, found) = if descending {
                    x.sort_descending(1)
                } else {
                    x.sort(1)
                };
                for row in 0..2 {
                    let values: Vec<T> = (0..length).map(|i| x.get([row, i])).collect();
                    let mut places: Vec<i64> = (0..length as i64).collect();
                    places.sort_by(|&a, &b| {
                        let (a, b) = (values[a as usize], values[b as usize]);
                        let order = a
                            .partial_cmp(&b)
                            .unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()));
                        if descending { order.reverse() } else { order }
                    });
                    let found = found.slice(0, row as isize..=row as isize).to_vec();
                    assert!(
                        found == places,
                        "{name}, {length} elements, descending: {descending}"
                    );
                    for k in [5.min(length), length / 2, length.saturating_sub(1)] {
                        let of_row = x.slice(0, row as isize..=row as isize);
                        let (_, first) = if descending {
                            of_row.topk(1, k)
                        } else {
                            of_row.bottomk(1, k)
                        };
                        assert!(
                            first.to_vec() == places[..k],
                            "{name}, the first {k} of {length}"
                        );
                    }
                }
            }
        }
    }
    let special = [
        0.0,
        -0.0,
        f64::NAN,
        -f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        5e-324,
        -5e-324,
        f64::MAX,
        f64::MIN,
    ];
    let double = |seed: u64| match seed % 13 {
        at @ 0..10 => special[at as usize],
        10 => 1.0 + (seed as f64) * f64::EPSILON,
        _ => (seed as f64 - 500_000.0) * 1.5,
    };
    check("f64", double);
    check("f32", |seed| double(seed) as f32);
    check("subnormal f32", |seed| {
        f32::from_bits((seed % 64) as u32) * if seed % 2 == 0 { 1.0 } else { -1.0 }
    });
    // Neighbours that f64 cannot tell apart.
    check("i64", |seed| i64::MAX - (seed % 50) as i64);
    check("u64", |seed| u64::MAX - seed % 50);
    check("u8", |seed| seed as u8);
    check("dual numbers", |seed| {
        Dual::new((seed % 9) as f64, seed as f64)
    });
    check("negative i64", |seed| i64::MIN + (seed % 50) as i64);
}
