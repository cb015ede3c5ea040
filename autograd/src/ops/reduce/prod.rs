//! Products over axes.

use super::mean_variance::restored;
use super::scan::with_zeros;
use crate::ops::prelude::*;

/// The product over some axes.
#[derive(Clone, Debug)]
pub struct Prod {
    axes: Axes,
}

impl Op for Prod {
    fn name(&self) -> &'static str {
        "prod"
    }

    fn attributes(&self) -> Attributes {
        vec![("axes", self.axes.clone().into())]
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].prod(self.axes.clone()).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |grad| {
            let x = call.input(0);
            restored(grad, &self.axes, x.shape()) * others(x, &self.axes)
        });
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let rank = draw.within(0, 3);
        let (shape, axes) = (draw.shape(rank), draw.axes(rank));
        Sample::new(Self { axes }, [with_zeros(draw, shape)])
    }
}

/// For each element, the product of the other factors of its result. It is the product of the factors
/// before it times that of the factors after it: the result divided by the element would be 0/0 at a zero.
#[track_caller]
fn others<T: Real>(x: &Var<T>, axes: &Axes) -> Var<T> {
    let shape = x.shape();
    if x.is_empty() {
        return x.clone();
    }
    let reduced = axes.resolve("prod", shape);
    let order: Vec<_> = (0..shape.len())
        .filter(|&axis| !reduced.contains(axis))
        .chain(reduced.iter())
        .map(|axis| axis as isize)
        .collect();
    let n: usize = reduced.iter().map(|axis| shape[axis]).product();
    let lines = x.permute(&order);
    let permuted = lines.shape().to_vec();
    let lines = lines.reshape([x.len() / n, n]);
    let others = if lines.is_tracked() {
        let before = |x: &Var<T>| x.pad(&[[0, 0], [1, -1]], 1.0).cumprod(1);
        before(&lines) * before(&lines.flip(1)).flip(1)
    } else {
        // The same, with the same bits.
        Var::constant(lines.value().products_of_others())
    };
    let mut inverse = vec![0; order.len()];
    for (to, &from) in (0..).zip(&order) {
        inverse[from as usize] = to;
    }
    others.reshape(permuted).permute(inverse)
}

impl<T: Real> Var<T> {
    /// The product over some axes; of no elements 1.
    ///
    /// The gradient is exact where factors are 0, too.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]));
    /// let y = x.prod(1);
    /// assert_eq!(y.value().to_vec(), [2.0, 12.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [2.0, 1.0, 4.0, 3.0]);
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[must_use]
    #[track_caller]
    pub fn prod(&self, axes: impl Into<Axes>) -> Self {
        Self::apply(Prod { axes: axes.into() }, [self])
    }
}

pub(super) const OPS: &[OpInfo] = &[OpInfo::op::<Prod>("prod")];
