//! Axes reversed (`flip`), shifted cyclically (`roll`) and repeated.

use crate::ops::prelude::*;

/// Some axes in reverse order.
#[derive(Clone, Debug)]
pub struct Flip {
    axes: Axes,
}

impl Op for Flip {
    fn name(&self) -> &'static str {
        "flip"
    }

    fn attributes(&self) -> Attributes {
        vec![("axes", self.axes.clone().into())]
    }

    fn reads(&self) -> Reads {
        Reads::SHAPES
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].flip(self.axes.clone()).into()
    }

    fn vjp<T: Real>(&self, _call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |grad| grad.flip(self.axes.clone()));
    }

    fn outline(&self, _inputs: &[&[usize]]) -> Outline {
        Outline::run().reach(Reach::Whole)
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

/// An axis shifted cyclically.
#[derive(Clone, Debug)]
pub struct Roll {
    shift: isize,
    axis: isize,
}

impl Op for Roll {
    fn name(&self) -> &'static str {
        "roll"
    }

    fn attributes(&self) -> Attributes {
        vec![("shift", self.shift.into()), ("axis", self.axis.into())]
    }

    fn reads(&self) -> Reads {
        Reads::SHAPES
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].roll(self.shift, self.axis).into()
    }

    fn vjp<T: Real>(&self, _call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |grad| grad.roll(-self.shift, self.axis));
    }

    fn outline(&self, _inputs: &[&[usize]]) -> Outline {
        Outline::run().reach(Reach::Whole)
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let rank = draw.within(1, 3);
        let (shape, axis) = (draw.shape(rank), draw.axis(rank));
        Sample::new(
            Self {
                shift: draw.within(0, 8) as isize - 4,
                axis,
            },
            [draw.normal(shape)],
        )
    }
}

impl<T: Real> Var<T> {
    /// The given axes in reverse order. No copy.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Var::constant(Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0, 5.0], [5]));
    /// assert_eq!(x.flip(0).value().to_vec(), [5.0, 4.0, 3.0, 2.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[must_use]
    #[track_caller]
    pub fn flip(&self, axes: impl Into<Axes>) -> Self {
        Self::apply(Flip { axes: axes.into() }, [self])
    }

    /// An axis of extent `n` shifted cyclically: element `i` of the result is element `(i − shift) mod
    /// n` of this tensor.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Var::constant(Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0, 5.0], [5]));
    /// assert_eq!(x.roll(1, 0).value().to_vec(), [5.0, 1.0, 2.0, 3.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    #[must_use]
    #[track_caller]
    pub fn roll(&self, shift: isize, axis: isize) -> Self {
        Self::apply(Roll { shift, axis }, [self])
    }

    /// The whole tensor repeated along its axes; if there are more counts than axes, leading axes are
    /// added.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0], [2]));
    /// let y = x.repeat([2]);
    /// assert_eq!(y.value().to_vec(), [1.0, 2.0, 1.0, 2.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [2.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// If there are fewer counts than axes.
    #[must_use]
    #[track_caller]
    pub fn repeat(&self, counts: impl AsRef<[usize]>) -> Self {
        let counts = counts.as_ref();
        require!(
            counts.len() >= self.rank(),
            "repeat: {:?}: {counts:?} has fewer counts than axes",
            self.shape()
        );
        let mut shape = vec![1; counts.len() - self.rank()];
        shape.extend_from_slice(self.shape());
        let apart: Vec<_> = shape.iter().flat_map(|&n| [1, n]).collect();
        let wide: Vec<_> = shape
            .iter()
            .zip(counts)
            .flat_map(|(&n, &count)| [count, n])
            .collect();
        let whole: Vec<_> = shape
            .iter()
            .zip(counts)
            .map(|(&n, &count)| n * count)
            .collect();
        // A new axis for the copies before each axis, unless there is one copy.
        let needed = |extents: &[usize]| -> Vec<usize> {
            (0..extents.len())
                .filter(|&i| i % 2 == 1 || wide[i] != 1)
                .map(|i| extents[i])
                .collect()
        };
        self.reshape(needed(&apart))
            .broadcast_to(needed(&wide))
            .reshape(whole)
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<Flip>("flip"),
    OpInfo::op::<Roll>("roll"),
    OpInfo::function("repeat", |draw| {
        let rank = draw.within(0, 3);
        let shape = draw.shape(rank);
        let counts: Vec<_> = (0..rank + draw.within(0, 1))
            .map(|_| draw.within(0, 3))
            .collect();
        let description = format!("repeat({counts:?})");
        Case::new(
            description,
            generic!([counts] | x | x.repeat(&counts)),
            [draw.normal(shape)],
        )
    }),
];
