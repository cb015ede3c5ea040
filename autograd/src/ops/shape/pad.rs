//! Padding and cropping.

use crate::ops::prelude::*;

/// A tensor padded with a constant, or cropped.
#[derive(Clone, Debug)]
pub struct Pad {
    widths: Vec<[isize; 2]>,
    value: f64,
}

impl Op for Pad {
    fn name(&self) -> &'static str {
        "pad"
    }

    fn attributes(&self) -> Attributes {
        vec![
            ("widths", self.widths.as_flattened().into()),
            ("value", self.value.into()),
        ]
    }

    fn reads(&self) -> Reads {
        Reads::SHAPES
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].pad(&self.widths, T::of(self.value)).into()
    }

    fn vjp<T: Real>(&self, _call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |grad| {
            let widths: Vec<_> = self.widths.iter().map(|width| width.map(|n| -n)).collect();
            grad.pad(&widths, 0.0)
        });
    }

    fn outline(&self, _inputs: &[&[usize]]) -> Outline {
        Outline::run().reach(Reach::Point)
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let x = draw.any();
        let widths = x
            .shape()
            .iter()
            .map(|&n| {
                let (before, behind) = (
                    draw.within(0, 3) as isize - 1,
                    draw.within(0, 3) as isize - 1,
                );
                if before.min(0) + behind.min(0) < -(n as isize) {
                    [1, 0]
                } else {
                    [before, behind]
                }
            })
            .collect();
        Sample::new(
            Self {
                widths,
                value: draw.pick(&[0.0, 1.5]),
            },
            [x],
        )
    }
}

/// Which of its own elements a tensor is padded with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Border {
    /// Reflection without repeating the edge: `c b | a b c | b a`.
    Reflect,
    /// The element at the edge: `a a | a b c | c c`.
    Replicate,
    /// The elements at the other end, as if the tensor were periodic: `b c | a b c | a b`.
    Circular,
}

impl Border {
    /// The index in `0..n` of the element at position `i` of an axis of extent `n`; `i` may be outside.
    fn place(self, i: isize, n: isize) -> isize {
        match self {
            Self::Reflect if i < 0 => -i,
            Self::Reflect if i >= n => 2 * (n - 1) - i,
            Self::Reflect => i,
            Self::Replicate => i.clamp(0, n - 1),
            Self::Circular => i.rem_euclid(n),
        }
    }

    /// The widest border of an axis of extent `n`.
    fn limit(self, n: usize) -> usize {
        match self {
            Self::Reflect => n.saturating_sub(1),
            Self::Replicate => {
                if n > 0 {
                    usize::MAX
                } else {
                    0
                }
            }
            Self::Circular => n,
        }
    }
}

impl<T: Real> Var<T> {
    /// Pads with `value`: `[before, after]` elements per axis; a negative number crops.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0], [2]));
    /// let y = x.pad(&[[1, -1]], 0.0);
    /// assert_eq!(y.value().to_vec(), [0.0, 1.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [1.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If there is not one pair per axis, or more elements are cropped than an axis has.
    #[must_use]
    #[track_caller]
    pub fn pad(&self, widths: &[[isize; 2]], value: f64) -> Self {
        Self::apply(
            Pad {
                widths: widths.to_vec(),
                value,
            },
            [self],
        )
    }

    /// Pads with the tensor's own elements: `[before, after]` elements per axis.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::ops::Border;
    ///
    /// let x = Var::constant(Tensor::from_vec(vec![1.0, 2.0, 3.0], [3]));
    /// assert_eq!(x.pad_border(&[[2, 0]], Border::Reflect).value().to_vec(), [3.0, 2.0, 1.0, 2.0, 3.0]);
    /// assert_eq!(x.pad_border(&[[1, 1]], Border::Circular).value().to_vec(), [3.0, 1.0, 2.0, 3.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If there is not one pair per axis, or a border is too wide. The widest is the extent − 1 for
    /// [`Border::Reflect`], and the extent for [`Border::Circular`].
    #[must_use]
    #[track_caller]
    pub fn pad_border(&self, widths: &[[usize; 2]], border: Border) -> Self {
        let shape = self.shape();
        require!(
            widths.len() == shape.len(),
            "pad_border: {shape:?}: {} pairs for {} axes",
            widths.len(),
            shape.len()
        );
        let mut y = self.clone();
        for (axis, (&[before, behind], &n)) in widths.iter().zip(shape).enumerate() {
            if [before, behind] == [0, 0] {
                continue;
            }
            let (limit, widest) = (border.limit(n), before.max(behind));
            require!(
                widest <= limit,
                "pad_border: {shape:?}: {border:?} of axis {axis} can be {limit} wide, not {widest}"
            );
            let total = n.saturating_add(before).saturating_add(behind);
            wengert_tensor::require_memory::<i64>("pad_border", shape, total);
            let n = n as isize;
            let places: Vec<_> = (-(before as isize)..n + behind as isize)
                .map(|i| border.place(i, n) as i64)
                .collect();
            let count = places.len();
            y = y.index_select(axis as isize, &Tensor::from_vec(places, [count]));
        }
        y
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<Pad>("pad"),
    OpInfo::function("pad_border", |draw| {
        let rank = draw.within(1, 3);
        let shape = draw.filled_shape(rank);
        let border = draw.pick(&[Border::Reflect, Border::Replicate, Border::Circular]);
        let widths: Vec<[usize; 2]> = shape
            .iter()
            .map(|&n| {
                [
                    draw.within(0, border.limit(n).min(3)),
                    draw.within(0, border.limit(n).min(3)),
                ]
            })
            .collect();
        let description = format!("pad_border({widths:?}, {border:?})");
        let f = generic!([widths, border] | x | x.pad_border(&widths, border));
        Case::new(description, f, [draw.normal(shape)])
    }),
];
