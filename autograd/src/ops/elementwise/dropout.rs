//! Dropout by a given mask.

use crate::ops::prelude::*;

/// Elements times a constant where the mask is true, times 0 elsewhere.
#[derive(Clone, Debug)]
pub struct Dropout {
    mask: Tensor<bool>,
    scale: f64,
}

impl Op for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn attributes(&self) -> Attributes {
        vec![
            ("mask", self.mask.clone().into()),
            ("scale", self.scale.into()),
        ]
    }

    fn reads(&self) -> Reads {
        Reads::SHAPES
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        let scale = T::of(self.scale);
        x[0].zip(&self.mask, move |x, kept| {
            x * if kept { scale } else { T::zero() }
        })
        .into()
    }

    fn vjp<T: Real>(&self, _call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |grad| Var::apply(self.clone(), [grad]));
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let x = draw.any();
        let mask = draw.broadcastable(x.shape());
        Sample::new(
            Self {
                mask: draw.mask(mask),
                scale: 2.5,
            },
            [x],
        )
    }
}

impl<T: Real> Var<T> {
    /// Sets the elements that the mask does not keep to 0, and scales the others: `y = x · mask / (1 − p)`.
    ///
    /// * `kept`: true where an element stays, which is so with probability `1 − p`; broadcasts, so
    ///   that whole channels can be dropped
    ///
    /// Source: Srivastava et al. 2014, scaled in training.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0], [2]));
    /// let y = x.dropout(&Tensor::from_vec(vec![true, false], [2]), 0.5);
    /// assert_eq!(y.value().to_vec(), [2.0, 0.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [2.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If the mask does not broadcast to this shape, or `p` is not in 0 to 1.
    #[must_use]
    #[track_caller]
    pub fn dropout(&self, kept: &Tensor<bool>, p: f64) -> Self {
        require!(
            (0.0..=1.0).contains(&p),
            "dropout: a probability of {p} is not in 0 to 1"
        );
        let shape = wengert_tensor::broadcast_shapes("dropout", self.shape(), kept.shape());
        require!(
            shape == self.shape(),
            "dropout: {:?}: a mask {:?} does not broadcast to it",
            self.shape(),
            kept.shape()
        );
        // With p = 1 nothing is kept, so there is nothing to scale.
        let scale = if p == 1.0 { 0.0 } else { 1.0 / (1.0 - p) };
        Self::apply(
            Dropout {
                mask: kept.clone(),
                scale,
            },
            [self],
        )
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<Dropout>("dropout"),
    OpInfo::function("dropout", |draw| {
        let x = draw.any();
        let mask = draw.broadcastable(x.shape());
        let mask = draw.mask(mask);
        let p = draw.pick(&[0.0, 0.3, 1.0]);
        Case::new(
            format!("p = {p}"),
            generic!([mask, p] | x | x.dropout(&mask, p)),
            [x],
        )
    }),
];
