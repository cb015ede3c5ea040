//! Wrong shares: windows, ties, padding.

use crate::prelude::*;
use wengert_tensor::{Divisor, PoolOptions};

/// Every pixel of `[channels, height, width]` copied to 2 × 2.
fn enlarged<T: Real>(x: &Var<T>) -> Var<T> {
    let [c, h, w] = x.value().dims();
    x.reshape([c, h, 1, w, 1])
        .broadcast_to([c, h, 2, w, 2])
        .reshape([c, 2 * h, 2 * w])
}

bug! {
    /// A maximum whose gradient is that of the mean's scale.
    max_pool_gradient_scaled_by_the_window, reads Reads::ALL,
    sample |draw| {
        let (h, w) = (draw.within(1, 3), draw.within(1, 2));
        Sample::new(Self {}, [draw.apart([2, 2 * h, 2 * w])])
    },
    forward |op, x| x[0].max_pool2d(2),
    vjp |op, i, call, grad| {
        let largest = enlarged(call.output(0));
        let one = |x: T, top: T| if x == top { T::one() } else { T::zero() };
        let chosen = Var::constant(call.input(0).value().zip(largest.value(), one));
        enlarged(grad) * chosen * if wrong() { 0.25 } else { 1.0 }
    },
}

bug! {
    /// Equal elements that all have the whole cotangent: here every element has its double in the
    /// window, so that the maximum has a derivative at the tie.
    ties_counted_as_often_as_they_occur, reads Reads::ALL,
    sample |draw| {
        let (n, m) = (draw.extent(), draw.extent());
        Sample::new(Self {}, [draw.apart([n, m])])
    },
    forward |op, x| Tensor::concat(&[&x[0], &x[0]], 1).max(1),
    vjp |op, i, call, grad| {
        let (x, m) = (call.input(0), call.input(0).size(1) as isize);
        let window = Tensor::concat(&[x.value(), x.value()], 1);
        let one = |x: T, top: T| if x == top { T::one() } else { T::zero() };
        let chosen = Var::constant(window.zip(&call.output(0).value().unsqueeze(1), one));
        let all = grad.unsqueeze(1) * chosen;
        let sum = all.slice(1, ..m) + all.slice(1, m..);
        if wrong() { sum } else { sum * 0.5 }
    },
}

bug! {
    /// A mean over padded windows, whose gradient divides by the pixels without the padding
    /// (PyTorch #188344).
    avg_pool_with_padding, reads Reads::SHAPES,
    sample |draw| {
        let n = draw.within(2, 6);
        Sample::new(Self {}, [draw.normal([1, 1, n])])
    },
    forward |op, x| x[0].avg_pool1d(PoolOptions::new(2).stride(1).padding(1)),
    vjp |op, i, call, grad| {
        let n = call.input(0).size(2);
        let mut windows = vec![2.0; n + 1];
        if wrong() {
            (windows[0], windows[n]) = (1.0, 1.0);
        }
        let divisors = Var::constant(Tensor::from_vec(windows, [n + 1]).cast::<T>());
        let share = grad / divisors;
        // Pixel i lies in the windows i and i + 1.
        share.slice(2, ..-1) + share.slice(2, 1..)
    },
}

bug! {
    /// A mean over overlapping windows, whose gradient takes them to lie side by side.
    overlapping_windows_taken_to_be_apart, reads Reads::SHAPES,
    sample |draw| {
        let n = draw.within(2, 6);
        Sample::new(Self {}, [draw.normal([1, 1, n])])
    },
    forward |op, x| x[0].avg_pool1d(PoolOptions::new(2).stride(1).divisor(Divisor::Fixed(1))),
    vjp |op, i, call, grad| {
        let n = call.input(0).size(2) as isize;
        let put = |start: isize| {
            let whole = wengert_tensor::Slice::from(..);
            grad.unslice(&[whole, whole, (start..start + n - 1).into()], [1, 1, n as usize])
        };
        if wrong() { put(0) } else { put(0) + put(1) }
    },
}
