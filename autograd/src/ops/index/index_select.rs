//! Selecting whole slices by indices, and its adjoint.

use crate::ops::prelude::*;

/// Selects slices along an axis.
#[derive(Clone, Debug)]
pub struct IndexSelect {
    axis: isize,
    index: Tensor<i64>,
}

impl Op for IndexSelect {
    fn name(&self) -> &'static str {
        "index_select"
    }

    fn attributes(&self) -> Attributes {
        vec![
            ("axis", self.axis.into()),
            ("index", self.index.clone().into()),
        ]
    }

    fn reads(&self) -> Reads {
        Reads::SHAPES
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].index_select(self.axis, &self.index).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |grad| {
            Var::full(call.input_shape(0), 0.0).index_add(self.axis, &self.index, grad)
        });
    }

    fn outline(&self, _inputs: &[&[usize]]) -> Outline {
        Outline::run().reach(Reach::Whole)
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let (shape, axis, index) = sliced(draw);
        Sample::new(Self { axis, index }, [draw.normal(shape)])
    }
}

/// Adds slices along an axis.
#[derive(Clone, Debug)]
pub struct IndexAdd {
    axis: isize,
    index: Tensor<i64>,
}

impl Op for IndexAdd {
    fn name(&self) -> &'static str {
        "index_add"
    }

    fn attributes(&self) -> Attributes {
        vec![
            ("axis", self.axis.into()),
            ("index", self.index.clone().into()),
        ]
    }

    fn reads(&self) -> Reads {
        Reads::SHAPES
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].index_add(self.axis, &self.index, &x[1]).into()
    }

    fn vjp<T: Real>(&self, _call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(1, |g| g.index_select(self.axis, &self.index));
        out.input_owned(0, |g| g);
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let (shape, axis, index) = sliced(draw);
        let mut narrow = shape.clone();
        narrow[axis.rem_euclid(shape.len() as isize) as usize] = index.len();
        Sample::new(
            Self { axis, index },
            [draw.normal(shape), draw.normal(narrow)],
        )
    }
}

/// A shape, an axis of it, and indices into that axis: some repeat, some do not occur.
fn sliced(draw: &mut Draw) -> (Vec<usize>, isize, Tensor<i64>) {
    let rank = draw.within(1, 3);
    let (shape, axis) = (draw.filled_shape(rank), draw.axis(rank));
    let count = draw.within(0, 5);
    let index = draw.indices([count], shape[axis.rem_euclid(rank as isize) as usize]);
    (shape, axis, index)
}

impl<T: Real> Var<T> {
    /// The slices of an axis at the positions `index`, in this order:
    /// `y[i, j, k] = x[i, index[j], k]` for `axis` 1.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]));
    /// let y = x.index_select(0, &Tensor::from_vec(vec![1, 1], [2]));
    /// assert_eq!(y.value().to_vec(), [3.0, 4.0, 3.0, 4.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [0.0, 0.0, 2.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist, `index` does not have rank 1, or an index is outside `0..extent`.
    #[must_use]
    #[track_caller]
    pub fn index_select(&self, axis: isize, index: &Tensor<i64>) -> Self {
        Self::apply(
            IndexSelect {
                axis,
                index: index.clone(),
            },
            [self],
        )
    }

    /// `self` with slices of `source` added at the positions `index` of an axis:
    /// `y[i, index[j], k] += source[i, j, k]` for `axis` 1. The adjoint of
    /// [`index_select`](Self::index_select); where an index repeats, everything adds up.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let source = Var::constant(Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]));
    /// let y = Var::constant(Tensor::zeros([2, 2])).index_add(0, &Tensor::from_vec(vec![1, 1], [2]), &source);
    /// assert_eq!(y.value().to_vec(), [0.0, 0.0, 4.0, 6.0]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist, the shapes do not fit or an index is outside `0..extent`.
    #[must_use]
    #[track_caller]
    pub fn index_add(&self, axis: isize, index: &Tensor<i64>, source: &Self) -> Self {
        Self::apply(
            IndexAdd {
                axis,
                index: index.clone(),
            },
            [self, source],
        )
    }

    /// The rows of a table: `y[…, :] = self[index[…], :]`.
    ///
    /// * `self`: `[rows, width]`
    /// * `index`: any shape
    /// * returns the shape of `index` and then `width`
    ///
    /// If `padding` is given, that row is for padding tokens, and its gradient is 0.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let table = Tape::new().leaf(Tensor::from_vec(vec![0.0, 0.0, 1.0, 2.0, 3.0, 4.0], [3, 2]));
    /// let y = table.embedding(&Tensor::from_vec(vec![2, 0], [2]), Some(0));
    /// assert_eq!(y.value().to_vec(), [3.0, 4.0, 0.0, 0.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&table).to_vec(), [0.0, 0.0, 0.0, 0.0, 1.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If `self` has another rank than 2 or an index is outside `0..rows`.
    #[must_use]
    #[track_caller]
    pub fn embedding(&self, index: &Tensor<i64>, padding: Option<usize>) -> Self {
        require!(
            self.rank() == 2,
            "embedding: {:?}: a table of rank 2 is needed",
            self.shape()
        );
        let flat = index.reshape([index.len()]);
        let mut rows = self.index_select(0, &flat);
        if let Some(padding) = padding {
            let constant = Self::constant(rows.value().primal());
            let masked = flat.map(|i| i == padding as i64).unsqueeze(1);
            rows = Self::where_(&masked, &constant, &rows);
        }
        rows.reshape([index.shape(), &[self.size(1)]].concat())
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<IndexSelect>("index_select"),
    OpInfo::op::<IndexAdd>("index_add"),
    OpInfo::function("embedding", |draw| {
        let (rows, width) = (draw.extent(), draw.extent());
        let rank = draw.within(0, 2);
        let shape = draw.shape(rank);
        let index = draw.indices(shape, rows);
        let f = generic!([index] | w | w.embedding(&index, None));
        Case::new("embedding", f, [draw.normal([rows, width])])
    }),
];
