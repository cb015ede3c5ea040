//! A shortcut past layers.

use wengert_autograd::Var;
use wengert_tensor::{Real, require};

use crate::layers::Sequential;
use crate::module::{Layer, Module};
use crate::pass::Pass;

/// `y = body(x) + shortcut(x)` (He, Zhang, Ren & Sun 2016, equation 1); without a shortcut layer `body(x) + x`.
///
/// * input: any shape
/// * output: the shape of both summands
///
/// ```
/// use wengert_nn::{Conv2d, ParametersExt, Relu, Residual, sequential, summary};
///
/// let rng = &mut wengert_nn::rng(0);
/// let body = sequential![Conv2d::new(4, 8, 3, rng).padding(1), Relu];
/// let block: Residual = Residual::new(body).shortcut(Conv2d::new(4, 8, 1, rng).without_bias());
/// assert_eq!(summary(&block, [2, 4, 5, 5]).output_shape, [2, 8, 5, 5]);
/// let names: Vec<_> = block.parameters().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["body.0.weight", "body.0.bias", "shortcut.0.weight"]);
/// ```
#[derive(Clone, Debug)]
pub struct Residual<T: Real = f32> {
    /// The layers that the shortcut passes by.
    pub body: Sequential<T>,
    /// What the shortcut does; empty for `x` itself.
    pub shortcut: Sequential<T>,
}

crate::fields!(Residual { body, shortcut });

impl<T: Real> Residual<T> {
    /// `body(x) + x`.
    #[must_use]
    pub const fn new(body: Sequential<T>) -> Self {
        Self {
            body,
            shortcut: Sequential::new(),
        }
    }

    /// With a layer in the shortcut, such as a 1 × 1 convolution where the body changes the shape.
    #[must_use]
    #[track_caller]
    pub fn shortcut(mut self, layer: impl Layer<T> + 'static) -> Self {
        self.shortcut = self.shortcut.push(layer);
        self
    }
}

impl<T: Real> Module<T> for Residual<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let y = self.body.call(x, pass);
        let kept = if self.shortcut.is_empty() {
            x.clone()
        } else {
            self.shortcut.call(x, pass)
        };
        require!(
            y.shape() == kept.shape(),
            "residual: {:?}: the body returns {:?}, the shortcut {:?}; give the shortcut a layer that changes the shape \
             likewise",
            x.shape(),
            y.shape(),
            kept.shape()
        );
        y + kept
    }
}

samples! {
    |rng| Residual::new(crate::sequential![crate::Conv2d::new(2, 2, 3, rng).padding(1)]), [2, 2, 4, 3];
    |rng| Residual::new(crate::sequential![crate::Conv2d::new(2, 3, 3, rng).padding(1), crate::Tanh])
        .shortcut(crate::Conv2d::new(2, 3, 1, rng).without_bias()), [2, 2, 4, 3];
}
