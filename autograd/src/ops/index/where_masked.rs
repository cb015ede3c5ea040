//! Selecting by a mask.

use crate::ops::prelude::*;

/// The first operand where the mask is true, the second elsewhere; all of one shape.
#[derive(Clone, Debug)]
pub struct Where {
    mask: Tensor<bool>,
}

impl Op for Where {
    fn name(&self) -> &'static str {
        "where"
    }

    fn attributes(&self) -> Attributes {
        vec![("mask", self.mask.clone().into())]
    }

    fn reads(&self) -> Reads {
        Reads::SHAPES
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        Tensor::where_(&self.mask, &x[0], &x[1]).into()
    }

    // Selected, not multiplied by the mask: 0 · NaN would be NaN.
    fn vjp<T: Real>(&self, _call: &Call<T>, out: &mut Contributions<'_, T>) {
        let zero = |g: &Var<T>| Var::full(g.shape(), 0.0);
        out.input(0, |g| Var::where_(&self.mask, g, &zero(g)));
        out.input(1, |g| Var::where_(&self.mask, &zero(g), g));
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let shape = draw.any_shape();
        Sample::new(
            Self {
                mask: draw.mask(&shape),
            },
            [draw.normal(&shape), draw.normal(&shape)],
        )
    }
}

/// A number where the mask is true, the operand elsewhere; of one shape.
#[derive(Clone, Debug)]
pub struct MaskedFill {
    mask: Tensor<bool>,
    value: f64,
}

impl Op for MaskedFill {
    fn name(&self) -> &'static str {
        "masked_fill"
    }

    fn attributes(&self) -> Attributes {
        vec![
            ("mask", self.mask.clone().into()),
            ("value", self.value.into()),
        ]
    }

    fn reads(&self) -> Reads {
        Reads::SHAPES
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].masked_fill(&self.mask, T::of(self.value)).into()
    }

    fn vjp<T: Real>(&self, _call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |grad| grad.masked_fill(&self.mask, 0.0));
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let x = draw.any();
        let mask = draw.mask(x.shape());
        Sample::new(
            Self {
                mask,
                value: draw.pick(&[0.0, -2.5]),
            },
            [x],
        )
    }
}

impl<T: Real> Var<T> {
    /// `a` where the mask is true, `b` elsewhere; all three broadcast to their joint shape.
    ///
    /// An element that is not selected, even NaN, affects neither value nor gradient.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let a = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0], [2]));
    /// let y = Var::where_(&Tensor::from_vec(vec![true, false], [2]), &a, &Var::scalar(9.0));
    /// assert_eq!(y.value().to_vec(), [1.0, 9.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&a).to_vec(), [1.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast together.
    #[must_use]
    #[track_caller]
    pub fn where_(mask: &Tensor<bool>, a: &Self, b: &Self) -> Self {
        let shape = wengert_tensor::broadcast_shapes("where", a.shape(), b.shape());
        let shape = wengert_tensor::broadcast_shapes("where", mask.shape(), &shape);
        let op = Where {
            mask: mask.broadcast_to(&shape),
        };
        Self::apply(op, [&a.broadcast_to(&shape), &b.broadcast_to(&shape)])
    }

    /// `value` where the mask is true, the element itself elsewhere; both broadcast to their joint
    /// shape.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0], [2]));
    /// let y = x.masked_fill(&Tensor::from_vec(vec![true, false], [2]), -1.0);
    /// assert_eq!(y.value().to_vec(), [-1.0, 2.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [0.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast to each other.
    #[must_use]
    #[track_caller]
    pub fn masked_fill(&self, mask: &Tensor<bool>, value: f64) -> Self {
        let shape = wengert_tensor::broadcast_shapes("masked_fill", self.shape(), mask.shape());
        let op = MaskedFill {
            mask: mask.broadcast_to(&shape),
            value,
        };
        Self::apply(op, [&self.broadcast_to(&shape)])
    }

    /// The elements where the mask is true, in row-major order, as a tensor of rank 1; both broadcast
    /// to their joint shape.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0, 3.0], [3]));
    /// let y = x.masked_select(&Tensor::from_vec(vec![true, false, true], [3]));
    /// assert_eq!(y.value().to_vec(), [1.0, 3.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [1.0, 0.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast to each other.
    #[must_use]
    #[track_caller]
    pub fn masked_select(&self, mask: &Tensor<bool>) -> Self {
        let shape = wengert_tensor::broadcast_shapes("masked_select", self.shape(), mask.shape());
        let mask = mask.broadcast_to(&shape);
        let mask = mask.contiguous();
        let mask = mask.as_slice().expect("made contiguous");
        // Every position is stored, and overwritten by the next one unless the mask is true there: a branch on the mask
        // would often be mispredicted.
        let count = mask.iter().filter(|&&on| on).count();
        let (mut chosen, mut next) = (vec![0; count + 1], 0);
        for (place, &on) in (0_i64..).zip(mask) {
            chosen[next] = place;
            next += usize::from(on);
        }
        let index = Tensor::from_slice(&chosen[..count], [count]);
        self.broadcast_to(&shape)
            .reshape([mask.len()])
            .index_select(0, &index)
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<Where>("where_"),
    OpInfo::op::<MaskedFill>("masked_fill"),
    OpInfo::function("where_", |draw| {
        let shape = draw.any_shape();
        let [narrow, a, b] = std::array::from_fn(|_| draw.broadcastable(&shape));
        let mask = draw.mask(narrow);
        let f = generic!([mask] | a, b | Var::where_(&mask, a, b));
        Case::new("where, broadcasting", f, [draw.normal(a), draw.normal(b)])
    }),
    OpInfo::function("masked_fill", |draw| {
        let shape = draw.any_shape();
        let (narrow, x) = (draw.broadcastable(&shape), draw.broadcastable(&shape));
        let mask = draw.mask(narrow);
        let f = generic!([mask] | x | x.masked_fill(&mask, 0.5));
        Case::new("masked_fill, broadcasting", f, [draw.normal(x)])
    }),
    OpInfo::function("masked_select", |draw| {
        let shape = draw.any_shape();
        let (narrow, x) = (draw.broadcastable(&shape), draw.broadcastable(&shape));
        let mask = draw.mask(narrow);
        let f = generic!([mask] | x | x.masked_select(&mask));
        Case::new("masked_select", f, [draw.normal(x)])
    }),
];
