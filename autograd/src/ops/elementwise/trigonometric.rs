//! Trigonometric functions and their inverses.

use crate::ops::prelude::*;

smooth! {
    /// sin x
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(0.0));
    /// let y = x.sin();
    /// assert_eq!(y.item(), 0.0);
    /// assert_eq!(y.backward().wrt(&x).item(), 1.0);
    /// ```
    sin, Sin,
    sample |draw| (Sin, draw.any()),
    value |f, x| x.sin(),
    slope of X |f, x| x.cos(),
    curvature |f, x| -x.sin(),
    @loops {
        const SLOPE_HAS_RARE: bool = true;

        fn values<T: Real>(&self, x: &Tensor<T>) -> Tensor<T> {
            x.sin()
        }

        #[inline(always)]
        fn common_slope<T: Real>(&self, x: T) -> T {
            x.small_angle_cos()
        }
    },

    /// cos x
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(1.0_f64));
    /// let y = x.cos();
    /// assert!((y.item() - 0.540_302_305_868).abs() < 1e-11);
    /// assert!((y.backward().wrt(&x).item() + 0.841_470_984_808).abs() < 1e-11);
    /// ```
    cos, Cos,
    sample |draw| (Cos, draw.any()),
    value |f, x| x.cos(),
    slope of X |f, x| -x.sin(),
    curvature |f, x| -x.cos(),
    @loops {
        const SLOPE_HAS_RARE: bool = true;

        fn values<T: Real>(&self, x: &Tensor<T>) -> Tensor<T> {
            x.cos()
        }

        #[inline(always)]
        fn common_slope<T: Real>(&self, x: T) -> T {
            -x.small_angle_sin()
        }
    },

    /// tan x; its slope is `1 + y²`.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(1.0_f64));
    /// let y = x.tan();
    /// assert!((y.item() - 1.557_407_724_655).abs() < 1e-11);
    /// assert!((y.backward().wrt(&x).item() - 3.425_518_820_815).abs() < 1e-11);
    /// ```
    tan, Tan,
    sample |draw| (Tan, draw.any_within(-1.2, 1.2)),
    value |f, x| x.tan(),
    slope of Y |f, y| T::one() + y * y,
    curvature |f, y| y * 2.0,
    @loops {
        fn values<T: Real>(&self, x: &Tensor<T>) -> Tensor<T> {
            x.tan()
        }
    },

    /// The inverse sine, in [−π/2, π/2]; NaN outside [−1, 1]. Its slope is `1 / √(1 − x²)`.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(0.5_f64));
    /// let y = x.asin();
    /// assert!((y.item() - 0.523_598_775_598).abs() < 1e-11);
    /// assert!((y.backward().wrt(&x).item() - 1.154_700_538_379).abs() < 1e-11);
    /// ```
    asin, Asin,
    sample |draw| (Asin, draw.any_within(-0.9, 0.9)),
    value |f, x| (x / cosine_of_asin(x)).atan(),
    slope of X |f, x| T::one() / cosine_of_asin(x),
    curvature |f, x| x * (1.0 - x.square()).pow(-1.5),

    /// The inverse cosine, in [0, π]; NaN outside [−1, 1]. Its slope is `−1 / √(1 − x²)`.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(0.5_f64));
    /// let y = x.acos();
    /// assert!((y.item() - 1.047_197_551_197).abs() < 1e-11);
    /// assert!((y.backward().wrt(&x).item() + 1.154_700_538_379).abs() < 1e-11);
    /// ```
    acos, Acos,
    sample |draw| (Acos, draw.any_within(-0.9, 0.9)),
    value |f, x| ((T::one() - x) / (T::one() + x)).sqrt().atan() * T::of(2.0),
    slope of X |f, x| -T::one() / cosine_of_asin(x),
    curvature |f, x| -x * (1.0 - x.square()).pow(-1.5),

    /// The inverse tangent, in (−π/2, π/2); its slope is `1 / (1 + x²)`.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(1.0_f64));
    /// let y = x.atan();
    /// assert!((y.item() - 0.785_398_163_397).abs() < 1e-11);
    /// assert!((y.backward().wrt(&x).item() - 0.500_000_000_000).abs() < 1e-11);
    /// ```
    atan, Atan,
    sample |draw| (Atan, draw.any()),
    value |f, x| x.atan(),
    slope of X |f, x| {
        // For |x| > 1 the slope is computed from 1/x, because x² may overflow.
        let (size, one) = (x.abs(), T::one());
        let inverse = one / size;
        let far = inverse / (one + inverse * inverse) * inverse;
        let near = one / (one + x * x);
        if size > one { far } else { near }
    },
    curvature |f, x| x * -2.0 * (1.0 + x.square()).pow(-2.0),
}

/// `√(1 − x²)`, factored so that it keeps its digits near ±1.
#[inline(always)]
fn cosine_of_asin<T: Real>(x: T) -> T {
    ((T::one() - x) * (T::one() + x)).sqrt()
}
