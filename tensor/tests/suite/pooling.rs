//! Pooling against naive loops, its adjoints, and its conventions for ties, NaN and padding.

use proptest::prelude::*;
use wengert_tensor::pooling::{
    adaptive_windows, average, average_adjoint, gather, max, max_values, scatter,
};
use wengert_tensor::testing::panics::message_of;
use wengert_tensor::{Divisor, Dual, PoolOptions, Real, Tensor, parallel};

/// Pseudorandom values, many of them equal, so that ties are common.
fn values<T: Real>(shape: &[usize], seed: usize) -> Tensor<T> {
    let length = shape.iter().product();
    let value = |i: usize| ((i * 7919 + seed * 104_729) % 97 % 9) as f64 - 4.0;
    Tensor::from_vec((0..length).map(|i| T::of(value(i))).collect(), shape)
}

fn inner(a: &Tensor<f64>, b: &Tensor<f64>) -> f64 {
    assert_eq!(a.shape(), b.shape());
    a.iter().zip(b.iter()).map(|(a, b)| a * b).sum()
}

/// One axis of a pooling, by the definition.
#[derive(Clone, Copy, Debug)]
struct Axis {
    input: usize,
    kernel: usize,
    stride: usize,
    before: usize,
    behind: usize,
    dilation: usize,
    ceil: bool,
}

impl Axis {
    fn output(self) -> usize {
        let window = self.dilation * (self.kernel - 1) + 1;
        let room = (self.input + self.before + self.behind) as f64 - window as f64;
        let windows = room / self.stride as f64;
        let count = if self.ceil {
            windows.ceil()
        } else {
            windows.floor()
        } as usize
            + 1;
        if self.ceil && (count - 1) * self.stride >= self.input + self.before {
            count - 1
        } else {
            count
        }
    }

    /// The positions in the image of the elements of a window, without those beyond the padding.
    fn taps(self, i: usize) -> Vec<isize> {
        let first = (i * self.stride) as isize - self.before as isize;
        let taps = (0..self.kernel).map(|k| first + (k * self.dilation) as isize);
        taps.filter(|&at| at < (self.input + self.behind) as isize)
            .collect()
    }
}

/// Values, positions, and averages by both divisors, of planes `[n, height, width]`.
fn naive(
    x: &Tensor<f64>,
    [rows, columns]: [Axis; 2],
) -> (Tensor<f64>, Tensor<i64>, [Tensor<f64>; 2]) {
    let [planes, height, width] = x.dims();
    let shape = [planes, rows.output(), columns.output()];
    let window = |index: &[usize]| -> (Vec<(f64, i64)>, usize) {
        let (mut met, mut taps) = (Vec::new(), 0);
        for &i in &rows.taps(index[1]) {
            for &j in &columns.taps(index[2]) {
                taps += 1;
                if (0..height as isize).contains(&i) && (0..width as isize).contains(&j) {
                    let at = i as usize * width + j as usize;
                    met.push((x.get([index[0], i as usize, j as usize]), at as i64));
                }
            }
        }
        (met, taps)
    };
    let largest = |index: &[usize]| {
        let mut best = (f64::NEG_INFINITY, -1);
        for (value, at) in window(index).0 {
            if best.1 < 0 || value > best.0 {
                best = (value, at);
            }
        }
        best
    };
    let mean = |index: &[usize], image_only: bool| {
        let (met, taps) = window(index);
        let sum: f64 = met.iter().map(|(value, _)| value).sum();
        let count = if image_only { met.len() } else { taps };
        if count == 0 { 0.0 } else { sum / count as f64 }
    };
    (
        Tensor::from_fn(shape, |index| largest(index).0),
        Tensor::from_fn(shape, |index| largest(index).1),
        [false, true].map(|image_only| Tensor::from_fn(shape, |index| mean(index, image_only))),
    )
}

fn axis() -> impl Strategy<Value = Axis> {
    (
        1..12_usize,
        1..5_usize,
        1..5_usize,
        0..4_usize,
        0..4_usize,
        1..4_usize,
    )
        .prop_map(|(input, kernel, stride, before, behind, dilation)| Axis {
            input,
            kernel,
            stride,
            before,
            behind,
            dilation,
            ceil: false,
        })
}

proptest! {
    #[test]
    fn pooling_matches_the_naive_loops(
        axes in [axis(), axis()],
        ceil in any::<bool>(),
        seed in 0..1000_usize,
    ) {
        let axes = axes.map(|axis| Axis { ceil, ..axis });
        let [rows, columns] = axes;
        let mut options = PoolOptions::new(axes.map(|a| a.kernel))
            .stride(axes.map(|a| a.stride))
            .padding(axes.map(|a| [a.before, a.behind]))
            .dilation(axes.map(|a| a.dilation));
        options.ceil_mode = ceil;
        let x = values::<f64>(&[3, rows.input, columns.input], seed);
        let Ok(windows) = options.windows(x.shape(), 2) else {
            return Ok(());
        };
        let (y, positions, [padded, image]) = naive(&x, axes);
        prop_assert_eq!(windows.output(), [1, rows.output(), columns.output()]);
        prop_assert_eq!(x.max_pool2d_with_indices(options), (y, positions));
        let close = |a: Tensor<f64>, b: Tensor<f64>| {
            a.shape() == b.shape() && a.iter().zip(b.iter()).all(|(a, b)| (a - b).abs() < 1e-14)
        };
        prop_assert!(close(x.avg_pool2d(options), padded));
        prop_assert!(close(x.avg_pool2d(options.divisor(Divisor::Image)), image));
    }

    #[test]
    fn scatter_and_average_adjoint_are_adjoints(
        axes in [axis(), axis()],
        ceil in any::<bool>(),
        divisor in prop::sample::select(vec![Divisor::Padded, Divisor::Image, Divisor::Fixed(3)]),
    ) {
        let [rows, columns] = axes;
        let mut options = PoolOptions::new(axes.map(|a| a.kernel))
            .stride(axes.map(|a| a.stride))
            .padding(axes.map(|a| [a.before, a.behind]))
            .dilation(axes.map(|a| a.dilation))
            .divisor(divisor);
        options.ceil_mode = ceil;
        let x = values::<f64>(&[2, 3, rows.input, columns.input], 1);
        let Ok(windows) = options.windows(x.shape(), 2) else {
            return Ok(());
        };
        let (y, positions) = max(&x, &windows);
        let dy = values::<f64>(y.shape(), 2);
        let dx = values::<f64>(x.shape(), 3);
        let gathered = gather(&dx, &positions, &windows);
        let scattered = scatter(&dy, &positions, &windows);
        prop_assert_eq!(inner(&gathered, &dy), inner(&dx, &scattered));
        let spread = average_adjoint(&dy, &windows);
        let (a, b) = (inner(&average(&dx, &windows), &dy), inner(&dx, &spread));
        prop_assert!((a - b).abs() < 1e-11, "{} and {}", a, b);
    }
}

#[test]
fn two_by_two_tiles_match_the_naive_loops_at_odd_and_even_extents() {
    for (height, width) in [(2, 2), (3, 2), (2, 5), (7, 9), (8, 8), (28, 28), (1, 4)] {
        let x = values::<f64>(&[5, height, width], height + width);
        let side = |input| Axis {
            input,
            kernel: 2,
            stride: 2,
            before: 0,
            behind: 0,
            dilation: 1,
            ceil: false,
        };
        if height < 2 {
            assert!(PoolOptions::default().windows(x.shape(), 2).is_err());
            continue;
        }
        let (y, positions, [mean, _]) = naive(&x, [side(height), side(width)]);
        assert_eq!(
            x.max_pool2d_with_indices(PoolOptions::default()),
            (y, positions)
        );
        assert_eq!(x.avg_pool2d(PoolOptions::default()), mean);
        let sums = x.avg_pool2d(PoolOptions::new(2).divisor(Divisor::Fixed(1)));
        assert_eq!(sums, &mean * 4.0);
        // The same windows given in two ways: the general loop must agree with the loop for tiles.
        let general = PoolOptions::new(2)
            .dilation(1)
            .padding([[0, 0], [0, 0]])
            .ceil();
        if height % 2 == 0 && width % 2 == 0 {
            assert_eq!(x.avg_pool2d(general), mean);
        }
    }
}

#[test]
fn rows_of_any_width_pool_as_the_naive_loops_do() {
    // Every rest of a vector in short rows and, in pairs, in long ones; and audio.
    let widths = (4..140).chain(1000..1034).chain([44_100]);
    for (number, width) in widths.enumerate() {
        let x = values::<f64>(&[1, 3, width], width);
        for (kernel, stride, padding) in [(2, 2, 0), (3, 1, 1), (3, 2, 1), (4, 3, 2)] {
            // Half of the windows for each long row but the longest.
            if (1000..2000).contains(&width) && (number / 2 + kernel + stride) % 2 == 0 {
                continue;
            }
            let side = |input| Axis {
                input,
                kernel,
                stride,
                before: padding,
                behind: padding,
                dilation: 1,
                ceil: false,
            };
            let options = PoolOptions::new(kernel).stride(stride).padding(padding);
            let of = format!("windows of {kernel} at stride {stride} over rows of {width}");
            let (y, positions, [mean, _]) = naive(&x, [side(3), side(width)]);
            let (found, y_positions) = x.max_pool2d_with_indices(options);
            assert!(found == y && y_positions == positions, "{of}: maxima");
            assert!(x.max_pool2d(options) == y, "{of}: maxima alone");
            let found = x.avg_pool2d(options);
            let close = |(a, b): (f64, f64)| (a - b).abs() <= 1e-14 * b.abs().max(1.0);
            assert!(found.iter().zip(mean.iter()).all(close), "{of}: means");
            // The adjoint identity: what goes to a wrong pixel changes the inner product.
            let dy = values::<f64>(y.shape(), width + 1);
            let windows = options.windows(x.shape(), 2).expect("they fit");
            let (a, b) = (
                inner(&average(&x, &windows), &dy),
                inner(&x, &average_adjoint(&dy, &windows)),
            );
            assert!((a - b).abs() < 1e-12 * x.len() as f64, "{of}: {a} and {b}");
            let (gathered, scattered) = (
                gather(&x, &y_positions, &windows),
                scatter(&dy, &y_positions, &windows),
            );
            let (a, b) = (inner(&gathered, &dy), inner(&x, &scattered));
            assert!((a - b).abs() < 1e-12 * x.len() as f64, "{of}: {a} and {b}");
        }
    }
}

#[test]
fn the_first_of_equal_elements_and_the_first_nan_are_chosen() {
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    let position = |cells: [f64; 4]| {
        let x = Tensor::from_slice(&cells, [1, 2, 2]);
        let (y, at) = x.max_pool2d_with_indices(PoolOptions::default());
        // The same windows in the general loop.
        let (same, at_too) = x.max_pool2d_with_indices(PoolOptions::new(2).stride(1));
        assert_eq!(at, at_too);
        assert!(y == same || y.item().is_nan() && same.item().is_nan());
        at.item()
    };
    assert_eq!(position([1.0, 2.0, 2.0, 2.0]), 1);
    assert_eq!(position([3.0, 3.0, 3.0, 3.0]), 0);
    assert_eq!(position([-0.0, 0.0, -1.0, -2.0]), 0);
    assert_eq!(position([-inf, -inf, -inf, -inf]), 0);
    assert_eq!(position([1.0, nan, inf, nan]), 1);
    assert_eq!(position([nan, 1.0, 2.0, 3.0]), 0);
    assert_eq!(position([1.0, 2.0, 3.0, nan]), 3);
}

#[test]
fn a_kernel_alone_stands_for_windows_side_by_side() {
    let x = values::<f64>(&[2, 3, 6, 8], 1);
    let square = PoolOptions::new(2).stride(2);
    let (largest, _) = x.max_pool2d_with_indices(square);
    assert_eq!(x.max_pool2d(2), largest);
    assert_eq!(x.max_pool2d(square), largest);
    assert_eq!(
        x.avg_pool2d([3, 2]),
        x.avg_pool2d(PoolOptions::new([3, 2]).stride([3, 2]))
    );
    assert_eq!(x.adaptive_max_pool2d([3, 4]), largest);
}

#[test]
fn padding_is_never_the_maximum() {
    let x = Tensor::from_slice(&[-5.0, -3.0, -4.0], [1, 1, 3]);
    let (y, at) = x.max_pool1d_with_indices(PoolOptions::new(3).stride(1).padding(1));
    assert_eq!(y.to_vec(), [-3.0, -3.0, -3.0]);
    assert_eq!(at.to_vec(), [1, 1, 1]);
}

#[test]
fn a_window_of_padding_has_position_minus_1_and_no_gradient() {
    // The window covers −1 and 1 of an image of one pixel.
    let x = Tensor::from_slice(&[7.0], [1, 1, 1]);
    let options = PoolOptions::new(2).dilation(2).padding(1);
    let windows = options.windows(x.shape(), 1).unwrap();
    let (y, at) = max(&x, &windows);
    assert_eq!((y.item(), at.item()), (f64::NEG_INFINITY, -1));
    assert_eq!(
        scatter(&Tensor::<f64>::ones([1, 1, 1]), &at, &windows).item(),
        0.0
    );
    assert_eq!(gather(&x, &at, &windows).item(), 0.0);
    assert_eq!(x.avg_pool1d(options.divisor(Divisor::Image)).item(), 0.0);
}

#[test]
fn the_window_beyond_the_padded_image_counts_only_what_is_inside_it() {
    // Extent 4, kernel 3, stride 2, ceil mode: windows [0, 3) and [2, 5), where 4 is outside.
    let x = Tensor::from_slice(&[1.0, 2.0, 3.0, 6.0], [1, 1, 4]);
    let options = PoolOptions::new(3).stride(2).ceil();
    assert_eq!(x.avg_pool1d(options).to_vec(), [2.0, 4.5]);
    // With padding 1: windows [−1, 2), [1, 4), [3, 6); 4 is padding and counts, 5 is beyond it and does not.
    let options = options.padding(1);
    assert_eq!(x.avg_pool1d(options).to_vec(), [1.0, 11.0 / 3.0, 3.0]);
    let image = options.divisor(Divisor::Image);
    assert_eq!(x.avg_pool1d(image).to_vec(), [1.5, 11.0 / 3.0, 6.0]);
}

#[test]
fn adaptive_windows_cover_the_image() {
    let x = values::<f64>(&[2, 3, 7, 5], 1);
    for [rows, columns] in [[3, 2], [1, 1], [7, 5], [2, 4], [9, 6], [0, 2]] {
        let y = x.adaptive_avg_pool2d([rows, columns]);
        let (largest, positions) = x.adaptive_max_pool2d_with_indices([rows, columns]);
        assert_eq!(y.shape(), [2, 3, rows, columns]);
        let bin = |i: usize, n: usize, m: usize| i * m / n..((i + 1) * m).div_ceil(n);
        for index in (0..y.len()).map(|i| {
            let (plane, cell) = (i / (rows * columns), i % (rows * columns));
            [plane / 3, plane % 3, cell / columns, cell % columns]
        }) {
            let [n, c, i, j] = index;
            let (mut sum, mut count, mut best) = (0.0, 0.0, (f64::NEG_INFINITY, 0));
            for row in bin(i, rows, 7) {
                for column in bin(j, columns, 5) {
                    let value = x.get([n, c, row, column]);
                    sum += value;
                    count += 1.0;
                    if value > best.0 {
                        best = (value, (row * 5 + column) as i64);
                    }
                }
            }
            assert!((y.get(index) - sum / count).abs() < 1e-14, "{index:?}");
            assert_eq!((largest.get(index), positions.get(index)), best);
        }
    }
    let windows = adaptive_windows(x.shape(), 2, [3, 4].into()).unwrap();
    let (dy, dx) = (
        values::<f64>(&[2, 3, 3, 4], 2),
        values::<f64>(&[2, 3, 7, 5], 3),
    );
    let (a, b) = (
        inner(&average(&dx, &windows), &dy),
        inner(&dx, &average_adjoint(&dy, &windows)),
    );
    assert!((a - b).abs() < 1e-11);
}

#[test]
fn pooling_over_one_and_three_axes_agrees_with_two() {
    let x = values::<f64>(&[2, 3, 4, 11], 1);
    let options = PoolOptions::new(3).stride(2).padding(1);
    let lines = x.reshape([6, 4, 11]);
    let (y, at) = lines.max_pool1d_with_indices(options);
    let (plane, plane_at) = lines
        .unsqueeze(2)
        .max_pool2d_with_indices(PoolOptions::new([1, 3]).stride([1, 2]).padding([0, 1]));
    assert_eq!((plane.squeeze(2), plane_at.squeeze(2)), (y, at));
    let volume = x.avg_pool3d(PoolOptions::new([3, 2, 2]));
    assert_eq!(volume.shape(), [2, 1, 2, 5]);
    // The mean over three channels of the means over planes.
    let means = x.avg_pool2d(PoolOptions::default());
    let first = [0, 1, 2]
        .map(|c| means.get([1, c, 1, 3]))
        .iter()
        .sum::<f64>()
        / 3.0;
    assert!((volume.get([1, 0, 1, 3]) - first).abs() < 1e-14);
}

#[test]
fn views_pool_as_their_copies_do() {
    let x = values::<f64>(&[2, 6, 5, 3], 1)
        .permute([0, 3, 1, 2])
        .flip(2);
    let dense = Tensor::from_vec(x.to_vec(), x.shape());
    for options in [
        PoolOptions::default(),
        PoolOptions::new(3).stride(1).padding(1),
    ] {
        assert_eq!(
            x.max_pool2d_with_indices(options),
            dense.max_pool2d_with_indices(options)
        );
        assert_eq!(x.avg_pool2d(options), dense.avg_pool2d(options));
        let windows = options.windows(x.shape(), 2).unwrap();
        let (y, at) = max(&x, &windows);
        let dy = values::<f64>(&[y.size(0), y.size(1), y.size(3), y.size(2)], 2).t();
        let dense_dy = Tensor::from_vec(dy.to_vec(), dy.shape());
        assert_eq!(
            scatter(&dy, &at, &windows),
            scatter(&dense_dy, &at, &windows)
        );
        assert_eq!(
            average_adjoint(&dy, &windows),
            average_adjoint(&dense_dy, &windows)
        );
    }
}

#[test]
fn integers_and_dual_numbers_pool_too() {
    let x = Tensor::<i32>::from_slice(&[3, -1, 7, 7, 0, 2], [1, 1, 6]);
    let (y, at) = x.max_pool1d_with_indices(PoolOptions::new(3).stride(3).padding(1));
    assert_eq!((y.to_vec(), at.to_vec()), (vec![3, 7], vec![0, 2]));
    let x = Tensor::from_slice(
        &[
            Dual::new(1.0, 10.0),
            Dual::new(3.0, 20.0),
            Dual::new(3.0, 40.0),
        ],
        [1, 1, 3],
    );
    let (y, _) = x.max_pool1d_with_indices(PoolOptions::new(3));
    assert_eq!(y.item().tangent, 20.0);
    let mean = x.avg_pool1d(PoolOptions::new(3)).item();
    assert!((mean.tangent - 70.0 / 3.0).abs() < 1e-14);
}

#[test]
fn overlapping_windows_add_up_in_the_adjoint() {
    let x = Tensor::from_slice(&[0.0, 9.0, 0.0], [1, 1, 3]);
    let windows = PoolOptions::new(2).stride(1).windows(x.shape(), 1).unwrap();
    let (_, at) = max(&x, &windows);
    let dy = Tensor::from_slice(&[1.0, 10.0], [1, 1, 2]);
    assert_eq!(scatter(&dy, &at, &windows).to_vec(), [0.0, 11.0, 0.0]);
    assert_eq!(average_adjoint(&dy, &windows).to_vec(), [0.5, 5.5, 5.0]);
}

#[test]
fn positions_that_max_did_not_return_are_scattered_too() {
    let windows = PoolOptions::default().windows(&[1, 4, 4], 2).unwrap();
    let at = Tensor::from_slice(&[15, -1, 15, 0], [1, 2, 2]);
    let dy = Tensor::from_slice(&[1.0, 10.0, 100.0, 1000.0], [1, 2, 2]);
    let dx = scatter(&dy, &at, &windows);
    assert_eq!((dx.get([0, 0, 0]), dx.get([0, 3, 3])), (1000.0, 101.0));
    assert_eq!(dx.iter().sum::<f64>(), 1101.0);
}

#[test]
fn pooling_has_the_same_bits_for_any_number_of_threads() {
    let x = Tensor::<f32>::from_fn([4, 16, 33, 35], |i| {
        ((i[0] * 31 + i[1] * 17 + i[2] * 7 + i[3]) as f32).sin()
    });
    for options in [
        PoolOptions::default(),
        PoolOptions::new(3).stride(2).padding(1),
    ] {
        let windows = options.windows(x.shape(), 2).unwrap();
        let run = |threads| {
            parallel::with_threads(threads, || {
                let (y, at) = max(&x, &windows);
                let back = scatter(&y, &at, &windows);
                let mean = average(&x, &windows);
                let spread = average_adjoint(&mean, &windows);
                [y, back, mean, spread].map(|t| t.map(f32::to_bits).to_vec())
            })
        };
        assert_eq!(run(1), run(2));
        assert_eq!(run(1), run(3));
    }
}

#[test]
fn an_empty_batch_pools_to_an_empty_batch() {
    let x = Tensor::<f32>::zeros([0, 3, 6, 6]);
    let (y, at) = x.max_pool2d_with_indices(PoolOptions::default());
    assert_eq!(
        (y.shape(), at.shape()),
        (&[0, 3, 3, 3][..], &[0, 3, 3, 3][..])
    );
    assert_eq!(
        x.avg_pool2d(PoolOptions::new(3).stride(1)).shape(),
        [0, 3, 4, 4]
    );
    assert_eq!(x.adaptive_avg_pool2d(1).shape(), [0, 3, 1, 1]);
    let windows = PoolOptions::default().windows(x.shape(), 2).unwrap();
    assert_eq!(scatter(&y, &at, &windows).shape(), [0, 3, 6, 6]);
}

#[test]
fn panic_messages_have_the_numbers() {
    let x = Tensor::<f64>::ones([2, 3, 4, 8]);
    assert_eq!(
        message_of(|| x.max_pool2d(PoolOptions::new(5))),
        "max_pool2d: [2, 3, 4, 8]: window 5 (kernel 5, dilation 1) exceeds the padded height 4 \
         (4 + 0 + 0)"
    );
    assert_eq!(
        message_of(|| x.avg_pool2d(PoolOptions::new(3).padding([1, 2]))),
        "avg_pool2d: [2, 3, 4, 8]: padding 2 + 2 of the width exceeds half of the window 3"
    );
    assert_eq!(
        message_of(|| x.max_pool2d(PoolOptions::new(2).stride(0))),
        "max_pool2d: [2, 3, 4, 8]: stride 0 along the height"
    );
    assert_eq!(
        message_of(|| x.avg_pool2d(PoolOptions::new(2).divisor(Divisor::Fixed(0)))),
        "avg_pool2d: [2, 3, 4, 8]: an average cannot divide by 0"
    );
    assert_eq!(
        message_of(|| x.max_pool1d(PoolOptions::new(2))),
        "max_pool1d: [2, 3, 4, 8]: rank 4, 3 or, without a batch, 2 is needed"
    );
    assert_eq!(
        message_of(|| x.max_pool2d(PoolOptions::new([2, 2, 2]))),
        "max_pool2d: [2, 3, 4, 8]: kernel has 3 values for 2 spatial axes"
    );
    assert_eq!(
        message_of(|| Tensor::<f32>::zeros([2, 3, 0, 8]).adaptive_avg_pool2d(1)),
        "adaptive_avg_pool2d: [2, 3, 0, 8]: input 0 along the height"
    );
    let windows = PoolOptions::default().windows(x.shape(), 2).unwrap();
    let dy = Tensor::<f64>::ones([2, 3, 2, 4]);
    assert_eq!(
        message_of(|| scatter(&dy, &Tensor::full([2, 3, 2, 4], 32), &windows)),
        "max_pool: [2, 3, 2, 4]: position 32 is outside the 32 pixels"
    );
    assert_eq!(
        message_of(|| average(&dy, &windows)),
        "avg_pool: [2, 3, 2, 4]: the last axes are not [4, 8]"
    );
    assert!(PoolOptions::default().windows(&[4], 2).is_err());
    for absurd in [
        PoolOptions::new(usize::MAX),
        PoolOptions::new(2).dilation(usize::MAX),
        PoolOptions::new(2).padding(usize::MAX),
        PoolOptions::new(2).stride(usize::MAX).ceil(),
    ] {
        assert!(absurd.windows(&[4, 4], 2).is_err(), "{absurd:?}");
    }
}

/// The bits of the values, NaN as one.
fn bits<T: Real + Into<f64>>(x: &Tensor<T>) -> Vec<u64> {
    let bits = |x: T| {
        if x.is_nan() {
            u64::MAX
        } else {
            x.into().to_bits()
        }
    };
    x.iter().map(bits).collect()
}

/// The values without positions against those with positions, on numbers of which many are zeros of both signs and NaN.
fn values_alone<T: Real + Into<f64>>() {
    let special = [
        T::zero(),
        -T::zero(),
        T::of(f64::NAN),
        T::of(1.0),
        T::of(-1.0),
        T::of(f64::NEG_INFINITY),
    ];
    for (seed, shape) in [
        [2, 3, 40],
        [1, 1, 7],
        [3, 5, 130],
        [1, 34, 66],
        [2, 1, 1],
        [1, 9, 0],
    ]
    .map(|[n, rows, columns]| [n, 2, rows, columns])
    .into_iter()
    .enumerate()
    {
        for common in [6, 4, 2, 1] {
            let len = shape.iter().product::<usize>();
            let value = |i: usize| {
                let draw = (i * 7919 + seed * 104_729) % 997;
                if draw.is_multiple_of(3) {
                    special[draw % common]
                } else {
                    T::of((draw % 11) as f64 - 9.0)
                }
            };
            let x = Tensor::from_vec((0..len).map(value).collect(), shape);
            let mut all = Vec::new();
            for kernel in [1, 2, 3, 5, 40] {
                for (stride, padding, dilation) in
                    [(1, 0, 1), (2, 0, 1), (2, kernel / 2, 1), (3, 0, 2)]
                {
                    let options = PoolOptions::new(kernel)
                        .stride(stride)
                        .padding(padding)
                        .dilation(dilation);
                    all.extend(options.windows(&shape, 2).ok());
                }
            }
            let whole = shape[2] * shape[3] > 0;
            all.extend(
                whole
                    .then(|| adaptive_windows(&shape, 2, [1, 1].into()))
                    .and_then(Result::ok),
            );
            for windows in all {
                assert_eq!(
                    bits(&max_values(&x, &windows)),
                    bits(&max(&x, &windows).0),
                    "{shape:?} {windows:?}"
                );
            }
        }
    }
}

#[test]
fn the_first_of_equal_dual_numbers_counts_without_positions_too() {
    for n in [2, 40, 100] {
        let x = Tensor::from_vec(
            (0..n).map(|i| Dual::new(1.0, i as f64)).collect(),
            [1, 1, n],
        );
        let (values, [whole, pair]) = (max_values::<Dual>, [n, 2].map(PoolOptions::new));
        for options in [whole.stride(1), pair.stride(1)] {
            let windows = options.windows(x.shape(), 1).unwrap();
            let [alone, paired] = [values(&x, &windows), max(&x, &windows).0];
            let parts =
                |y: &Tensor<Dual>| y.iter().map(|y| [y.value, y.tangent]).collect::<Vec<_>>();
            assert_eq!(parts(&alone), parts(&paired));
            assert_eq!(alone.get([0, 0, 0]).tangent, 0.0);
        }
    }
}

#[test]
fn values_alone_are_those_with_positions() {
    values_alone::<f32>();
    values_alone::<f64>();
}
