//! [`recompute`]: a function whose intermediate values are computed again in the backward pass instead of kept.

use std::fmt;
use std::rc::Rc;

use wengert_tensor::Real;

use crate::apply::record_rule;
use crate::backward::grad;
use crate::call::Call;
use crate::op::Outputs;
use crate::reads::Reads;
use crate::rule::{Contributions, Graph, TapeRule};
use crate::tape::Tape;
use crate::var::Var;

/// A function of variables with several results.
type Function<T> = Rc<dyn Fn(&[Var<T>]) -> Vec<Var<T>>>;

/// The results of `f`, of which the tape keeps the inputs alone. The backward pass runs `f` again, on a tape of its
/// own, so the memory for its intermediate values is needed for one such function at a time, at the cost of one
/// more forward computation. Values and gradients have the same bits as without it.
///
/// This is called gradient checkpointing (T. Chen, B. Xu, C. Zhang, C. Guestrin: Training deep nets with
/// sublinear memory cost, 2016). Derivatives of any order are supported. `wengert_nn::Pass::recompute` does it for a
/// layer with parameters.
///
/// * `f`: a function of the inputs alone. It must compute the same each time, so a random choice in it needs
///   a generator that it makes itself from a fixed seed. Other tracked variables count as constants.
///
/// ```
/// use wengert_autograd::{Tape, recompute};
/// use wengert_tensor::Tensor;
///
/// let tape = Tape::new();
/// let x = tape.leaf(Tensor::from_vec(vec![0.5_f64, 2.0], [2]));
/// let y = recompute(|x| vec![x[0].sin().exp().tanh()], &[&x]).remove(0);
/// assert_eq!(tape.len(), 2); // the leaf and one entry
/// let g = y.sum(..).backward().wrt(&x).clone();
///
/// let x = Tape::new().leaf(x.value().clone());
/// assert_eq!(x.sin().exp().tanh().sum(..).backward().wrt(&x), &g);
/// ```
///
/// # Panics
/// If the inputs live on different tapes.
#[must_use]
#[track_caller]
pub fn recompute<T: Real>(
    f: impl Fn(&[Var<T>]) -> Vec<Var<T>> + 'static,
    inputs: &[&Var<T>],
) -> Vec<Var<T>> {
    record(Rc::new(f), inputs)
}

#[track_caller]
fn record<T: Real>(f: Function<T>, inputs: &[&Var<T>]) -> Vec<Var<T>> {
    let untracked: Vec<_> = inputs.iter().map(|x| x.detach()).collect();
    let outputs = f(&untracked).into_iter().map(Var::into_value).collect();
    record_rule(Box::new(Recompute { f }), inputs, outputs)
}

/// As [`recompute`], where the outputs are known already.
///
/// The caller has computed `f` of the untracked inputs in its own way, with effects that must happen once.
///
/// # Panics
/// If the inputs live on different tapes.
#[must_use]
#[track_caller]
pub fn recompute_from<T: Real>(
    outputs: Vec<wengert_tensor::Tensor<T>>,
    f: impl Fn(&[Var<T>]) -> Vec<Var<T>> + 'static,
    inputs: &[&Var<T>],
) -> Vec<Var<T>> {
    record_rule(Box::new(Recompute { f: Rc::new(f) }), inputs, outputs)
}

/// The rule of a function that is computed again.
struct Recompute<T: Real> {
    f: Function<T>,
}

impl<T: Real> fmt::Debug for Recompute<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recompute")
    }
}

impl<T: Real> TapeRule<T> for Recompute<T> {
    fn name(&self) -> &'static str {
        "Recompute"
    }

    fn run(&self, inputs: &[&Var<T>]) -> Outputs<T> {
        let untracked: Vec<_> = inputs.iter().map(|x| x.detach()).collect();
        let outputs: Vec<_> = (self.f)(&untracked)
            .into_iter()
            .map(Var::into_value)
            .collect();
        outputs.into()
    }

    fn declared_reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn vjp(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let count = call.inputs();
        let wanted: Vec<bool> = (0..count).map(|i| out.wants(i)).collect();
        // The outputs without a cotangent are left out.
        let used: Vec<usize> = (0..call.outputs())
            .filter(|&k| out.grad(k).is_some())
            .collect();
        let inputs = (0..count).map(|i| call.input(i).clone());
        let cotangents = used.iter().filter_map(|&k| out.take(k));
        let arguments: Vec<_> = inputs.chain(cotangents).collect();
        let gradient = gradient(Rc::clone(&self.f), wanted.clone(), used);
        let gradients = match out.graph() {
            Graph::Skip => gradient(&arguments),
            // The gradient is a function that is computed again too.
            Graph::Create => record(Rc::new(gradient), &arguments.iter().collect::<Vec<_>>()),
        };
        let wanted = (0..count).filter(|&i| wanted[i]);
        for (i, gradient) in wanted.zip(gradients) {
            out.add(i, gradient);
        }
    }
}

/// The gradients of `Σ ⟨outputₖ, cotangentₖ⟩` over the used outputs with respect to the wanted inputs, as a function of
/// the inputs followed by those cotangents.
fn gradient<T: Real>(
    f: Function<T>,
    wanted: Vec<bool>,
    used: Vec<usize>,
) -> impl Fn(&[Var<T>]) -> Vec<Var<T>> {
    move |arguments| {
        // Tracked arguments: the gradients are to be differentiated again.
        let tracked = arguments.iter().find_map(Var::tape);
        let graph = if tracked.is_some() {
            Graph::Create
        } else {
            Graph::Skip
        };
        let tape = tracked.cloned().unwrap_or_else(Tape::new);
        let (inputs, cotangents) = arguments.split_at(wanted.len());
        let is_leaf = |x: &Var<T>, wanted: &bool| *wanted && !x.is_tracked();
        let inputs: Vec<_> = inputs
            .iter()
            .zip(&wanted)
            .map(|(x, wanted)| {
                if is_leaf(x, wanted) {
                    tape.leaf(x.value().clone())
                } else {
                    x.clone()
                }
            })
            .collect();
        let outputs = f(&inputs);
        let roots: Vec<_> = used
            .iter()
            .zip(cotangents)
            .map(|(&k, cotangent)| (&outputs[k], cotangent.clone()))
            .collect();
        let wanted: Vec<_> = inputs
            .iter()
            .zip(&wanted)
            .filter(|(_, wanted)| **wanted)
            .collect();
        let wanted: Vec<_> = wanted.into_iter().map(|(x, _)| x).collect();
        grad(&roots, &wanted, graph)
            .into_iter()
            .zip(wanted)
            .map(|(gradient, x)| gradient.unwrap_or_else(|| Var::full(x.shape(), 0.0)))
            .collect()
    }
}
