//! Gradients in single precision by the kernels that round more than a plain sum.
//!
//! All other checks take accurate kernels. This one states how far the others are off.

use wengert_autograd::transform::vjp;
use wengert_autograd::{Draw, LARGEST};
use wengert_tensor::{ConvOptions, Number, Real, Tensor};

/// What Winograd's filtering may be off, in ε times the largest sum of absolute terms: the bound of
/// the kernels' own conformance test.
const AMPLIFICATION: f64 = 256.0;

/// Value, input gradient and weight gradient of a padded convolution.
fn convolution<T: Real>(
    kernel: &'static str,
    stride: usize,
    [x, w, dy]: [&Tensor<f64>; 3],
) -> [Tensor<f64>; 3] {
    let options = ConvOptions::default()
        .stride(stride)
        .padding(w.shape()[2] / 2)
        .kernel(kernel);
    let inputs = [x, w].map(|input| input.map(T::of));
    let (y, gradients) = vjp(|v| v[0].conv2d(&v[1], &options), &inputs, &dy.map(T::of));
    let [dx, dw] = <[Tensor<T>; 2]>::try_from(gradients).expect("two inputs");
    [y, dx, dw].map(|result| result.map(Number::to_f64))
}

/// The largest difference; infinite if there is a number that is none.
fn off(found: &Tensor<f64>, exact: &Tensor<f64>) -> f64 {
    let differences = found.iter().zip(exact.iter()).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, |most, difference| {
        if difference.is_nan() {
            f64::INFINITY
        } else {
            most.max(difference)
        }
    })
}

#[test]
fn winograd_in_single_precision_is_within_its_own_bound() {
    for (kernel, side, stride) in [
        ("winograd2", 3, 1),
        ("winograd4", 3, 1),
        ("winograd3of4", 4, 1),
        ("winograd2of5", 5, 1),
        ("winograd_strided", 5, 2),
        ("winograd_strided", 7, 2),
    ] {
        let mut draw = Draw::new(7 + side as u64, LARGEST);
        let x = draw.normal([3, 17, 13, 18]);
        let w = draw.normal([19, 17, side, side]);
        let [height, width] = [13, 18].map(|extent| (extent + side / 2 * 2 - side) / stride + 1);
        let dy = draw.normal([3, 19, height, width]);
        let exact = convolution::<f64>("direct", stride, [&x, &w, &dy]);
        let terms = [&x, &w, &dy].map(|t| t.map(f64::abs));
        let terms = convolution::<f64>("direct", stride, terms.each_ref());
        let found = convolution::<f32>(kernel, stride, [&x, &w, &dy]);
        let plain = convolution::<f32>("direct", stride, [&x, &w, &dy]);
        for (i, name) in ["y", "dx", "dw"].into_iter().enumerate() {
            let (found, plain, exact, terms) = (&found[i], &plain[i], &exact[i], &terms[i]);
            let largest = terms.iter().fold(0.0, f64::max);
            let bound = AMPLIFICATION * f64::from(f32::EPSILON) * largest;
            let error = off(found, exact);
            assert!(
                error <= bound,
                "{kernel} {name}: off by {error:e}, allowed {bound:e}"
            );
            // Or another kernel ran, and the bound is void.
            let plain = off(plain, exact);
            assert!(
                kernel == "winograd2" || error > 2.0 * plain,
                "{kernel} {name}: off by {error:e}, plain sums by {plain:e}"
            );
        }
    }
}
