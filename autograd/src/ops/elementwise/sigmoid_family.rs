//! The logistic function, and the smooth activations made of it.

use crate::ops::prelude::*;

smooth! {
    /// The logistic function `1 / (1 + e⁻ˣ)`, without overflow; its slope is `y (1 − y)`.
    sigmoid, Sigmoid,
    sample |draw| (Sigmoid, draw.any()),
    value |f, x| x.sigmoid(),
    slope of Y |f, y| y * (T::one() - y),
    curvature |f, y| 1.0 - y * 2.0,

    /// The logarithm of the [logistic function](Self::sigmoid), without cancellation or overflow.
    logsigmoid, Logsigmoid,
    sample |draw| (Logsigmoid, draw.any()),
    value |f, x| {
        let tail = falling(x).ln_1p();
        if x > T::zero() { -tail } else { x - tail }
    },
    slope of X |f, x| (-x).sigmoid(),
    curvature |f, x| {
        let s = x.sigmoid();
        &s * (&s - 1.0)
    },

    /// The sigmoid linear unit `x σ(x)`, also called swish.
    silu, Silu,
    sample |draw| (Silu, draw.any()),
    value |f, x| x * x.sigmoid(),
    slope of X |f, x| {
        let s = x.sigmoid();
        s * (T::one() + x * (T::one() - s))
    },
    curvature |f, x| {
        let s = x.sigmoid();
        &s * (1.0 - &s) * (2.0 + x * (1.0 - &s * 2.0))
    },

    /// A smooth rectifier, `ln(1 + e^(βx)) / β`; `x` itself where `βx` exceeds the threshold.
    ///
    /// PyTorch's defaults are β = 1 and threshold 20.
    softplus, Softplus { beta: f64, threshold: f64 },
    sample |draw| {
        let f = draw.pick(&[Softplus { beta: 1.0, threshold: 20.0 }, Softplus { beta: 2.0, threshold: 1.0 }]);
        let x = draw.any_off_zero().map(|x| x + f.threshold / f.beta * f64::from(x > 1.2));
        (f, x)
    },
    value |f, x| {
        let (z, beta) = (x * T::of(f.beta), T::of(f.beta));
        if z > T::of(f.threshold) {
            x
        } else {
            let tail = falling(z).ln_1p();
            (if z > T::zero() { z + tail } else { tail }) / beta
        }
    },
    slope of X |f, x| {
        let z = x * T::of(f.beta);
        if z > T::of(f.threshold) { T::one() } else { z.sigmoid() }
    },
    curvature |f, x| {
        let (beta, threshold) = (T::of(f.beta), T::of(f.threshold));
        let linear = x.value().map(|x| x * beta > threshold);
        let s = (x * f.beta).sigmoid();
        (&s * (1.0 - &s) * f.beta).masked_fill(&linear, 0.0)
    },

    /// `x tanh(ln(1 + eˣ))` (Misra, 2019).
    mish, Mish,
    sample |draw| (Mish, draw.any()),
    value |f, x| x * tanh_softplus(x),
    slope of X |f, x| {
        let t = tanh_softplus(x);
        t + x * (T::one() - t * t) * x.sigmoid()
    },
    curvature |f, x| {
        let (s, t) = (x.sigmoid(), x.softplus(1.0, 20.0).tanh());
        (1.0 - t.square()) * &s * (2.0 + x * (1.0 - &s - &t * &s * 2.0))
    },
}

/// `e^−|x|`. At 0 it goes with the side below: a dual number keeps a slope there, which it would not
/// by way of `abs`.
#[inline(always)]
fn falling<T: Real>(x: T) -> T {
    (if x > T::zero() { -x } else { x }).exp()
}

/// `tanh(ln(1 + eˣ))`, as a fraction of which no part overflows.
#[inline(always)]
fn tanh_softplus<T: Real>(x: T) -> T {
    let (one, two, e) = (T::one(), T::of(2.0), falling(x));
    let n = if x > T::zero() {
        one + two * e
    } else {
        e * (e + two)
    };
    n / (n + if x > T::zero() { two * e * e } else { two })
}
