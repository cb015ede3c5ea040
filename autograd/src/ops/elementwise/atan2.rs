//! Angles of points.

use wengert_tensor::unit_scale;

use crate::ops::prelude::*;
use crate::ops::shape::pair;

/// The angle of the points (`x[1]`, `x[0]`), element by element, of two tensors of one shape.
#[derive(Clone, Debug)]
pub struct Atan2;

impl Op for Atan2 {
    fn name(&self) -> &'static str {
        "atan2"
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].atan2(&x[1]).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let Some(g) = out.take(0) else { return };
        let (y, x) = (call.input(0), call.input(1));
        // Scaled by a power of two: the squares would overflow or vanish where the slopes do not.
        let scale = x
            .value()
            .zip(y.value(), |x, y| unit_scale(x.abs().maximum(y.abs())));
        let scale = Var::constant(scale);
        let (y, x) = (y * &scale, x * &scale);
        let scaled = g / (x.square() + y.square()) * scale;
        if out.wants(0) {
            out.add(0, &scaled * x);
        }
        if out.wants(1) {
            out.add(1, -(scaled * y));
        }
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let shape = draw.any_shape();
        Sample::new(Self, [draw.off_zero(&shape), draw.off_zero(&shape)])
    }
}

impl<T: Real> Var<T> {
    /// The angle of the points (`x`, `self`), in (−π, π], element by element, broadcasting.
    ///
    /// The slopes are `x / (x² + y²)` for `y`, which is `self`, and `−y / (x² + y²)` for `x`; NaN at
    /// the origin.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let tape = Tape::new();
    /// let (y, x) = (tape.leaf(Tensor::scalar(1.0)), tape.leaf(Tensor::scalar(0.0)));
    /// let angle = y.atan2(&x);
    /// assert_eq!(angle.item(), std::f64::consts::FRAC_PI_2);
    /// assert_eq!(angle.backward().wrt(&x).item(), -1.0);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast to each other.
    #[must_use]
    #[track_caller]
    pub fn atan2(&self, x: &Self) -> Self {
        pair("atan2", Atan2, self, x)
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<Atan2>("atan2"),
    OpInfo::function("atan2", |draw| {
        let f = generic!(|a, b| (a.square() + 0.2).atan2(b));
        Case::broadcasting(draw, "atan2, broadcasting", f)
    }),
];
