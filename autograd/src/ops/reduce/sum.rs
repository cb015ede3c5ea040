//! Sums over axes.

use crate::ops::prelude::*;

/// The sum over some axes.
#[derive(Clone, Debug)]
pub struct Sum {
    axes: Axes,
}

impl Op for Sum {
    fn name(&self) -> &'static str {
        "sum"
    }

    fn attributes(&self) -> Attributes {
        vec![("axes", self.axes.clone().into())]
    }

    fn reads(&self) -> Reads {
        Reads::SHAPES
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].sum(self.axes.clone()).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |grad| {
            let shape = call.input_shape(0);
            let axes = self.axes.resolve("sum", shape);
            let kept: Vec<_> = shape
                .iter()
                .enumerate()
                .map(|(axis, &n)| if axes.contains(axis) { 1 } else { n })
                .collect();
            grad.reshape(kept).broadcast_to(shape)
        });
    }

    fn on_slices<T: Real>(&self, shapes: &[&[usize]]) -> Option<OnSlices<T>> {
        let axes = self.axes.resolve("sum", shapes[0]);
        let all = (0..shapes[0].len()).all(|axis| axes.contains(axis));
        all.then(OnSlices::sum)
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let x = draw.any();
        Sample::new(
            Self {
                axes: draw.axes(x.rank()),
            },
            [x],
        )
    }
}

impl<T: Real> Var<T> {
    /// The sum over some axes; `..` is all of them, `keep(axes)` leaves them with extent 1.
    ///
    /// The sum over nothing is 0.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]));
    /// let y = x.sum(1);
    /// assert_eq!(y.value().to_vec(), [3.0, 7.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [1.0, 1.0, 1.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[must_use]
    #[track_caller]
    pub fn sum(&self, axes: impl Into<Axes>) -> Self {
        Self::apply(Sum { axes: axes.into() }, [self])
    }
}

pub(super) const OPS: &[OpInfo] = &[OpInfo::op::<Sum>("sum")];
