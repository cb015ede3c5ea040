//! Norms of vectors.

use wengert_tensor::ElementFunction;

use super::mean_variance::restored;
use crate::ops::prelude::*;

/// The Euclidean norm over some axes; squares are scaled where they would overflow or underflow.
#[derive(Clone, Debug)]
pub struct Norm2 {
    axes: Axes,
}

impl Op for Norm2 {
    fn name(&self) -> &'static str {
        "norm"
    }

    fn attributes(&self) -> Attributes {
        vec![("axes", self.axes.clone().into())]
    }

    fn reads(&self) -> Reads {
        Reads::ALL
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].norm2(self.axes.clone()).into()
    }

    // x / norm is computed first: it is at most 1, but a cotangent divided by a tiny norm may overflow.
    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let x = call.input(0);
        out.input(0, |g| {
            let [y, g] = [call.output(0), g].map(|y| restored(y, &self.axes, x.shape()));
            let flat = y.value().map(|y| y == T::zero());
            if flat.any(..).item() {
                return x / y.masked_fill(&flat, 1.0) * g.masked_fill(&flat, 0.0);
            }
            x / y * g
        });
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let rank = draw.within(0, 3);
        let x = {
            let shape = draw.filled_shape(rank);
            draw.off_zero(shape)
        };
        Sample::new(
            Self {
                axes: draw.axes(rank),
            },
            [x],
        )
    }
}

/// Whether a number is not positive, or its power needs [`Real::powf`].
#[inline(always)]
fn is_special<T: Real>(x: T, exponent: f64) -> bool {
    let is_positive = x > T::zero();
    !is_positive || x.is_special_power(T::of(exponent))
}

/// The root as a power, as part of a loop: vectors for positive numbers, then the others one by one.
struct RootAt {
    root: Root,
    exponent: f64,
}

impl<T: Real> ElementFunction<T, T> for RootAt {
    const HAS_RARE: bool = true;

    #[inline(always)]
    fn at(&self, x: T) -> T {
        self.root.value(x)
    }

    #[inline(always)]
    fn common(&self, x: T) -> T {
        x.plain_powf(self.exponent)
    }

    #[inline(always)]
    fn is_rare(&self, x: &T) -> bool {
        is_special(*x, self.exponent)
    }
}

/// A cotangent times the slope of a root, as part of a loop.
struct SlopeOfRoot {
    root: Root,
    exponent: f64,
}

impl<T: Real> ElementFunction<(T, T), T> for SlopeOfRoot {
    const HAS_RARE: bool = true;

    #[inline(always)]
    fn at(&self, (g, y): (T, T)) -> T {
        g * self.root.slope(y)
    }

    #[inline(always)]
    fn common(&self, (g, y): (T, T)) -> T {
        g * (y.plain_powf(self.exponent) / T::of(self.root.degree))
    }

    #[inline(always)]
    fn is_rare(&self, (_, y): &(T, T)) -> bool {
        is_special(*y, self.exponent)
    }
}

smooth! {
    /// The `degree`-th root, NaN of a negative number; its slope at 0, where it would be infinite, is 0, so that the
    /// norm of a zero vector has the gradient 0.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 4.0], [2]));
    /// let y = x.root(2.0);
    /// assert_eq!(y.value().to_vec(), [1.0, 2.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [0.5, 0.25]);
    /// ```
    root, Root { degree: f64 },
    sample |draw| (Root { degree: draw.pick(&[2.0, 3.0, 0.5, 1.5]) }, draw.any_within(0.2, 3.0)),
    value |f, x| {
        if x == T::zero() {
            T::zero()
        } else if x < T::zero() {
            // With degree ½ the power exists: the square. But the rule computes the slope from the value alone, which has
            // lost the sign of `x`.
            x * T::of(f64::NAN)
        } else if f.degree == 2.0 {
            x.sqrt()
        } else {
            x.powf(1.0 / f.degree)
        }
    },
    slope of Y |f, y| {
        if y == T::zero() { y } else { y.powf(1.0 - f.degree) / T::of(f.degree) }
    },
    curvature |f, y| {
        let flat = y.value().map(|y| y == T::zero());
        let factor = (1.0 - f.degree) / f.degree;
        (y.masked_fill(&flat, 1.0).pow(-f.degree) * factor).masked_fill(&flat, 0.0)
    },
    @loops {
        fn values<T: Real>(&self, x: &Tensor<T>) -> Tensor<T> {
            // Degrees 2 and ½ are square roots and squares, which have other bits than powers.
            let exponent = 1.0 / self.degree;
            if self.degree == 2.0 || exponent == 2.0 {
                let f = self.clone();
                x.map_costly(move |x| f.value(x))
            } else {
                x.map_costly(RootAt { root: self.clone(), exponent })
            }
        }
        fn slopes<T: Real>(&self, grad: &Tensor<T>, y: &Tensor<T>) -> Tensor<T> {
            let exponent = 1.0 - self.degree;
            if exponent == 2.0 {
                let f = self.clone();
                grad.zip_costly(y, move |(g, y)| g * f.slope(y))
            } else {
                grad.zip_costly(y, SlopeOfRoot { root: self.clone(), exponent })
            }
        }
    },

    @also [OpInfo::op::<Norm2>("norm"), OpInfo::function("norm", |draw| {
        let rank = draw.within(0, 3);
        let (shape, axes) = (draw.filled_shape(rank), draw.axes(rank));
        let p = draw.pick(&[2.0, 1.0, 3.0, 1.5, 0.5, 0.0, f64::INFINITY, f64::NEG_INFINITY]);
        // Both signs, and no two equal absolute values.
        let signs = draw.off_zero(&shape);
        let x = draw.apart(&shape).zip(&signs, |x, sign| (x + 3.3) * 0.5 * sign.signum());
        Case::new(format!("norm({p}, {axes:?})"), generic!([axes, p] |x| x.norm(p, axes.clone())), [x])
    })]
}

impl<T: Real> Var<T> {
    /// The norm of order `p` over some axes, `(Σ |x|ᵖ)^(1/p)`.
    ///
    /// `p` = ∞ and −∞ are the largest and the smallest absolute value, 0 counts the nonzero elements. The
    /// gradient is 0 at an element 0 and for a zero vector; tied extremes get equal parts of the cotangent.
    ///
    /// Powers that would overflow or underflow are scaled first by a power of two, as in BLAS `nrm2`: the
    /// norm and its gradient are right wherever they can be represented.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![3.0, 4.0], [2]));
    /// let y = x.norm(2.0, ..);
    /// assert_eq!(y.item(), 5.0);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [0.6, 0.8]);
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or is named twice, or there is no element to choose an extreme from.
    #[must_use]
    #[track_caller]
    pub fn norm(&self, p: f64, axes: impl Into<Axes>) -> Self {
        let axes = axes.into();
        match p {
            0.0 => {
                // NaN is not equal to 0, so it is counted.
                let nan = self.value().is_nan();
                self.masked_fill(&nan, 1.0).sign().abs().sum(axes)
            }
            1.0 => self.abs().sum(axes),
            2.0 => Self::apply(Norm2 { axes }, [self]),
            f64::INFINITY => self.abs().amax(axes),
            f64::NEG_INFINITY => self.abs().amin(axes),
            _ => {
                let scales = self.value().unit_scales(keep(axes.clone()));
                if scales.iter().all(|scale| is_moderate(scale, p, self.len())) {
                    return self.power_norm(p, axes);
                }
                let y = (self * Self::constant(scales.clone())).power_norm(p, axes);
                let scales = scales.reshape(y.shape());
                y / Self::constant(scales)
            }
        }
    }

    #[track_caller]
    fn power_norm(&self, p: f64, axes: Axes) -> Self {
        if p > 0.0 && p < 2.0 {
            // At 0 a power below 2 has no second derivative, and below 1 no first one, so zeros are
            // masked out.
            let zero = self.value().map(|x| x == T::zero());
            let powers = self.masked_fill(&zero, 1.0).abs().pow(p);
            powers.masked_fill(&zero, 0.0).sum(axes).root(p)
        } else {
            self.abs().pow(p).sum(axes).root(p)
        }
    }
}

/// Whether no sum of `count` powers `p` overflows or underflows, nor the slope of a power, if the largest
/// number is about `1/scale`.
pub(crate) fn is_moderate<T: Real>(scale: T, p: f64, count: usize) -> bool {
    let bits = scale.to_f64().log2().abs() * (p.abs() + 1.0) + (count as f64).log2();
    let most = if T::of(f64::MAX).to_f64().is_finite() {
        900.0
    } else {
        100.0
    };
    bits < most
}
