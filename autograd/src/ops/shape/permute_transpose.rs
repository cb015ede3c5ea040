//! Axes in another order.

use wengert_tensor::resolve_axis;

use crate::ops::prelude::*;

/// The axes in another order.
#[derive(Clone, Debug)]
pub struct Permute {
    axes: Vec<isize>,
}

impl Op for Permute {
    fn name(&self) -> &'static str {
        "permute"
    }

    fn attributes(&self) -> Attributes {
        vec![("axes", self.axes.as_slice().into())]
    }

    fn reads(&self) -> Reads {
        Reads::SHAPES
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].permute(&self.axes).into()
    }

    fn vjp<T: Real>(&self, _call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |grad| {
            let rank = self.axes.len() as isize;
            let mut inverse = vec![0; self.axes.len()];
            for (to, &from) in (0..).zip(&self.axes) {
                inverse[from.rem_euclid(rank) as usize] = to;
            }
            grad.permute(inverse)
        });
    }

    fn outline(&self, _inputs: &[&[usize]]) -> Outline {
        Outline::run().reach(Reach::Point)
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let x = draw.any();
        let mut axes: Vec<_> = (0..x.rank() as isize).collect();
        for i in (1..axes.len()).rev() {
            axes.swap(i, draw.within(0, i));
        }
        Sample::new(Self { axes }, [x])
    }
}

impl<T: Real> Var<T> {
    /// The axes in another order: axis `i` of the result is axis `axes[i]` of this one. No copy.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Var::constant(Tensor::<f64>::zeros([2, 3, 4]));
    /// assert_eq!(x.permute([2, 0, 1]).shape(), [4, 2, 3]);
    /// ```
    ///
    /// # Panics
    /// If `axes` is no permutation of the axes.
    #[must_use]
    #[track_caller]
    pub fn permute(&self, axes: impl AsRef<[isize]>) -> Self {
        Self::apply(
            Permute {
                axes: axes.as_ref().to_vec(),
            },
            [self],
        )
    }

    /// Two axes exchanged.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Var::constant(Tensor::<f64>::zeros([2, 3, 4]));
    /// assert_eq!(x.transpose(0, -1).shape(), [4, 3, 2]);
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist.
    #[must_use]
    #[track_caller]
    pub fn transpose(&self, a: isize, b: isize) -> Self {
        let mut axes: Vec<_> = (0..self.rank() as isize).collect();
        let a = resolve_axis("transpose", a, self.shape());
        let b = resolve_axis("transpose", b, self.shape());
        axes.swap(a, b);
        self.permute(axes)
    }

    /// The last two axes exchanged: the transpose of a matrix, or of each of a batch.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Var::constant(Tensor::<f64>::zeros([2, 3, 4]));
    /// assert_eq!(x.t().shape(), [2, 4, 3]);
    /// ```
    ///
    /// # Panics
    /// If the rank is below 2.
    #[must_use]
    #[track_caller]
    pub fn t(&self) -> Self {
        require!(
            self.rank() >= 2,
            "t: {:?}: a matrix is needed",
            self.shape()
        );
        self.transpose(-1, -2)
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<Permute>("permute"),
    OpInfo::function("transpose", |draw| {
        let shape = draw.shape(3);
        Case::new(
            "transpose(0, -1)",
            generic!(|x| x.transpose(0, -1)),
            [draw.normal(shape)],
        )
    }),
    OpInfo::function("t", |draw| {
        let shape = draw.shape(2);
        Case::new("t", generic!(|x| x.t()), [draw.normal(shape)])
    }),
];
