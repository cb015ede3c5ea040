//! A gate for each channel.

use rand::Rng;
use wengert_autograd::Var;
use wengert_tensor::{Real, keep, require};

use crate::layers::{Activation, Conv2d};
use crate::module::Module;
use crate::pass::Pass;

/// Each channel times a gate that the means of all channels decide (Hu, Shen & Sun 2018, equations 2 to 4):
///
/// `y = x · σ(W₂ f(W₁ mean(x) + b₁) + b₂)`
///
/// * input and output: `[batch, channels, height, width]`
///
/// Parameters, as in `torchvision.ops.SqueezeExcitation`: `fc1.weight` `[squeezed, channels, 1, 1]`, `fc1.bias`,
/// `fc2.weight` `[channels, squeezed, 1, 1]`, `fc2.bias`.
///
/// ```
/// use wengert_nn::{SqueezeExcitation, summary};
///
/// let layer: SqueezeExcitation = SqueezeExcitation::new(16, 4, &mut wengert_nn::rng(0));
/// assert_eq!(summary(&layer, [2, 16, 8, 8]).output_shape, [2, 16, 8, 8]);
/// ```
#[derive(Clone, Debug)]
pub struct SqueezeExcitation<T: Real = f32> {
    /// From all channels to few.
    pub fc1: Conv2d<T>,
    /// From few channels to all.
    pub fc2: Conv2d<T>,
    /// `f`; relu.
    pub activation: Activation,
    /// `σ`; sigmoid.
    pub gate: Activation,
}

crate::fields!(SqueezeExcitation {
    fc1,
    fc2,
    activation,
    "scale_activation" => gate
});

impl<T: Real> SqueezeExcitation<T> {
    /// A layer with `squeezed` channels in the middle.
    #[must_use]
    pub fn new(channels: usize, squeezed: usize, rng: &mut impl Rng) -> Self {
        Self {
            fc1: Conv2d::new(channels, squeezed, 1, rng),
            fc2: Conv2d::new(squeezed, channels, 1, rng),
            activation: Activation::Relu,
            gate: Activation::Sigmoid,
        }
    }
}

impl<T: Real> Module<T> for SqueezeExcitation<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        require!(
            x.rank() == 4,
            "squeeze_excitation: {:?}: [batch, channels, height, width] is needed",
            x.shape()
        );
        let means = x.mean(keep([2, 3]));
        let few = self.fc1.call(&means, pass);
        let few = self.activation.call_owned(few, pass);
        let gates = self.fc2.call(&few, pass);
        x * self.gate.call_owned(gates, pass)
    }
}

samples! {
    |rng| SqueezeExcitation::new(3, 2, rng), [2, 3, 4, 3];
}
