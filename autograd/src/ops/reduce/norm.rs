//! Norms of vectors.

use crate::ops::prelude::*;

smooth! {
    /// The `degree`-th root of a number that is not negative; at 0, where the slope would be infinite,
    /// it is 0, so that the norm of a zero vector has the gradient 0.
    root, Root { degree: f64 },
    sample |draw| (Root { degree: draw.pick(&[2.0, 3.0, 0.5, 1.5]) }, draw.any_within(0.2, 3.0)),
    value |f, x| {
        if x == T::zero() {
            T::zero()
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

    @also [Entry::function("norm", |draw| {
        let rank = draw.within(0, 3);
        let (shape, axes) = (draw.filled_shape(rank), draw.axes(rank));
        let p = draw.pick(&[2.0, 1.0, 3.0, 1.5, 0.5, 0.0, f64::INFINITY, f64::NEG_INFINITY]);
        // Absolute values apart, of both signs.
        let signs = draw.off_zero(&shape);
        let x = draw.apart(&shape).zip(&signs, |x, sign| (x + 3.3) * 0.5 * sign.signum());
        Case::new(format!("norm({p}, {axes:?})"), generic!([axes, p] |x| x.norm(p, axes.clone())), [x])
    })]
}

impl<T: Real> Var<T> {
    /// The norm of order `p` over some axes, `(Σ |x|ᵖ)^(1/p)`.
    ///
    /// `p` = ∞ and −∞ are the largest and the smallest absolute value, 0 counts what is not 0. The
    /// gradient at an element 0, and of a zero vector, is 0; equal extremes share it equally.
    ///
    /// # Panics
    /// If there is no such axis, one is named twice, or there is no element to choose an extreme from.
    #[must_use]
    #[track_caller]
    pub fn norm(&self, p: f64, axes: impl Into<Axes>) -> Self {
        let axes = axes.into();
        match p {
            0.0 => self.sign().abs().sum(axes),
            1.0 => self.abs().sum(axes),
            2.0 => self.square().sum(axes).root(2.0),
            f64::INFINITY => self.abs().amax(axes),
            f64::NEG_INFINITY => self.abs().amin(axes),
            // At 0 a power below 2 has no second derivative, some no first: such elements are left out.
            _ if p > 0.0 && p < 2.0 => {
                let zero = self.value().map(|x| x == T::zero());
                let powers = self.masked_fill(&zero, 1.0).abs().pow(p);
                powers.masked_fill(&zero, 0.0).sum(axes).root(p)
            }
            _ => self.abs().pow(p).sum(axes).root(p),
        }
    }
}
