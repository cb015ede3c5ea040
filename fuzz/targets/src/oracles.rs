//! Kernels against a few lines of plain loops, on geometries drawn from the bytes.
//!
//! Values are small whole numbers, so sums are exact in any order. Winograd's transforms divide, so convolutions
//! are compared with a tolerance.

use arbitrary::{Result, Unstructured};
use wengert::prelude::*;
use wengert::tensor::kernels::conv::ConvGeometry;
use wengert::tensor::kernels::pooling::PoolGeometry;
use wengert::tensor::{KernelChoice, Slice, conv, pooling};

/// The forward convolution and both gradients of a drawn geometry, in f32 and f64.
pub fn conv(bytes: &[u8]) {
    let u = &mut Unstructured::new(bytes);
    if let Ok(Ok(geometry)) = conv_geometry(u).map(ConvGeometry::validated) {
        let seed = seed(u);
        if geometry.multiply_adds() <= limit(seed, 300_000, 10_000) {
            check_conv(&geometry, seed);
        }
    }
}

fn conv_geometry(u: &mut Unstructured<'_>) -> Result<ConvGeometry> {
    let groups = u.int_in_range(1..=3)?;
    let mut geometry = ConvGeometry {
        batch: u.int_in_range(0..=3)?,
        channels: groups * u.int_in_range(0..=9)?,
        filters: groups * u.int_in_range(0..=18)?,
        groups,
        input: [1; 3],
        kernel: [1; 3],
        stride: [1; 3],
        padding: [[0; 2]; 3],
        dilation: [1; 3],
    };
    for axis in u.int_in_range(0..=2)?..3 {
        geometry.input[axis] = u.int_in_range(0..=17)?;
        geometry.kernel[axis] = u.int_in_range(1..=7)?;
        geometry.stride[axis] = u.int_in_range(1..=4)?;
        geometry.dilation[axis] = u.int_in_range(1..=3)?;
        geometry.padding[axis] = [u.int_in_range(0..=6)?, u.int_in_range(0..=6)?];
    }
    Ok(geometry)
}

fn check_conv(g: &ConvGeometry, seed: u64) {
    let x = whole(&g.x_shape(), seed);
    let w = whole(&g.w_shape(), seed + 1);
    let dy = whole(&g.y_shape(), seed + 2);
    let (mut y, mut dx, mut dw) = (
        zeros(&g.y_shape()),
        zeros(&g.x_shape()),
        zeros(&g.w_shape()),
    );
    terms(g, |yi, xi, wi| {
        y[yi] += x[xi] * w[wi];
        dx[xi] += dy[yi] * w[wi];
        dw[wi] += dy[yi] * x[xi];
    });
    for choice in [KernelChoice::Auto, KernelChoice::Accurate] {
        compare::<f64>(g, &choice, [&x, &w, &dy], [&y, &dx, &dw], 1e-9);
        compare::<f32>(g, &choice, [&x, &w, &dy], [&y, &dx, &dw], 2e-2);
    }
}

fn compare<T: Real>(
    g: &ConvGeometry,
    choice: &KernelChoice,
    [x, w, dy]: [&[f64]; 3],
    right: [&[f64]; 3],
    tolerance: f64,
) {
    let tensor = |values: &[f64], shape: [usize; 5]| {
        Tensor::<T>::from_vec(values.iter().map(|&value| T::of(value)).collect(), shape)
    };
    let (x, w, dy) = (
        tensor(x, g.x_shape()),
        tensor(w, g.w_shape()),
        tensor(dy, g.y_shape()),
    );
    let found = [
        conv::forward(&x, &w, g, choice),
        conv::input_gradient(&w, &dy, g, choice),
        conv::weight_gradient(&x, &dy, g, choice),
    ];
    for ((found, right), what) in found.iter().zip(right).zip(["forward", "dx", "dw"]) {
        for (i, (a, &b)) in found.iter().zip(right).enumerate() {
            let a = a.to_f64();
            assert!(
                (a - b).abs() <= tolerance * (1.0 + b.abs()),
                "{g} {what}[{i}]: {a}, not {b}"
            );
        }
    }
}

/// Calls `f` with the positions of output, input and weight of every product.
fn terms(g: &ConvGeometry, mut f: impl FnMut(usize, usize, usize)) {
    let out = g.output();
    let (inner, outer) = (g.channels / g.groups, g.filters / g.groups);
    for (n, o) in (0..g.batch).flat_map(|n| (0..g.filters).map(move |o| (n, o))) {
        for c in 0..inner {
            let channel = (n * g.channels + o / outer * inner + c) * volume(g.input);
            let filter = (o * inner + c) * volume(g.kernel);
            for (yi, place) in places(out).enumerate() {
                for (wi, tap) in places(g.kernel).enumerate() {
                    let at = [0, 1, 2].map(|axis| {
                        let padded = place[axis] * g.stride[axis] + tap[axis] * g.dilation[axis];
                        padded
                            .checked_sub(g.padding[axis][0])
                            .filter(|&at| at < g.input[axis])
                    });
                    if let [Some(d), Some(h), Some(w)] = at {
                        let xi = (d * g.input[1] + h) * g.input[2] + w;
                        f(
                            (n * g.filters + o) * volume(out) + yi,
                            channel + xi,
                            filter + wi,
                        );
                    }
                }
            }
        }
    }
}

fn volume(extents: [usize; 3]) -> usize {
    extents.iter().product()
}

fn places([depth, height, width]: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
    (0..depth).flat_map(move |d| (0..height).flat_map(move |h| (0..width).map(move |w| [d, h, w])))
}

fn zeros(shape: &[usize]) -> Vec<f64> {
    vec![0.0; shape.iter().product()]
}

/// Whole numbers between −4 and 4.
fn whole(shape: &[usize], seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let count = shape.iter().product();
    let draw = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        ((state >> 33) % 9) as f64 - 4.0
    };
    (0..count).map(draw).collect()
}

fn seed(u: &mut Unstructured<'_>) -> u64 {
    u64::from(u.arbitrary::<u16>().unwrap_or(0))
}

/// The most work of an input: large ones take long, so one of 8 is tried. Winograd's kernels are for large ones only.
fn limit(seed: u64, of_some: u64, of_most: u64) -> u64 {
    if seed.is_multiple_of(8) {
        of_some
    } else {
        of_most
    }
}

/// Max and average pooling of drawn windows.
pub fn pool(bytes: &[u8]) {
    let u = &mut Unstructured::new(bytes);
    let Ok((geometry, channels)) = pool_geometry(u) else {
        return;
    };
    let Ok(windows) = geometry.windows(wengert::tensor::Divisor::Image) else {
        return;
    };
    let [d, h, w] = geometry.input;
    let seed = seed(u);
    let reads = (channels * volume(windows.output()) * volume(geometry.kernel)) as u64;
    if reads > limit(seed, 1 << 20, 5_000) {
        return;
    }
    let values = whole(&[channels, d, h, w], seed);
    let x = Tensor::from_vec(values.clone(), [1, channels, d, h, w]);
    let (largest, average) = (pooling::max(&x, &windows).0, pooling::average(&x, &windows));
    let mut found = largest.iter().zip(average.iter());
    for c in 0..channels {
        for place in places(windows.output()) {
            let inside = window(&geometry, place).map(|at| values[c * d * h * w + at]);
            let inside: Vec<f64> = inside.collect();
            let (max, mean) = found.next().expect("an element for each window");
            let right = inside.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            assert_eq!(max, right, "{geometry:?} {place:?}");
            // The mean of a window outside of the image is 0, as that of zeros around it.
            let right = inside.iter().sum::<f64>() / inside.len().max(1) as f64;
            assert!(
                (mean - right).abs() < 1e-12,
                "{geometry:?} {place:?}: {mean}, not {right}"
            );
        }
    }
    assert!(found.next().is_none());
}

fn pool_geometry(u: &mut Unstructured<'_>) -> Result<(PoolGeometry, usize)> {
    let mut geometry = PoolGeometry {
        input: [1; 3],
        kernel: [1; 3],
        stride: [1; 3],
        padding: [[0; 2]; 3],
        dilation: [1; 3],
        ceil_mode: u.arbitrary()?,
    };
    for axis in u.int_in_range(0..=2)?..3 {
        geometry.input[axis] = u.int_in_range(0..=19)?;
        geometry.kernel[axis] = u.int_in_range(0..=6)?;
        geometry.stride[axis] = u.int_in_range(0..=4)?;
        geometry.padding[axis] = [u.int_in_range(0..=3)?, u.int_in_range(0..=3)?];
        geometry.dilation[axis] = u.int_in_range(0..=3)?;
    }
    Ok((geometry, u.int_in_range(0..=3)?))
}

/// The pixels of a window that lie in the image.
fn window(g: &PoolGeometry, place: [usize; 3]) -> impl Iterator<Item = usize> {
    places(g.kernel).filter_map(move |tap| {
        let at = [0, 1, 2].map(|axis| {
            let padded = place[axis] * g.stride[axis] + tap[axis] * g.dilation[axis];
            padded
                .checked_sub(g.padding[axis][0])
                .filter(|&at| at < g.input[axis])
        });
        let [Some(d), Some(h), Some(w)] = at else {
            return None;
        };
        Some((d * g.input[1] + h) * g.input[2] + w)
    })
}

/// Slices of slices, against Python's rule on a list of indices; any start, stop and step.
pub fn slice(bytes: &[u8]) {
    let u = &mut Unstructured::new(bytes);
    let extent = u.int_in_range(0..=12).unwrap_or(0);
    let mut list: Vec<i64> = (0..extent).collect();
    let mut view = Tensor::from_vec(list.clone(), [extent as usize]);
    for _ in 0..u.int_in_range(1..=3).unwrap_or(1) {
        let (start, stop, step) = (bound(u), bound(u), bound(u).unwrap_or(1));
        if step == 0 {
            continue;
        }
        view = view.slice(0, Slice::new(start, stop, step));
        list = sliced(&list, start, stop, step);
        assert_eq!(view.to_vec(), list, "{start:?}..{stop:?} step {step}");
    }
}

fn bound(u: &mut Unstructured<'_>) -> Option<isize> {
    match u.arbitrary::<u8>().unwrap_or(0) {
        0..=40 => None,
        41..=50 => u.arbitrary().ok(),
        51..=53 => Some(isize::MIN),
        54..=56 => Some(isize::MAX),
        small => Some(isize::from(small % 31) - 15),
    }
}

/// `list[start:stop:step]` as Python computes it, in 128 bits.
fn sliced(list: &[i64], start: Option<isize>, stop: Option<isize>, step: isize) -> Vec<i64> {
    let (n, step) = (list.len() as i128, step as i128);
    let (low, high) = if step > 0 { (0, n) } else { (-1, n - 1) };
    let place = |bound: Option<isize>, default| match bound.map(|bound| bound as i128) {
        None => default,
        Some(bound) if bound < 0 => (bound + n).clamp(low, high),
        Some(bound) => bound.clamp(low, high),
    };
    let (first, last) = if step > 0 { (low, high) } else { (high, low) };
    let (mut at, stop) = (place(start, first), place(stop, last));
    let mut out = Vec::new();
    while (step > 0 && at < stop) || (step < 0 && at > stop) {
        out.push(list[at as usize]);
        at += step;
    }
    out
}

/// A product of two operands with drawn letters, against a sum over all letters.
pub fn einsum(bytes: &[u8]) {
    let u = &mut Unstructured::new(bytes);
    let extents: Vec<usize> = (0..4).map(|_| u.int_in_range(0..=3).unwrap_or(1)).collect();
    let (a, b) = (letters(u), letters(u));
    let output: Vec<usize> = (0..4)
        .filter(|letter| {
            (a.contains(letter) || b.contains(letter)) && u.arbitrary().unwrap_or(false)
        })
        .collect();
    let shape = |letters: &[usize]| {
        letters
            .iter()
            .map(|&letter| extents[letter])
            .collect::<Vec<_>>()
    };
    let seed = seed(u);
    let (x, y) = (whole(&shape(&a), seed), whole(&shape(&b), seed + 1));
    let mut right = zeros(&shape(&output));
    for place in places_of(&extents, &[&a[..], &b].concat()) {
        let at = |letters: &[usize]| {
            letters
                .iter()
                .fold(0, |at, &letter| at * extents[letter] + place[letter])
        };
        right[at(&output)] += x[at(&a)] * y[at(&b)];
    }
    let text = |letters: &[usize]| {
        letters
            .iter()
            .map(|&l| ["a", "b", "c", "d"][l])
            .collect::<String>()
    };
    let equation = format!("{},{}->{}", text(&a), text(&b), text(&output));
    let tape = Tape::new();
    let x = tape.leaf(Tensor::from_vec(x, shape(&a)));
    let y = tape.leaf(Tensor::from_vec(y, shape(&b)));
    let found = Var::einsum(&equation, &[&x, &y]);
    assert_eq!(found.value().to_vec(), right, "{equation} {extents:?}");
}

/// Some of four letters, in any order; a letter may stand twice, for a diagonal.
fn letters(u: &mut Unstructured<'_>) -> Vec<usize> {
    let count = u.int_in_range(0..=4).unwrap_or(0);
    (0..count)
        .map(|_| u.int_in_range(0..=3).unwrap_or(0))
        .collect()
}

/// Every assignment of indices to the letters that are used; 0 for the others.
fn places_of(extents: &[usize], used: &[usize]) -> Vec<[usize; 4]> {
    let mut places = vec![[0; 4]];
    for letter in 0..4 {
        if used.contains(&letter) {
            let with = |place: &[usize; 4]| {
                let place = *place;
                (0..extents[letter]).map(move |index| {
                    let mut place = place;
                    place[letter] = index;
                    place
                })
            };
            places = places.iter().flat_map(with).collect();
        }
    }
    places
}
