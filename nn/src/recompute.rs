//! [`Pass::recompute`]: a layer whose intermediate values are computed again in the backward pass.

use wengert_autograd::{Var, recompute_from};
use wengert_tensor::Real;

use crate::module::Layer;
use crate::parameters::ParametersExt;
use crate::pass::Pass;
use crate::running_layers::RunningLayers;

impl<T: Real> Pass<T> {
    /// The output of a layer, of which the tape keeps only the input and the parameters: the backward pass runs the
    /// layer again. This needs less memory and more time; values, gradients, dropout and running statistics have
    /// the same bits as with [`Module::call`](crate::Module::call).
    ///
    /// This is called gradient checkpointing (T. Chen, B. Xu, C. Zhang, C. Guestrin, 2016). It pays for a block of
    /// several layers. Outputs that are [captured](Self::capture) inside carry no gradient.
    ///
    /// ```
    /// use wengert_nn::{Linear, Module, Pass, Relu, Sequential, sequential};
    /// use wengert_tensor::Tensor;
    ///
    /// let rng = &mut wengert_nn::rng(0);
    /// let model: Sequential = sequential![Linear::new(3, 50, rng), Relu, Linear::new(50, 2, rng)];
    /// let x = Tensor::ones([4, 3]);
    ///
    /// let mut pass = Pass::train(&model, 0);
    /// let loss = model.call(&pass.input(x.clone()), &mut pass).sum(..);
    /// let (kept, expected) = (pass.tape().kept_bytes(), pass.backward(&loss));
    ///
    /// let mut pass = Pass::train(&model, 0);
    /// let loss = pass.recompute(&model, &pass.input(x)).sum(..);
    /// assert!(pass.tape().kept_bytes() < kept);
    /// assert_eq!(pass.backward(&loss).iter().collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>());
    /// ```
    ///
    /// # Panics
    /// If the layer has a parameter that is not one of the pass's model.
    #[must_use]
    #[track_caller]
    pub fn recompute<L>(&mut self, layer: &L, x: &Var<T>) -> Var<T>
    where
        L: Layer<T> + ?Sized,
    {
        if self.is_trace() {
            return layer.call(x, self);
        }
        let mut parameters = Vec::new();
        for (_, param) in layer.parameters() {
            parameters.push((self.param(param), param.id()));
        }
        let (rng, kernels) = (self.rng().clone(), self.kernels().clone());
        let entered = self.enter(layer.layer_id());
        let training = self.is_training();
        let evaluated = entered.layer().map(|layer| {
            let end = self.index.layers()[layer].end;
            self.running.evaluated(layer..end)
        });
        // Once, with the effects on generator, buffers and captures, and without a tape.
        let tracked = self.replace_leaves(parameters.iter().map(|(leaf, id)| (*id, leaf.detach())));
        let y = layer.forward(&x.detach(), self);
        let y = self.leave(entered, y);
        let _ = self.replace_leaves(tracked);

        let copy = layer.boxed_clone();
        let again = move |inputs: &[Var<T>]| {
            let mut pass = Self::train(&*copy, 0)
                .with_kernels(kernels.clone())
                .with_leaves(inputs[1..].iter().cloned());
            *pass.rng() = rng.clone();
            pass.running = RunningLayers::new(training);
            pass.running
                .evaluate(evaluated.as_deref().unwrap_or_default());
            vec![copy.call(&inputs[0], &mut pass)]
        };
        let inputs: Vec<_> = std::iter::once(x)
            .chain(parameters.iter().map(|(leaf, _)| leaf))
            .collect();
        recompute_from(vec![y.into_value()], again, &inputs).remove(0)
    }
}
