//! Buffers that one thread fills for others: by ordinary or by non-temporal stores, the results have the same bits.

use wengert_tensor::parallel::{with_non_temporal_stores, with_threads};
use wengert_tensor::{ConvOptions, Real, Tensor};

fn sines<T: Real>(shape: &[usize]) -> Tensor<T> {
    let count: usize = shape.iter().product();
    let values = (0..count).map(|i| T::of((i as f64 * 0.7).sin()));
    Tensor::from_vec(values.collect(), shape)
}

fn both_stores_give_the_same_bits<T: Real>() {
    let options = ConvOptions::default().padding(1);
    // Winograd's by strips, and by blocks of channels.
    for [batch, channels, filters, side] in [[2, 16, 16, 40], [1, 48, 64, 12]] {
        let x = sines::<T>(&[batch, channels, side, side]);
        let w = sines::<T>(&[filters, channels, 3, 3]);
        same_bits(|| x.conv2d(&w, &options));
    }
    // Blocks of rows that share the panels of B, and blocks of rows and columns.
    for [m, k, n] in [[150, 130, 140], [40, 300, 400]] {
        let (a, b) = (sines::<T>(&[m, k]), sines::<T>(&[k, n]));
        same_bits(|| a.matmul(&b));
    }
}

fn same_bits<T: Real>(f: impl Fn() -> Tensor<T>) {
    let alone = with_threads(1, &f);
    for threads in [2, 5] {
        for non_temporal in [false, true] {
            let shared = with_threads(threads, || with_non_temporal_stores(non_temporal, &f));
            let same = shared.iter().zip(alone.iter());
            let differing = same.filter(|(a, b)| a.to_f64().to_bits() != b.to_f64().to_bits());
            assert_eq!(
                differing.count(),
                0,
                "{threads} threads, non-temporal: {non_temporal}"
            );
        }
    }
}

#[test]
fn in_single_precision() {
    both_stores_give_the_same_bits::<f32>();
}

#[test]
fn in_double_precision() {
    both_stores_give_the_same_bits::<f64>();
}
