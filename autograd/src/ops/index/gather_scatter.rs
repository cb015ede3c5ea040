//! Gathering by indices along an axis, its adjoint `scatter_add`, and `scatter`.

use crate::ops::prelude::*;

/// Selects one element for every index.
#[derive(Clone, Debug)]
pub struct Gather {
    axis: isize,
    index: Tensor<i64>,
}

impl Op for Gather {
    fn name(&self) -> &'static str {
        "gather"
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
        x[0].gather(self.axis, &self.index).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |grad| {
            Var::full(call.input_shape(0), 0.0).scatter_add(self.axis, &self.index, grad)
        });
    }

    fn outline(&self, _inputs: &[&[usize]]) -> Outline {
        Outline::run().reach(Reach::Whole)
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let (shape, axis, index) = indexed(draw);
        Sample::new(Self { axis, index }, [draw.normal(shape)])
    }
}

/// Adds one element for every index.
#[derive(Clone, Debug)]
pub struct ScatterAdd {
    axis: isize,
    index: Tensor<i64>,
}

impl Op for ScatterAdd {
    fn name(&self) -> &'static str {
        "scatter_add"
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
        x[0].scatter_add(self.axis, &self.index, &x[1]).into()
    }

    fn vjp<T: Real>(&self, _call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(1, |g| g.gather(self.axis, &self.index));
        out.input_owned(0, |g| g);
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let (shape, axis, index) = indexed(draw);
        let source = draw.normal(index.shape());
        Sample::new(Self { axis, index }, [draw.normal(shape), source])
    }
}

/// Overwrites one element for every index.
#[derive(Clone, Debug)]
pub struct Scatter {
    axis: isize,
    index: Tensor<i64>,
}

impl Op for Scatter {
    fn name(&self) -> &'static str {
        "scatter"
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
        x[0].scatter(self.axis, &self.index, &x[1]).into()
    }

    fn vjp<T: Real>(&self, _call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |g| {
            let zeros = Var::full(self.index.shape(), 0.0);
            g.scatter(self.axis, &self.index, &zeros)
        });
        out.input(1, |g| {
            g.gather(self.axis, &self.index)
                .masked_fill(&self.overwritten(g.shape()), 0.0)
        });
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let (shape, axis, index) = indexed(draw);
        let source = draw.normal(index.shape());
        Sample::new(Self { axis, index }, [draw.normal(shape), source])
    }
}

impl Scatter {
    /// True where a later index overwrites the same element of a tensor of some shape.
    fn overwritten(&self, shape: &[usize]) -> Tensor<bool> {
        let axis = self.axis.rem_euclid(shape.len().max(1) as isize) as usize;
        if axis + 1 == shape.len() && !self.index.is_empty() {
            return overwritten_in_rows(&self.index, shape[axis]);
        }
        let count = self.index.len() as i64;
        let numbers = Tensor::from_vec((0..count).collect(), self.index.shape());
        let last = Tensor::full(shape, -1)
            .scatter(self.axis, &self.index, &numbers)
            .gather(self.axis, &self.index);
        last.ne(&numbers)
    }
}

/// True where a later index in the same row is equal; the rows are those of the last axis, the indices below `extent`.
fn overwritten_in_rows(index: &Tensor<i64>, extent: usize) -> Tensor<bool> {
    let rows = index.contiguous();
    let rows = rows.as_slice().expect("made contiguous");
    let count = index.shape()[index.rank() - 1];
    let (mut last, mut overwritten) = (vec![0; extent], Vec::with_capacity(rows.len()));
    for row in rows.chunks_exact(count) {
        for (number, &index) in row.iter().enumerate() {
            last[index as usize] = number;
        }
        let is_earlier = |(number, &index): (usize, &i64)| last[index as usize] != number;
        overwritten.extend(row.iter().enumerate().map(is_earlier));
    }
    Tensor::from_vec(overwritten, index.shape())
}

/// A shape, an axis of it, and random indices into that axis, with repetitions and gaps.
fn indexed(draw: &mut Draw) -> (Vec<usize>, isize, Tensor<i64>) {
    let rank = draw.within(1, 3);
    let (shape, axis) = (draw.filled_shape(rank), draw.axis(rank));
    let place = axis.rem_euclid(rank as isize) as usize;
    // Along the other axes the index may be shorter than the tensor.
    let mut extents: Vec<_> = shape
        .iter()
        .map(|&n| {
            if draw.once_in(3) {
                draw.within(0, n)
            } else {
                n
            }
        })
        .collect();
    extents[place] = draw.within(0, 5);
    let index = draw.indices(&extents, shape[place]);
    (shape, axis, index)
}

impl<T: Real> Var<T> {
    /// One element for every index: `y[i, j, k] = x[i, index[i, j, k], k]` for `axis` 1.
    ///
    /// The result has the shape of `index`, which along the other axes is at most as long as `self`.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]));
    /// let y = x.gather(1, &Tensor::from_vec(vec![1, 0], [2, 1]));
    /// assert_eq!(y.value().to_vec(), [2.0, 3.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [0.0, 1.0, 1.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist, the shapes do not fit or an index is outside `0..extent`.
    #[must_use]
    #[track_caller]
    pub fn gather(&self, axis: isize, index: &Tensor<i64>) -> Self {
        Self::apply(
            Gather {
                axis,
                index: index.clone(),
            },
            [self],
        )
    }

    /// `self` with one element of `source` added for every index:
    /// `y[i, index[i, j, k], k] += source[i, j, k]` for `axis` 1. The adjoint of
    /// [`gather`](Self::gather); where an index repeats, everything adds up.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let source = Tape::new().leaf(Tensor::from_vec(vec![5.0, 7.0], [2]));
    /// let y = Var::constant(Tensor::ones([3])).scatter_add(0, &Tensor::from_vec(vec![2, 2], [2]), &source);
    /// assert_eq!(y.value().to_vec(), [1.0, 1.0, 13.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&source).to_vec(), [1.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist, the shapes do not fit or an index is outside `0..extent`.
    #[must_use]
    #[track_caller]
    pub fn scatter_add(&self, axis: isize, index: &Tensor<i64>, source: &Self) -> Self {
        Self::apply(
            ScatterAdd {
                axis,
                index: index.clone(),
            },
            [self, source],
        )
    }

    /// `self` with one element of `source` written at every index:
    /// `y[i, index[i, j, k], k] = source[i, j, k]` for `axis` 1.
    ///
    /// Where an index repeats, the last one in row-major order is kept, and only it has a gradient.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let source = Var::constant(Tensor::from_vec(vec![5.0, 7.0], [2]));
    /// let y = Var::constant(Tensor::ones([3])).scatter(0, &Tensor::from_vec(vec![2, 0], [2]), &source);
    /// assert_eq!(y.value().to_vec(), [7.0, 1.0, 5.0]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist, the shapes do not fit or an index is outside `0..extent`.
    #[must_use]
    #[track_caller]
    pub fn scatter(&self, axis: isize, index: &Tensor<i64>, source: &Self) -> Self {
        let index = index.clone();
        Self::apply(Scatter { axis, index }, [self, source])
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<Gather>("gather"),
    OpInfo::op::<ScatterAdd>("scatter_add"),
    OpInfo::op::<Scatter>("scatter"),
];
