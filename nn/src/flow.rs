//! The gradient-flow audit: which parameters get a gradient, how large it is, and where a path ends.

use std::collections::BTreeMap;
use std::fmt;

use wengert_autograd::{RecordedCall, Var};
use wengert_tensor::{Real, Tensor, require};

use crate::module::Module;
use crate::parameters::{Parameters, ParametersExt, Slot};
use crate::pass::Pass;

/// What an audit found about one parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterFlow {
    /// The path.
    pub path: String,
    /// The shape.
    pub shape: Vec<usize>,
    /// Whether it is frozen, so that it needs no gradient.
    pub frozen: bool,
    /// Where its path ends, if no batch reached it.
    pub unreached: Option<String>,
    /// The 2-norm of its gradient for each batch that reached it.
    pub norms: Vec<f64>,
    /// The share of entries whose gradient is exactly zero in every batch.
    pub zeros: f64,
}

/// What an audit found about one rectifier of the forward pass.
#[derive(Clone, Debug, PartialEq)]
pub struct RectifierFlow {
    /// The op and its layer, or where it was called if no layer called it.
    pub name: String,
    /// The extent of axis 1: channels or features.
    pub units: usize,
    /// How many of them gave zero for every example of every batch.
    pub dead: usize,
}

/// The outcome of [`gradient_flow`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GradientFlow {
    /// The number of batches.
    pub batches: usize,
    /// Every parameter in the order of the model.
    pub parameters: Vec<ParameterFlow>,
    /// Every rectifier in the order of the forward pass.
    pub rectifiers: Vec<RectifierFlow>,
    /// Parameters that the forward pass used and that the model does not list: no optimizer changes them, no file keeps
    /// them.
    pub unlisted: Vec<String>,
    /// Operands that are not tracked and hold the same numbers in every batch: constants, or values of parameters that
    /// were read around the pass. Only looked for if there are two batches or more.
    pub constants: Vec<String>,
}

/// Audits the gradients of a model at some inputs, one for each batch.
///
/// The loss is the sum of the outputs with random weights. Use [`gradient_flow_with`] for a loss of your own.
///
/// ```
/// use wengert_nn::{Linear, Relu, Sequential, gradient_flow, sequential};
/// use wengert_tensor::Tensor;
///
/// let rng = &mut wengert_nn::rng(0);
/// let model: Sequential = sequential![Linear::new(3, 8, rng), Relu, Linear::new(8, 2, rng)];
/// let batches: Vec<_> = (0..4).map(|_| Tensor::normal([5, 3], 0.0, 1.0, rng)).collect();
/// let flow = gradient_flow(&model, &batches);
/// println!("{flow}");
/// flow.assert();
/// ```
///
/// # Panics
/// If the model cannot run on an input, or there are none.
#[must_use]
#[track_caller]
pub fn gradient_flow<T: Real>(model: &impl Module<T>, inputs: &[Tensor<T>]) -> GradientFlow {
    // Other weights in each batch, so that they are no constants.
    let mut seed = 0x00f1_000e;
    gradient_flow_with(model, inputs, |input, pass| {
        let x = pass.input(input.clone());
        let y = model.call(&x, pass);
        let weights = Tensor::normal(y.shape(), 0.0, 1.0, &mut crate::rng(seed));
        seed += 1;
        (y * Var::constant(weights)).sum(..)
    })
}

/// As [`gradient_flow`], for a loss: `loss(batch, pass)` computes it for one of the batches.
///
/// Random choices of step `i` come from the seed `i`.
///
/// # Panics
/// If the loss panics, has more than one element or does not depend on any parameter, or there are no batches.
#[must_use]
#[track_caller]
pub fn gradient_flow_with<T: Real, B>(
    model: &(impl Parameters<T> + ?Sized),
    batches: &[B],
    mut loss: impl FnMut(&B, &mut Pass<T>) -> Var<T>,
) -> GradientFlow {
    require!(
        !batches.is_empty(),
        "gradient_flow: no batches: give at least one"
    );
    let mut audit = Audit::new(model);
    for (seed, batch) in batches.iter().enumerate() {
        let mut pass = Pass::audit(model, seed as u64);
        let loss = loss(batch, &mut pass);
        audit.forward(&pass);
        let gradients = pass.backward(&loss);
        for place in 0..audit.flow.parameters.len() {
            let path = audit.flow.parameters[place].path.clone();
            let gradient = gradients.iter().find(|(p, _)| *p == path);
            let reason = gradients.unreached().find(|(p, _)| *p == path);
            audit.gradient(place, gradient.map(|(_, g)| g), reason.map(|(_, why)| why));
        }
    }
    audit.finish()
}

/// An audit under way.
struct Audit<T: Real> {
    flow: GradientFlow,
    values: Vec<Tensor<T>>,
    /// For each parameter, whether each entry was zero so far; empty before the first gradient.
    zeros: Vec<Vec<bool>>,
    reasons: Vec<Option<String>>,
    /// For each rectifier, whether each unit was dead so far.
    dead: Vec<Vec<bool>>,
    /// Untracked operands by call and place, as the first batch had them and the others too.
    constants: BTreeMap<(usize, usize), (String, Tensor<T>)>,
}

impl<T: Real> Audit<T> {
    fn new(model: &(impl Parameters<T> + ?Sized)) -> Self {
        let mut audit = Self {
            flow: GradientFlow::default(),
            values: Vec::new(),
            zeros: Vec::new(),
            reasons: Vec::new(),
            dead: Vec::new(),
            constants: BTreeMap::new(),
        };
        let mut seen = crate::IdSet::default();
        model.each(|path, slot| {
            let Slot::Param(param) = slot else { return };
            if !seen.insert(param.id()) {
                return; // A shared parameter goes by its first path.
            }
            audit.flow.parameters.push(ParameterFlow {
                path: path.to_owned(),
                shape: param.shape().to_vec(),
                frozen: param.is_frozen(),
                unreached: None,
                norms: Vec::new(),
                zeros: 0.0,
            });
            audit.values.push(param.value().clone());
        });
        audit.zeros = vec![Vec::new(); audit.values.len()];
        audit.reasons = vec![None; audit.values.len()];
        audit
    }

    /// Takes note of what one forward pass has recorded.
    fn forward(&mut self, pass: &Pass<T>) {
        let calls = pass.tape().calls();
        for found in pass.unlisted() {
            let text = format!("{:?}, used at {}", found.shape, found.location);
            if !self.flow.unlisted.contains(&text) {
                self.flow.unlisted.push(text);
            }
        }
        let has_units = |call: &&RecordedCall<T>| call.results[0].rank() >= 2;
        let rectifiers = calls
            .iter()
            .filter(|call| call.op == "relu")
            .filter(has_units);
        for (place, call) in rectifiers.enumerate() {
            self.rectifier(place, call);
        }
        let found = untracked(&calls);
        if self.flow.batches == 0 {
            self.constants = found;
        } else {
            self.constants.retain(|key, (text, value)| {
                found
                    .get(key)
                    .is_some_and(|(other, x)| other == text && same(value, x))
            });
        }
        self.flow.batches += 1;
    }

    fn rectifier(&mut self, place: usize, call: &RecordedCall<T>) {
        let y = &call.results[0];
        let units = y.size(1);
        let dead = (0..units).map(|unit| {
            let of_unit = y.slice(1, unit as isize..unit as isize + 1);
            of_unit.iter().all(|y| y == T::zero())
        });
        let dead: Vec<_> = dead.collect();
        if place == self.flow.rectifiers.len() {
            self.flow.rectifiers.push(RectifierFlow {
                name: place_of(call),
                units,
                dead: 0,
            });
            self.dead.push(dead);
        } else if let Some(before) = self.dead.get_mut(place) {
            for (before, now) in before.iter_mut().zip(dead) {
                *before &= now;
            }
        }
    }

    /// Takes note of the gradient of one parameter in one batch.
    fn gradient(&mut self, place: usize, gradient: Option<&Tensor<T>>, reason: Option<&str>) {
        let Some(gradient) = gradient else {
            self.reasons[place] = reason.map(ToOwned::to_owned);
            return;
        };
        let norm: T = gradient.norm2(..).item();
        self.flow.parameters[place].norms.push(norm.to_f64());
        let zeros = &mut self.zeros[place];
        zeros.resize(gradient.len(), true);
        for (zero, g) in zeros.iter_mut().zip(gradient.iter()) {
            *zero &= g == T::zero();
        }
    }

    fn finish(mut self) -> GradientFlow {
        for (rectifier, dead) in self.flow.rectifiers.iter_mut().zip(&self.dead) {
            rectifier.dead = dead.iter().filter(|dead| **dead).count();
        }
        for (place, parameter) in self.flow.parameters.iter_mut().enumerate() {
            let zeros = &self.zeros[place];
            if !zeros.is_empty() {
                let count = zeros.iter().filter(|zero| **zero).count();
                parameter.zeros = count as f64 / zeros.len() as f64;
            }
            if !parameter.norms.is_empty() || parameter.frozen {
                continue;
            }
            // A parameter's own numbers as a constant: its path was cut there.
            let mut constants = self.constants.values();
            let cut = constants.find(|(_, value)| same(value, &self.values[place]));
            let reason = self.reasons[place].take();
            let reason = reason.unwrap_or_else(|| "no path leads to it".to_owned());
            parameter.unreached = Some(match cut {
                Some((at, _)) => format!("{reason}; its numbers are a constant of {at}"),
                None => reason,
            });
        }
        if self.flow.batches > 1 {
            let constants = self.constants.into_values();
            self.flow.constants = constants.map(|(text, _)| text).collect();
        }
        self.flow
    }
}

fn place_of<T: Real>(call: &RecordedCall<T>) -> String {
    match &call.layer {
        Some(layer) => format!("{} in {layer}", call.op),
        None => format!("{} ({})", call.op, call.location),
    }
}

/// The operands of more than one element that are not tracked.
fn untracked<T: Real>(calls: &[RecordedCall<T>]) -> BTreeMap<(usize, usize), (String, Tensor<T>)> {
    let mut found = BTreeMap::new();
    for (number, call) in calls.iter().enumerate() {
        for (place, (value, source)) in call.operands.iter().enumerate() {
            if source.is_none() && value.len() > 1 {
                let text = format!("{}, operand {place} {:?}", place_of(call), value.shape());
                found.insert((number, place), (text, value.clone()));
            }
        }
    }
    found
}

fn same<T: Real>(a: &Tensor<T>, b: &Tensor<T>) -> bool {
    a.shape() == b.shape() && a.iter().eq(b.iter())
}

impl GradientFlow {
    /// What is wrong, one sentence each: parameters that were not reached, that are not listed, with gradients that are
    /// zero or not finite, and rectifiers of which every unit is dead.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for parameter in self.parameters.iter().filter(|p| !p.frozen) {
            let path = &parameter.path;
            if let Some(reason) = &parameter.unreached {
                problems.push(format!("{path} gets no gradient: {reason}"));
            } else if parameter.norms.iter().any(|norm| !norm.is_finite()) {
                problems.push(format!("{path} has a gradient that is not finite"));
            } else if parameter.norms.iter().all(|norm| *norm == 0.0)
                && !parameter.shape.contains(&0)
            {
                problems.push(format!(
                    "the gradient of {path} is exactly zero in every batch"
                ));
            }
        }
        for unlisted in &self.unlisted {
            problems.push(format!(
                "a parameter {unlisted} is not listed by the model; name its field in `fields!`"
            ));
        }
        for rectifier in self
            .rectifiers
            .iter()
            .filter(|r| r.units > 0 && r.dead == r.units)
        {
            problems.push(format!("every unit of {} is dead", rectifier.name));
        }
        problems
    }

    /// Whether there are no [problems](Self::problems).
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.problems().is_empty()
    }

    /// The 2-norm of the gradient of each layer for each batch, by the path of the layer that holds the parameters.
    #[must_use]
    pub fn layers(&self) -> Vec<(String, Vec<f64>)> {
        let mut layers: Vec<(String, Vec<f64>)> = Vec::new();
        for parameter in &self.parameters {
            let layer = parameter
                .path
                .rsplit_once('.')
                .map_or("", |(layer, _)| layer);
            if layers.last().is_none_or(|(last, _)| last != layer) {
                layers.push((layer.to_owned(), Vec::new()));
            }
            let Some((_, norms)) = layers.last_mut() else {
                continue;
            };
            norms.resize(norms.len().max(parameter.norms.len()), 0.0);
            for (sum, norm) in norms.iter_mut().zip(&parameter.norms) {
                *sum = sum.hypot(*norm);
            }
        }
        layers
    }

    /// Panics with the whole audit if something is wrong.
    ///
    /// # Panics
    /// If there are [problems](Self::problems).
    #[track_caller]
    pub fn assert(&self) {
        assert!(self.is_ok(), "{self}");
    }
}

impl fmt::Display for GradientFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problems = self.problems();
        let word = if problems.is_empty() { "ok" } else { "WRONG" };
        writeln!(f, "gradient flow over {} batches: {word}", self.batches)?;
        for problem in &problems {
            writeln!(f, "  {problem}")?;
        }
        for parameter in &self.parameters {
            let low = parameter
                .norms
                .iter()
                .copied()
                .fold(f64::INFINITY, f64::min);
            let high = parameter.norms.iter().copied().fold(0.0, f64::max);
            let shape = format!("{:?}", parameter.shape);
            write!(f, "  {:<28} {shape:<18}", parameter.path)?;
            if parameter.norms.is_empty() {
                let word = if parameter.frozen {
                    "frozen"
                } else {
                    "no gradient"
                };
                writeln!(f, " {word}")?;
            } else {
                let zeros = 100.0 * parameter.zeros;
                writeln!(
                    f,
                    " norm {low:.2e} … {high:.2e}, {zeros:.0} % of entries always zero"
                )?;
            }
        }
        for rectifier in &self.rectifiers {
            let RectifierFlow { name, units, dead } = rectifier;
            writeln!(f, "  {name}: {dead} of {units} units dead")?;
        }
        for constant in &self.constants {
            writeln!(f, "  constant: {constant}")?;
        }
        Ok(())
    }
}
