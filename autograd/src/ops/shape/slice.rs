//! Slices of axes, and their adjoint, which puts a tensor into a region of zeros.

use crate::ops::prelude::*;

/// The region that one slice per axis selects.
#[derive(Clone, Debug)]
pub struct SliceOp {
    region: Vec<Slice>,
}

impl Op for SliceOp {
    fn name(&self) -> &'static str {
        "slice"
    }

    fn attributes(&self) -> Attributes {
        vec![("region", self.region.clone().into())]
    }

    fn reads(&self) -> Reads {
        Reads::SHAPES
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        region_of(&x[0], &self.region).into()
    }

    fn vjp<T: Real>(&self, _call: &Call<T>, out: &mut Contributions<'_, T>) {
        if let Some(g) = out.take(0) {
            out.add_region(0, &self.region, g);
        }
    }

    fn outline(&self, _inputs: &[&[usize]]) -> Outline {
        Outline::run().reach(Reach::Point)
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let x = draw.any();
        let region = x.shape().iter().map(|&n| draw.slice(n)).collect();
        Sample::new(Self { region }, [x])
    }
}

/// A tensor put into a region of zeros.
#[derive(Clone, Debug)]
pub struct Unslice {
    region: Vec<Slice>,
    shape: Vec<usize>,
}

impl Op for Unslice {
    fn name(&self) -> &'static str {
        "unslice"
    }

    fn attributes(&self) -> Attributes {
        vec![
            ("region", self.region.clone().into()),
            ("shape", self.shape.as_slice().into()),
        ]
    }

    fn reads(&self) -> Reads {
        Reads::SHAPES
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].unslice(&self.region, &self.shape).into()
    }

    fn vjp<T: Real>(&self, _call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |grad| grad.region(&self.region));
    }

    fn outline(&self, _inputs: &[&[usize]]) -> Outline {
        Outline::run().reach(Reach::Point)
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let whole = draw.any();
        let region: Vec<_> = whole.shape().iter().map(|&n| draw.slice(n)).collect();
        let part = region_of(&whole, &region).contiguous();
        Sample::new(
            Self {
                region,
                shape: whole.shape().to_vec(),
            },
            [part],
        )
    }
}

#[track_caller]
fn region_of<T: Real>(x: &Tensor<T>, region: &[Slice]) -> Tensor<T> {
    require!(
        region.len() == x.rank(),
        "slice: {:?}: {} slices given, one per axis is needed",
        x.shape(),
        region.len()
    );
    (0..)
        .zip(region)
        .fold(x.clone(), |x, (axis, &slice)| x.slice(axis, slice))
}

impl<T: Real> Var<T> {
    /// Part of an axis, with Python's semantics: `x.slice(1, 2..-1)`, `Slice::from(..).step(-1)`.
    /// No copy.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]));
    /// let y = x.slice(1, 1..);
    /// assert_eq!(y.value().to_vec(), [2.0, 4.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [0.0, 1.0, 0.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    #[must_use]
    #[track_caller]
    pub fn slice(&self, axis: isize, range: impl Into<Slice>) -> Self {
        let mut region = vec![Slice::from(..); self.rank()];
        region[wengert_tensor::resolve_axis("slice", axis, self.shape())] = range.into();
        self.region(&region)
    }

    /// Part of every axis, one slice each.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::tensor::Slice;
    ///
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]));
    /// let y = x.region(&[Slice::from(..), Slice::from(1..)]);
    /// assert_eq!(y.value().to_vec(), [2.0, 4.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [0.0, 1.0, 0.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If there are other than one slice per axis.
    #[must_use]
    #[track_caller]
    pub fn region(&self, region: &[Slice]) -> Self {
        Self::apply(
            SliceOp {
                region: region.to_vec(),
            },
            [self],
        )
    }

    /// The adjoint of [`region`](Self::region): zeros of `shape` with this tensor in the region.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::tensor::Slice;
    ///
    /// let x = Var::constant(Tensor::from_vec(vec![5.0, 7.0], [2]));
    /// let every_second = Slice::from(..).step(2);
    /// assert_eq!(x.unslice(&[every_second], [4]).value().to_vec(), [5.0, 0.0, 7.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If the region of `shape` has another shape than this tensor.
    #[must_use]
    #[track_caller]
    pub fn unslice(&self, region: &[Slice], shape: impl AsRef<[usize]>) -> Self {
        Self::apply(
            Unslice {
                region: region.to_vec(),
                shape: shape.as_ref().to_vec(),
            },
            [self],
        )
    }

    /// One index of an axis, the axis dropped; negative indices count from the end.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]));
    /// let y = x.select(0, -1);
    /// assert_eq!(y.value().to_vec(), [3.0, 4.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [0.0, 0.0, 1.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If the axis or the index does not exist.
    #[must_use]
    #[track_caller]
    pub fn select(&self, axis: isize, index: isize) -> Self {
        let resolved = wengert_tensor::resolve_axis("select", axis, self.shape());
        let extent = self.shape()[resolved] as isize;
        require!(
            (-extent..extent).contains(&index),
            "select: {:?}: axis {axis} has no index {index}",
            self.shape()
        );
        let index = index.rem_euclid(extent);
        self.slice(axis, index..index + 1).squeeze(axis)
    }

    /// Consecutive parts of an axis, of the given sizes.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Var::constant(Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0, 5.0], [5]));
    /// let parts = x.split(0, [2, 3]);
    /// assert_eq!((parts[0].value().to_vec(), parts[1].value().to_vec()), (vec![1.0, 2.0], vec![3.0, 4.0, 5.0]));
    /// ```
    ///
    /// # Panics
    /// If the sizes do not add up to the axis's extent.
    #[must_use]
    #[track_caller]
    pub fn split(&self, axis: isize, sizes: impl AsRef<[usize]>) -> Vec<Self> {
        let sizes = sizes.as_ref();
        let whole = self.size(axis);
        let sum = sizes.iter().fold(0, |sum: usize, &n| sum.saturating_add(n));
        require!(
            sum == whole,
            "split: {:?}: axis {axis} has extent {whole}, the parts add up to {sum}",
            self.shape()
        );
        let mut start = 0;
        sizes
            .iter()
            .map(|&size| {
                let part = self.slice(axis, start..start + size as isize);
                start += size as isize;
                part
            })
            .collect()
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<SliceOp>("slice"),
    OpInfo::op::<SliceOp>("region"),
    OpInfo::op::<Unslice>("unslice"),
    OpInfo::function("select", |draw| {
        let shape = draw.filled_shape(3);
        Case::new(
            "select(1, -1)",
            generic!(|x| x.select(1, -1)),
            [draw.normal(shape)],
        )
    }),
    OpInfo::function("split", |draw| {
        let shape = draw.filled_shape(2);
        let f = generic!(|x| {
            let n = x.size(0);
            let parts = x.split(0, [1, n - 1]);
            parts[0].sum(..) * 2.0 - (&parts[1] * &parts[1]).sum(..)
        });
        Case::new("split(0, [1, n − 1])", f, [draw.normal(shape)])
    }),
];
