//! The same elements in another shape.

use crate::ops::prelude::*;

/// The same elements, in row-major order, in another shape.
#[derive(Clone, Debug)]
pub struct Reshape {
    shape: Vec<usize>,
}

impl Op for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }

    fn attributes(&self) -> Attributes {
        vec![("shape", self.shape.as_slice().into())]
    }

    fn reads(&self) -> Reads {
        Reads::SHAPES
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].reshape(&self.shape).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |grad| grad.reshape(call.input_shape(0)));
    }

    fn on_slices<T: Real>(&self, _: &[&[usize]]) -> Option<OnSlices<T>> {
        Some(OnSlices::same())
    }

    fn outline(&self, _inputs: &[&[usize]]) -> Outline {
        Outline::run().reach(Reach::Point)
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let x = draw.any();
        let mut shape = x.shape().to_vec();
        if draw.once_in(2) {
            shape.reverse();
        } else {
            shape = vec![1, x.len()];
        }
        Sample::new(Self { shape }, [x])
    }
}

impl<T: Real> Var<T> {
    /// The same elements, in row-major order, in another shape; a view where the strides allow it.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Var::constant(Tensor::<f64>::zeros([2, 3, 4]));
    /// assert_eq!(x.reshape([6, 4]).shape(), [6, 4]);
    /// ```
    ///
    /// # Panics
    /// If the shapes have different numbers of elements.
    #[must_use]
    #[track_caller]
    pub fn reshape(&self, shape: impl AsRef<[usize]>) -> Self {
        let shape = shape.as_ref();
        if self.shape() == shape {
            return self.clone();
        }
        Self::apply(
            Reshape {
                shape: shape.to_vec(),
            },
            [self],
        )
    }

    /// The axes `from..=to` merged into one.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Var::constant(Tensor::<f64>::zeros([2, 3, 4]));
    /// assert_eq!(x.flatten(1, -1).shape(), [2, 12]);
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist.
    #[must_use]
    #[track_caller]
    pub fn flatten(&self, from: isize, to: isize) -> Self {
        let shape = self.tensor().flatten(from, to).shape().to_vec();
        self.reshape(shape)
    }

    /// Removes an axis of extent 1.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Var::constant(Tensor::<f64>::zeros([2, 1, 3]));
    /// assert_eq!(x.squeeze(1).shape(), [2, 3]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist or its extent is not 1.
    #[must_use]
    #[track_caller]
    pub fn squeeze(&self, axis: isize) -> Self {
        let shape = self.tensor().squeeze(axis).shape().to_vec();
        self.reshape(shape)
    }

    /// Inserts an axis of extent 1 at `axis`.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Var::constant(Tensor::<f64>::zeros([2, 3, 4]));
    /// assert_eq!(x.unsqueeze(-1).shape(), [2, 3, 4, 1]);
    /// ```
    ///
    /// # Panics
    /// If `axis` is beyond the rank.
    #[must_use]
    #[track_caller]
    pub fn unsqueeze(&self, axis: isize) -> Self {
        let shape = self.tensor().unsqueeze(axis).shape().to_vec();
        self.reshape(shape)
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<Reshape>("reshape"),
    OpInfo::function("flatten", |draw| {
        let shape = draw.shape(3);
        Case::new(
            "flatten(1, 2)",
            generic!(|x| x.flatten(1, 2)),
            [draw.normal(shape)],
        )
    }),
    OpInfo::function("squeeze", |draw| {
        let mut shape = draw.shape(2);
        shape.insert(1, 1);
        Case::new(
            "squeeze(1)",
            generic!(|x| x.squeeze(1)),
            [draw.normal(shape)],
        )
    }),
    OpInfo::function("unsqueeze", |draw| {
        Case::new("unsqueeze(-1)", generic!(|x| x.unsqueeze(-1)), [draw.any()])
    }),
];
