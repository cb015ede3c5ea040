//! Random omission of whole blocks.

use wengert_autograd::Var;
use wengert_tensor::{Real, require};

use crate::layers::dropout::drop_units;
use crate::module::Module;
use crate::pass::Pass;

/// In training, each example is 0 with probability `p` and else divided by `1 − p`; in evaluation `y = x` (Huang, Sun, Liu,
/// Sedra & Weinberger 2016). Before the sum with a shortcut it skips the block.
///
/// * input and output: `[batch, ..]`
///
/// It is torchvision's `StochasticDepth` of mode `row`.
///
/// ```
/// use wengert_nn::{Module, Pass, StochasticDepth};
/// use wengert_tensor::Tensor;
///
/// let layer = StochasticDepth::new(0.5);
/// let mut pass = Pass::<f32>::train(&layer, 0);
/// let x = pass.input(Tensor::ones([4, 3]));
/// let y = layer.call(&x, &mut pass);
/// for row in y.value().to_vec().chunks(3) {
///     assert!(row == [0.0; 3] || row == [2.0; 3]);
/// }
/// ```
#[derive(Clone, Debug)]
pub struct StochasticDepth {
    p: f64,
}

crate::fields!(StochasticDepth);

impl StochasticDepth {
    /// A layer that drops an example with probability `p`.
    ///
    /// # Panics
    /// If `p` is not in `0..=1`.
    #[must_use]
    #[track_caller]
    pub fn new(p: f64) -> Self {
        require!(
            (0.0..=1.0).contains(&p),
            "stochastic_depth: {p} is not a probability"
        );
        Self { p }
    }
}

impl<T: Real> Module<T> for StochasticDepth {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        require!(
            x.rank() > 0,
            "stochastic_depth: []: an axis of examples is needed"
        );
        let mut examples = x.shape().to_vec();
        examples[1..].fill(1);
        drop_units(x, &examples, self.p, pass)
    }

    fn forward_owned(&self, x: Var<T>, pass: &mut Pass<T>) -> Var<T> {
        if self.p == 0.0 || !pass.is_training() {
            return x;
        }
        self.forward(&x, pass)
    }
}

samples! {
    |_rng| StochasticDepth::new(0.5), [5, 3];
}
