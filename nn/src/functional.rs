//! Derivatives with respect to named parameters: variables in the place of parameters, gradients per sample,
//! Jacobians, Hessians and their products.

use wengert_autograd::{Graph, Var, grad};
use wengert_tensor::fail::fail;
use wengert_tensor::{Real, Tensor, parallel, require};

use crate::module::Module;
use crate::parameters::{Parameters, ParametersExt};
use crate::pass::Pass;
use crate::pattern::{no_match, path_matches};

/// Tensors by the path of a parameter, in the order of the model.
pub type Named<T> = Vec<(String, Tensor<T>)>;

impl<T: Real> Pass<T> {
    /// The same pass with variables in the place of some parameters, by path: a functional call. Gradients flow to
    /// the variables and on to what they were computed from. The other parameters are as they were.
    ///
    /// ```
    /// use wengert_autograd::{Tape, Var};
    /// use wengert_nn::{Linear, Module, Pass};
    /// use wengert_tensor::Tensor;
    ///
    /// let layer: Linear = Linear::new(3, 2, &mut wengert_nn::rng(0));
    /// let scale = Tape::new().leaf(Tensor::scalar(2.0));
    /// let weight = &scale * Var::constant(layer.weight.value().clone());
    /// let mut pass = Pass::train(&layer, 0).with_parameters(&layer, &[("weight", &weight)]);
    /// let y = layer.call(&pass.input(Tensor::ones([1, 3])), &mut pass).sum(..);
    /// // y = scale · Σ w + Σ b
    /// let slope = y.backward().wrt(&scale).item();
    /// assert!((slope - layer.weight.value().sum(..).item()).abs() < 1e-6);
    /// ```
    ///
    /// # Panics
    /// If the model has no parameter of that path, or it has another shape.
    #[must_use]
    #[track_caller]
    pub fn with_parameters(
        mut self,
        model: &(impl Parameters<T> + ?Sized),
        parameters: &[(&str, &Var<T>)],
    ) -> Self {
        let all = model.parameters();
        for (path, value) in parameters {
            let Some((_, param)) = all.iter().find(|(other, _)| other == path) else {
                let paths = all.iter().map(|(path, _)| path.as_str());
                no_match("with_parameters", path, "parameter", paths);
            };
            require!(
                value.shape() == param.shape(),
                "with_parameters: {path}: {:?}: the parameter is {:?}",
                value.shape(),
                param.shape()
            );
            // The leaves of the other parameters must be on the same tape.
            if let Some(tape) = value.tape() {
                self.use_tape(tape);
            }
            let _ = self.replace_leaves([(param.id(), (*value).clone())]);
        }
        self
    }

    /// The Jacobian `∂y/∂θ` for each parameter `θ` that a pattern matches (see
    /// [`path_matches`](crate::path_matches)) and that the forward call has used, one backward pass for each
    /// element of `y`. Frozen parameters have none. The tape stays.
    ///
    /// * returns tensors `[y.., θ..]` by path
    ///
    /// # Panics
    /// If no such parameter matches.
    #[must_use]
    #[track_caller]
    pub fn jacobian(&self, y: &Var<T>, pattern: &str) -> Named<T> {
        let leaves = self.used("jacobian", pattern);
        let inputs: Vec<_> = leaves.iter().map(|(_, leaf)| *leaf).collect();
        let rows = (0..y.len()).map(|k| {
            let unit = Var::constant(unit(y.shape(), k));
            gradients(y, unit, &inputs, Graph::Skip)
        });
        stack(y.shape(), &leaves, rows)
    }

    /// The Hessian-vector product `Σⱼ (∂²loss/∂θᵢ∂θⱼ) vⱼ` for each parameter `θᵢ` that the forward call has used,
    /// by two backward passes. The tape stays, and holds the first of them.
    ///
    /// * `direction`: `vⱼ` by path; it is 0 for parameters that are not named
    /// * returns tensors of the shapes of the parameters by path
    ///
    /// # Panics
    /// If the loss has more than one element, or a direction is not that of a used parameter or has another shape.
    #[must_use]
    #[track_caller]
    pub fn hvp(&self, loss: &Var<T>, direction: &[(String, Tensor<T>)]) -> Named<T> {
        let leaves = self.used("hvp", "");
        let inputs: Vec<_> = leaves.iter().map(|(_, leaf)| *leaf).collect();
        let first = loss.grad(&inputs);
        let mut product: Option<Var<T>> = None;
        for (path, v) in direction {
            let Some(place) = leaves.iter().position(|(other, _)| other == path) else {
                no_match(
                    "hvp",
                    path,
                    "used parameter",
                    leaves.iter().map(|(path, _)| *path),
                );
            };
            require!(
                v.shape() == inputs[place].shape(),
                "hvp: {path}: a direction {:?} for a parameter {:?}: the shapes differ",
                v.shape(),
                inputs[place].shape()
            );
            let term = (&first[place] * Var::constant(v.clone())).sum(..);
            product = Some(match product {
                Some(sum) => sum + term,
                None => term,
            });
        }
        let Some(product) = product else {
            let zeros = leaves
                .iter()
                .map(|(path, x)| ((*path).to_owned(), Tensor::zeros(x.shape())));
            return zeros.collect();
        };
        let second = gradients(
            &product,
            Var::full(product.shape(), 1.0),
            &inputs,
            Graph::Skip,
        );
        let paths = leaves.iter().map(|(path, _)| (*path).to_owned());
        paths.zip(second).collect()
    }

    /// The blocks `∂²loss/∂θᵢ∂θⱼ` of the Hessian for the parameters that a pattern matches and that the forward call
    /// has used, one backward pass for each of their elements. The tape stays, and holds the first backward pass.
    ///
    /// * returns for each `θᵢ` its path and, by path, the tensors `[θᵢ.., θⱼ..]`
    ///
    /// # Panics
    /// If the loss has more than one element, or no such parameter matches.
    #[must_use]
    #[track_caller]
    pub fn hessian(&self, loss: &Var<T>, pattern: &str) -> Vec<(String, Named<T>)> {
        let leaves = self.used("hessian", pattern);
        let inputs: Vec<_> = leaves.iter().map(|(_, leaf)| *leaf).collect();
        let first = loss.grad(&inputs);
        let blocks = leaves.iter().zip(&first).map(|((path, leaf), gradient)| {
            let rows = (0..leaf.len()).map(|k| {
                let unit = Var::constant(unit(leaf.shape(), k));
                gradients(gradient, unit, &inputs, Graph::Skip)
            });
            ((*path).to_owned(), stack(leaf.shape(), &leaves, rows))
        });
        blocks.collect()
    }

    /// The leaves of the used parameters that a pattern matches, with their paths; all for an empty pattern.
    #[track_caller]
    fn used(&self, op: &str, pattern: &str) -> Vec<(&str, &Var<T>)> {
        let used: Vec<_> = self.leaves().collect();
        let matching = used.iter().filter(|(path, _)| path_matches(pattern, path));
        let matching: Vec<_> = matching.copied().collect();
        if matching.is_empty() {
            no_match(
                op,
                pattern,
                "used parameter",
                used.iter().map(|(path, _)| *path),
            );
        }
        matching
    }
}

/// The gradients of the loss of each sample by itself, `∂lossₙ/∂θ`, without mixing samples.
///
/// Every sample has a forward and a backward pass of its own, on as many threads as there are; the result does
/// not depend on their number. The mean over the samples is the gradient of the mean loss, unless layers mix
/// samples, as batch norm in training does.
///
/// * `loss`: the loss of sample `n`, `0..count`, by a pass whose seed is `seed + n`
/// * returns tensors `[count, θ..]` by path; 0 where a loss does not depend on a parameter
///
/// ```
/// use wengert_nn::{Linear, Module, Pass, per_sample_gradients};
/// use wengert_tensor::Tensor;
///
/// let layer: Linear = Linear::new(2, 1, &mut wengert_nn::rng(0));
/// let x = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]);
/// let gradients = per_sample_gradients(&layer, 2, 0, |n, pass| {
///     let n = n as isize;
///     layer.call(&pass.input(x.slice(0, n..n + 1)), pass).sum(..)
/// });
/// assert_eq!(gradients[0].0, "weight");
/// assert_eq!(gradients[0].1, x.reshape([2, 1, 2])); // y = w·x + b
/// ```
///
/// # Panics
/// If a loss has more than one element or depends on no parameter.
#[must_use]
#[track_caller]
pub fn per_sample_gradients<T: Real, M>(
    model: &M,
    count: usize,
    seed: u64,
    loss: impl Fn(usize, &mut Pass<T>) -> Var<T> + Sync,
) -> Named<T>
where
    M: Module<T> + Sync + ?Sized,
{
    // A pass takes far longer than giving a sample to a thread.
    let samples = parallel::map_chunks(count, usize::MAX, |n| {
        let mut pass = Pass::train(model, seed.wrapping_add(n as u64));
        let loss = loss(n, &mut pass);
        if loss.len() == 1 && loss.is_tracked() {
            Ok(pass.backward(&loss))
        } else {
            Err((n, loss.shape().to_vec()))
        }
    });
    let samples: Result<Vec<_>, _> = samples.into_iter().collect();
    let samples = match samples {
        Ok(samples) => samples,
        // On this thread, at the caller's line.
        Err((n, shape)) => fail(format_args!(
            "per_sample_gradients: the loss of sample {n} has the shape {shape:?}: it must be one number that depends on \
             a parameter"
        )),
    };
    let parameters = model.parameters();
    let stacked = parameters.into_iter().map(|(path, param)| {
        let zero = Tensor::zeros(param.shape());
        let rows: Vec<_> = samples
            .iter()
            .map(|g| g.get(param).unwrap_or(&zero))
            .collect();
        let values = rows.iter().flat_map(|row| row.to_vec()).collect();
        let shape = [&[count], param.shape()].concat();
        (path, Tensor::from_vec(values, shape))
    });
    stacked.collect()
}

/// The vector-Jacobian products, 0 where there is no path.
#[track_caller]
fn gradients<T: Real>(
    y: &Var<T>,
    cotangent: Var<T>,
    x: &[&Var<T>],
    graph: Graph,
) -> Vec<Tensor<T>> {
    let found = grad(&[(y, cotangent)], x, graph);
    let found = found.into_iter().zip(x);
    found
        .map(|(g, x)| g.map_or_else(|| Tensor::zeros(x.shape()), Var::into_value))
        .collect()
}

/// 1 at one place in row-major order, 0 elsewhere.
fn unit<T: Real>(shape: &[usize], place: usize) -> Tensor<T> {
    let mut unit = vec![T::zero(); shape.iter().product()];
    unit[place] = T::one();
    Tensor::from_vec(unit, shape)
}

/// Rows, each a list of tensors by parameter, as one tensor `[rows.., parameter..]` for each parameter.
fn stack<T: Real>(
    shape: &[usize],
    leaves: &[(&str, &Var<T>)],
    rows: impl Iterator<Item = Vec<Tensor<T>>>,
) -> Named<T> {
    let mut values: Vec<Vec<T>> = vec![Vec::new(); leaves.len()];
    for row in rows {
        for (values, part) in values.iter_mut().zip(row) {
            values.extend(part.iter());
        }
    }
    let named = leaves.iter().zip(values).map(|((path, leaf), values)| {
        let shape = [shape, leaf.shape()].concat();
        ((*path).to_owned(), Tensor::from_vec(values, shape))
    });
    named.collect()
}
