//! Concatenating, stacking and splitting tensors.

use crate::ops::prelude::*;

/// Tensors concatenated along an axis.
#[derive(Clone, Debug)]
pub struct Concat {
    axis: isize,
}

impl Op for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn attributes(&self) -> Attributes {
        vec![("axis", self.axis.into())]
    }

    fn reads(&self) -> Reads {
        Reads::SHAPES
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        Tensor::concat(&x.iter().collect::<Vec<_>>(), self.axis).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let mut start = 0;
        for i in 0..call.inputs() {
            let end = start + call.input(i).size(self.axis) as isize;
            out.input(i, |g| g.slice(self.axis, start..end));
            start = end;
        }
    }

    fn outline(&self, _inputs: &[&[usize]]) -> Outline {
        Outline::run().reach(Reach::Point)
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let rank = draw.within(1, 3);
        let (shape, axis) = (draw.shape(rank), draw.axis(rank));
        let parts = draw.within(1, 4);
        let inputs: Vec<_> = (0..parts)
            .map(|_| {
                let mut shape = shape.clone();
                let place = wengert_tensor::resolve_axis("concat", axis, &shape);
                shape[place] = draw.within(0, 3);
                draw.normal(shape)
            })
            .collect();
        Sample::new(Self { axis }, inputs)
    }
}

impl<T: Real> Var<T> {
    /// The tensors concatenated along an axis; their other extents agree.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let tape = Tape::new();
    /// let (a, b) = (tape.leaf(Tensor::from_vec(vec![1.0, 2.0], [2])), tape.leaf(Tensor::from_vec(vec![3.0, 4.0], [2])));
    /// let y = Var::concat(&[&a, &b], 0);
    /// assert_eq!(y.value().to_vec(), [1.0, 2.0, 3.0, 4.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&b).to_vec(), [1.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If there is none, the axis does not exist or another extent differs.
    #[must_use]
    #[track_caller]
    pub fn concat(parts: &[&Self], axis: isize) -> Self {
        Self::apply(Concat { axis }, parts)
    }

    /// Tensors of one shape along a new axis, which becomes axis `axis` of the result.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let tape = Tape::new();
    /// let (a, b) = (tape.leaf(Tensor::from_vec(vec![1.0, 2.0], [2])), tape.leaf(Tensor::from_vec(vec![3.0, 4.0], [2])));
    /// let y = Var::stack(&[&a, &b], 1);
    /// assert_eq!(y.value().to_vec(), [1.0, 3.0, 2.0, 4.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&b).to_vec(), [1.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If there is none, a shape differs or the result has no such axis.
    #[must_use]
    #[track_caller]
    pub fn stack(parts: &[&Self], axis: isize) -> Self {
        require!(!parts.is_empty(), "stack: no tensors");
        for (index, part) in parts.iter().enumerate() {
            require!(
                part.shape() == parts[0].shape(),
                "stack: {:?} and, at index {index}, {:?}: the shapes differ",
                parts[0].shape(),
                part.shape()
            );
        }
        let parts: Vec<_> = parts.iter().map(|part| part.unsqueeze(axis)).collect();
        let parts: Vec<_> = parts.iter().collect();
        let axis = wengert_tensor::resolve_axis("stack", axis, parts[0].shape());
        Self::concat(&parts, axis as isize)
    }

    /// `count` consecutive parts of an axis, of equal extent except a smaller last one; fewer if
    /// the extent of the axis is below `count`.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Var::constant(Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0, 5.0], [5]));
    /// let parts = x.chunk(0, 2);
    /// assert_eq!((parts[0].value().to_vec(), parts[1].value().to_vec()), (vec![1.0, 2.0, 3.0], vec![4.0, 5.0]));
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist or `count` is 0.
    #[must_use]
    #[track_caller]
    pub fn chunk(&self, axis: isize, count: usize) -> Vec<Self> {
        let parts = self.tensor().chunk(axis, count);
        let extents: Vec<_> = parts.iter().map(|part| part.size(axis)).collect();
        self.split(axis, &extents)
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<Concat>("concat"),
    OpInfo::function("stack", |draw| {
        let rank = draw.within(0, 3);
        let shape = draw.shape(rank);
        let axis = draw.axis(rank + 1);
        let f = generic!([axis] | a, b | Var::stack(&[a, b, a], axis));
        Case::new(
            format!("stack({axis})"),
            f,
            [draw.normal(&shape), draw.normal(&shape)],
        )
    }),
    OpInfo::function("chunk", |draw| {
        let rank = draw.within(1, 3);
        let (shape, axis) = (draw.filled_shape(rank), draw.axis(rank));
        let f = generic!(
            [axis] | x | {
                let parts = x.chunk(axis, 2);
                parts
                    .iter()
                    .skip(1)
                    .fold(&parts[0] * &parts[0], |y, part| y.sum(keep(axis)) * part)
            }
        );
        Case::new(format!("chunk({axis}, 2)"), f, [draw.normal(shape)])
    }),
];
