//! One recorded call as a function that can be checked alone.

use std::rc::Rc;

use wengert_tensor::{Dual, Real, Tensor};

use super::subject::Subject;
use crate::apply::replay;
use crate::call::Call;
use crate::function::Differentiable;
use crate::op::Outputs;
use crate::reads::Reads;
use crate::rule::{Contributions, Graph, TapeRule};
use crate::slots::Slots;
use crate::tape::{Entry, Input, Kept, Source};
use crate::var::Var;

/// A rule that several tapes record.
#[derive(Debug)]
pub(super) struct Shared<T: Real>(pub(super) Rc<dyn TapeRule<T>>);

impl<T: Real> TapeRule<T> for Shared<T> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn vjp(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        self.0.vjp(call, out);
    }

    fn run(&self, inputs: &[&Var<T>]) -> Outputs<T> {
        self.0.run(inputs)
    }

    fn declared_reads(&self) -> Reads {
        self.0.declared_reads()
    }
}

/// A recorded call as a function that is recorded again, so that its rule is differentiated too.
pub(super) struct Replayed {
    pub(super) rule: Rc<dyn TapeRule<f64>>,
    pub(super) dual: Option<Rc<dyn TapeRule<Dual>>>,
    pub(super) recorded: Vec<Tensor<f64>>,
    pub(super) tracked: Vec<usize>,
}

impl Replayed {
    fn run<T: Real>(
        &self,
        rule: &Rc<dyn TapeRule<T>>,
        x: &[Var<T>],
        constant: impl Fn(&Tensor<f64>) -> Tensor<T>,
    ) -> Vec<Var<T>> {
        let recorded = self.recorded.iter();
        let mut all: Vec<_> = recorded.map(|x| Var::constant(constant(x))).collect();
        for (&i, x) in self.tracked.iter().zip(x) {
            all[i] = x.clone();
        }
        replay(
            Box::new(Shared(rule.clone())),
            &all.iter().collect::<Vec<_>>(),
        )
    }
}

impl Differentiable for Replayed {
    fn f64(&self, x: &[Var<f64>]) -> Vec<Var<f64>> {
        self.run(&self.rule, x, Tensor::clone)
    }

    fn dual(&self, x: &[Var<Dual>]) -> Option<Vec<Var<Dual>>> {
        let rule = self.dual.as_ref()?;
        Some(self.run(rule, x, |x| x.map(Dual::constant)))
    }
}

/// The rule of an entry on its recorded inputs. Inputs that are not tracked are constants.
pub(super) struct LocalOp<'a> {
    pub(super) rule: &'a dyn TapeRule<f64>,
    /// The same op on dual numbers.
    pub(super) dual: Option<&'a dyn TapeRule<Dual>>,
    /// The recorded inputs.
    pub(super) recorded: Vec<Tensor<f64>>,
    /// The numbers of the tracked inputs, which are those of the function.
    pub(super) tracked: Vec<usize>,
}

impl LocalOp<'_> {
    /// All inputs, with the tracked ones replaced.
    fn all<T: Real>(
        &self,
        inputs: &[Tensor<T>],
        constant: impl Fn(&Tensor<f64>) -> Tensor<T>,
    ) -> Vec<Var<T>> {
        let mut all: Vec<Tensor<T>> = self.recorded.iter().map(constant).collect();
        for (&i, x) in self.tracked.iter().zip(inputs) {
            all[i] = x.clone();
        }
        all.into_iter().map(Var::constant).collect()
    }

    /// The cotangents of the tracked inputs by the rule. Each slot holds `before` when the rule runs.
    pub(super) fn vjp(
        &self,
        inputs: &[Tensor<f64>],
        cotangents: &[Tensor<f64>],
        before: Option<&[Tensor<f64>]>,
    ) -> Vec<Option<Tensor<f64>>> {
        let inputs = self.all(inputs, Tensor::clone);
        let outputs = self.rule.run(&inputs.iter().collect::<Vec<_>>());
        let reads = self.rule.declared_reads();
        let mut place = vec![None; inputs.len()];
        for (slot, &i) in self.tracked.iter().enumerate() {
            place[i] = Some(slot);
        }
        let entry = Entry {
            rule: None,
            inputs: crate::inline_vec::InlineVec::of(inputs.len(), |i| Input {
                value: Kept::new(inputs[i].value(), reads.reads_input(i)),
                source: place[i].map(|slot| Source {
                    entry: slot as u32,
                    output: 0,
                }),
            }),
            outputs: outputs.0.each(|k, y| Kept::new(y, reads.reads_output(k))),
            location: std::panic::Location::caller(),
        };
        let call = Call::new(entry, None);
        let mut slots = Slots::new(self.tracked.len());
        for (slot, x) in before.into_iter().flatten().enumerate() {
            slots.put((slot, 0), Var::constant(x.clone()));
        }
        let mut out = Contributions {
            call: &call,
            op: self.rule.name(),
            cotangents: cotangents
                .iter()
                .map(|c| Some(Var::constant(c.clone())))
                .collect(),
            slots: &mut slots,
            graph: Graph::Skip,
            needed: None,
        };
        self.rule.vjp(&call, &mut out);
        (0..self.tracked.len())
            .map(|slot| slots.take((slot, 0)).map(Var::into_value))
            .collect()
    }
}

impl Subject for LocalOp<'_> {
    fn outputs(&self, inputs: &[Tensor<f64>]) -> Vec<Tensor<f64>> {
        let inputs = self.all(inputs, Tensor::clone);
        let outputs = self.rule.run(&inputs.iter().collect::<Vec<_>>());
        outputs.0.into_iter().collect()
    }

    fn gradients(
        &self,
        inputs: &[Tensor<f64>],
        cotangents: &[Tensor<f64>],
    ) -> Vec<Option<Tensor<f64>>> {
        self.vjp(inputs, cotangents, None)
    }

    fn duals(&self, inputs: &[Tensor<Dual>]) -> Option<Vec<Tensor<Dual>>> {
        let inputs = self.all(inputs, |x| x.map(Dual::constant));
        let outputs = self.dual?.run(&inputs.iter().collect::<Vec<_>>());
        Some(outputs.0.into_iter().collect())
    }

    fn recorded(&self) -> Option<&dyn Differentiable> {
        None
    }
}
