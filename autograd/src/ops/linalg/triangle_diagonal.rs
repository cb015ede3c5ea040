//! Triangles and diagonals of matrices.

use crate::ops::prelude::*;

/// The lower or upper triangle of each matrix, 0 elsewhere.
#[derive(Clone, Debug)]
pub struct Triangle {
    k: isize,
    upper: bool,
}

impl Op for Triangle {
    fn name(&self) -> &'static str {
        if self.upper { "triu" } else { "tril" }
    }

    fn attributes(&self) -> Attributes {
        vec![("k", self.k.into())]
    }

    fn reads(&self) -> Reads {
        Reads::SHAPES
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        if self.upper {
            x[0].triu(self.k)
        } else {
            x[0].tril(self.k)
        }
        .into()
    }

    fn vjp<T: Real>(&self, _call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |grad| Var::apply(self.clone(), [grad]));
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let rank = draw.within(2, 4);
        let shape = draw.shape(rank);
        Sample::new(
            Self {
                k: draw.within(0, 6) as isize - 3,
                upper: draw.once_in(2),
            },
            [draw.normal(shape)],
        )
    }
}

/// The diagonal of two axes, as a new last axis.
#[derive(Clone, Debug)]
pub struct Diagonal {
    offset: isize,
    axes: [isize; 2],
}

impl Op for Diagonal {
    fn name(&self) -> &'static str {
        "diagonal"
    }

    fn attributes(&self) -> Attributes {
        vec![
            ("offset", self.offset.into()),
            ("axes", self.axes.as_slice().into()),
        ]
    }

    fn reads(&self) -> Reads {
        Reads::SHAPES
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        let [a, b] = self.axes;
        x[0].diagonal(self.offset, a, b).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |grad| {
            let shape = call.input_shape(0).to_vec();
            Var::apply(
                OnDiagonal {
                    shape,
                    diagonal: self.clone(),
                },
                [grad],
            )
        });
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let (shape, op) = diagonal(draw);
        Sample::new(op, [draw.normal(shape)])
    }
}

/// The adjoint of [`Diagonal`]: the last axis on a diagonal, 0 elsewhere.
#[derive(Clone, Debug)]
struct OnDiagonal {
    shape: Vec<usize>,
    diagonal: Diagonal,
}

impl Op for OnDiagonal {
    fn name(&self) -> &'static str {
        "on_diagonal"
    }

    fn reads(&self) -> Reads {
        Reads::SHAPES
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        let Diagonal {
            offset,
            axes: [a, b],
        } = self.diagonal;
        let mut y = Tensor::zeros(&self.shape);
        y.update_view(|layout| layout.diagonal(offset, a, b), &x[0], |_, new| new);
        y.into()
    }

    fn vjp<T: Real>(&self, _call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |grad| Var::apply(self.diagonal.clone(), [grad]));
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let (shape, op) = diagonal(draw);
        let [a, b] = op.axes;
        let narrow = draw.normal(&shape).diagonal(op.offset, a, b).contiguous();
        Sample::new(
            Self {
                shape,
                diagonal: op,
            },
            [narrow],
        )
    }
}

/// A shape and a diagonal of two of its axes.
fn diagonal(draw: &mut Draw) -> (Vec<usize>, Diagonal) {
    let rank = draw.within(2, 3);
    let shape = draw.shape(rank);
    let a = draw.within(0, rank - 1) as isize;
    let b = (a + draw.within(1, rank - 1) as isize) % rank as isize;
    let offset = draw.within(0, 4) as isize - 2;
    (
        shape,
        Diagonal {
            offset,
            axes: [a, b - rank as isize],
        },
    )
}

impl<T: Real> Var<T> {
    /// The lower triangle of each matrix, 0 elsewhere: keeps `[…, i, j]` where `j − i ≤ k`.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]));
    /// let y = x.tril(0);
    /// assert_eq!(y.value().to_vec(), [1.0, 0.0, 3.0, 4.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [1.0, 0.0, 1.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If the rank is below 2.
    #[must_use]
    #[track_caller]
    pub fn tril(&self, k: isize) -> Self {
        Self::apply(Triangle { k, upper: false }, [self])
    }

    /// The upper triangle of each matrix, 0 elsewhere: keeps `[…, i, j]` where `j − i ≥ k`.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]));
    /// let y = x.triu(0);
    /// assert_eq!(y.value().to_vec(), [1.0, 2.0, 0.0, 4.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [1.0, 1.0, 0.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If the rank is below 2.
    #[must_use]
    #[track_caller]
    pub fn triu(&self, k: isize) -> Self {
        Self::apply(Triangle { k, upper: true }, [self])
    }

    /// The diagonal of axes `a` and `b`, as a new last axis: `y[…, i] = x[… i … i + offset …]`.
    /// No copy.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]));
    /// let y = x.diagonal(0, 0, 1);
    /// assert_eq!(y.value().to_vec(), [1.0, 4.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [1.0, 0.0, 0.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or both are the same.
    #[must_use]
    #[track_caller]
    pub fn diagonal(&self, offset: isize, a: isize, b: isize) -> Self {
        Self::apply(
            Diagonal {
                offset,
                axes: [a, b],
            },
            [self],
        )
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<Triangle>("tril"),
    OpInfo::op::<Triangle>("triu"),
    OpInfo::op::<Diagonal>("diagonal"),
    OpInfo::op::<OnDiagonal>("on_diagonal"),
];
