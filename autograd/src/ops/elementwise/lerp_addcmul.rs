//! Linear interpolation, and a tensor plus a scaled product.

use crate::ops::prelude::*;

impl<T: Real> Var<T> {
    /// Linear interpolation `a + w (b − a)`, `self` being `a`; all three broadcast.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let (a, b) = (Var::scalar(10.0), Var::scalar(20.0));
    /// let weight = Var::constant(Tensor::from_vec(vec![0.0, 0.25, 1.0], [3]));
    /// assert_eq!(a.lerp(&b, &weight).value().to_vec(), [10.0, 12.5, 20.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast together.
    #[must_use]
    #[track_caller]
    pub fn lerp(&self, b: &Self, weight: &Self) -> Self {
        let shape = wengert_tensor::broadcast_shapes("lerp", self.shape(), b.shape());
        let _ = wengert_tensor::broadcast_shapes("lerp", &shape, weight.shape());
        if [self, b, weight].iter().any(|x| x.is_tracked()) {
            return self + weight * (b - self);
        }
        // The same bits, from one loop.
        let (a, b, w) = (self.tensor(), b.tensor(), weight.tensor());
        Self::constant(a.zip3(b, w, |a, b, w| a + w * (b - a)))
    }

    /// `x + value · a · b`, `self` being `x`; all three broadcast.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let a = Var::constant(Tensor::from_vec(vec![1.0, 2.0], [2]));
    /// assert_eq!(Var::scalar(10.0).addcmul(&a, &a, 0.5).value().to_vec(), [10.5, 12.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast together.
    #[must_use]
    #[track_caller]
    pub fn addcmul(&self, a: &Self, b: &Self, value: f64) -> Self {
        Self::apply(AddProduct { value }, [self, a, b])
    }
}

/// `x + value · a · b`
#[derive(Clone, Debug)]
pub struct AddProduct {
    value: f64,
}

impl Op for AddProduct {
    fn name(&self) -> &'static str {
        "addcmul"
    }

    fn attributes(&self) -> Attributes {
        vec![("value", self.value.into())]
    }

    fn reads(&self) -> Reads {
        Reads::inputs([1, 2])
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        let (x, a, b) = (&x[0], &x[1], &x[2]);
        if self.value == 1.0 {
            return x.zip3(a, b, |x, a, b| x + a * b).into();
        }
        let value = T::of(self.value);
        x.zip3(a, b, move |x, a, b| x + a * b * value).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        for i in [1, 2] {
            out.input(i, |g| {
                let product = (g * call.input(3 - i)).sum_to(call.input_shape(i));
                if self.value == 1.0 {
                    product
                } else {
                    product * self.value
                }
            });
        }
        out.input(0, |g| g.sum_to(call.input_shape(0)));
    }

    fn outline(&self, inputs: &[&[usize]]) -> Outline {
        Outline::elementwise(inputs)
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        Sample::new(
            Self {
                value: draw.pick(&[1.0, 0.3, -2.0]),
            },
            three(draw),
        )
    }
}

/// Three tensors that broadcast together.
pub(crate) fn three(draw: &mut Draw) -> [Tensor<f64>; 3] {
    let shape = draw.any_shape();
    std::array::from_fn(|_| {
        let narrow = draw.broadcastable(&shape);
        draw.normal(narrow)
    })
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<AddProduct>("addcmul"),
    OpInfo::function("lerp", |draw| {
        Case::new("lerp", generic!(|a, b, w| a.lerp(b, w)), three(draw))
    }),
    OpInfo::function("addcmul", |draw| {
        Case::new(
            "addcmul(0.3)",
            generic!(|x, a, b| x.addcmul(a, b, 0.3)),
            three(draw),
        )
    }),
];
