//! Mutation testing of the checker: rules are made wrong on purpose, and the checker must reject them.

use std::fmt;

use wengert_tensor::{Dual, Real, Tensor};

use crate::call::Call;
use crate::function::Differentiable;
use crate::op::Outputs;
use crate::reads::Reads;
use crate::rule::{Contributions, TapeRule};
use crate::slots::Slots;
use crate::tape::{Entry, Input, Source, Tape};
use crate::var::Var;

/// One way to make a rule wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mutator {
    /// The cotangent is a millionth too large.
    Scale,
    /// The cotangent has the wrong sign.
    Sign,
    /// The cotangent is exchanged with that of another input of the same shape.
    Swap,
    /// The elements of the cotangent are in reverse order.
    Permute,
    /// The cotangent is missing, which counts as zero.
    Drop,
    /// The cotangent replaces the sum so far instead of being added to it.
    Overwrite,
    /// The rule uses ones in place of the cotangents of the outputs.
    IgnoreCotangent,
    /// The cotangent is rounded to `f32`.
    Single,
    /// The elements of the cotangent are rolled by one position.
    Shift,
    /// The rule reads saved values that are too large by a factor of 1.001.
    WrongSaved,
    /// The rule reads saved values that are detached, so second derivatives are wrong.
    Detached,
}

impl Mutator {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Scale,
        Self::Sign,
        Self::Swap,
        Self::Permute,
        Self::Drop,
        Self::Overwrite,
        Self::IgnoreCotangent,
        Self::Single,
        Self::Shift,
        Self::WrongSaved,
        Self::Detached,
    ];
}

impl fmt::Display for Mutator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Scale => "scale",
            Self::Sign => "sign",
            Self::Swap => "swap",
            Self::Permute => "permute",
            Self::Drop => "drop",
            Self::Overwrite => "overwrite",
            Self::IgnoreCotangent => "ignore cotangent",
            Self::Single => "f32",
            Self::Shift => "shift",
            Self::WrongSaved => "wrong saved value",
            Self::Detached => "detached",
        })
    }
}

/// The mutation of one rule: which op, which input, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// How the rule is made wrong.
    pub mutator: Mutator,
    /// The name of the op. If the function records several of that name, the first one is mutated.
    pub op: &'static str,
    /// The input whose cotangent is wrong.
    pub input: usize,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at input {} of {}", self.mutator, self.input, self.op)
    }
}

/// A function with a mutation of one rule. The recorded rule is replaced on the tape, so the op is not
/// compiled again for every mutation.
#[allow(
    missing_debug_implementations,
    reason = "`dyn Differentiable` has no `Debug`"
)]
pub struct Mutated<'a> {
    function: &'a dyn Differentiable,
    fault: Fault,
}

impl<'a> Mutated<'a> {
    /// The function with the fault. If it records no such op, it is unchanged.
    #[must_use]
    pub fn new(function: &'a dyn Differentiable, fault: Fault) -> Self {
        Self { function, fault }
    }

    /// Calls the function, and then replaces the recorded rule that the fault names by a wrong one.
    fn run<T: Real, Y>(&self, x: &[Var<T>], f: impl FnOnce(&[Var<T>]) -> Y) -> Y {
        let Some(tape) = x.iter().find_map(Var::tape) else {
            return f(x);
        };
        let before = tape.len();
        let y = f(x);
        let fault = self.fault;
        tape.with_entries(|entries| {
            let mut rules = entries[before..].iter_mut().flatten().map(|e| &mut e.rule);
            let first =
                rules.find(|rule| rule.as_ref().is_some_and(|rule| rule.name() == fault.op));
            if let Some(rule) = first {
                *rule = rule
                    .take()
                    .map(|right| Box::new(Wrong { right, fault }) as _);
            }
        });
        y
    }
}

impl Differentiable for Mutated<'_> {
    fn f64(&self, x: &[Var<f64>]) -> Vec<Var<f64>> {
        self.run(x, |x| self.function.f64(x))
    }
    fn dual(&self, x: &[Var<Dual>]) -> Option<Vec<Var<Dual>>> {
        self.run(x, |x| self.function.dual(x))
    }
    fn f32(&self, x: &[Var<f32>]) -> Option<Vec<Var<f32>>> {
        self.run(x, |x| self.function.f32(x))
    }
}

/// The names of the ops that a function records, without repeats, each with its number of inputs.
#[must_use]
pub fn recorded(
    function: &dyn Differentiable,
    inputs: &[Tensor<f64>],
) -> Vec<(&'static str, usize)> {
    let tape = Tape::new();
    let x: Vec<_> = inputs.iter().map(|x| tape.leaf(x.clone())).collect();
    let before = tape.len();
    drop(function.f64(&x));
    let mut found: Vec<(&'static str, usize)> = Vec::new();
    tape.with_entries(|entries| {
        for entry in entries[before..].iter().flatten() {
            let Some(rule) = &entry.rule else { continue };
            if found.iter().all(|(known, _)| *known != rule.name()) {
                found.push((rule.name(), entry.inputs.len()));
            }
        }
    });
    found
}

/// A rule with a fault.
#[derive(Debug)]
struct Wrong<T: Real> {
    right: Box<dyn TapeRule<T>>,
    fault: Fault,
}

impl<T: Real> TapeRule<T> for Wrong<T> {
    fn name(&self) -> &'static str {
        self.right.name()
    }

    fn run(&self, inputs: &[&Var<T>]) -> Outputs<T> {
        self.right.run(inputs)
    }

    fn declared_reads(&self) -> Reads {
        self.right.declared_reads()
    }

    fn vjp(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let Fault { mutator, input, .. } = self.fault;
        let count = call.inputs();
        // The right rule runs with slots of its own, so that its cotangents can be changed before they are
        // added.
        let wanted: Vec<_> = (0..count).map(|i| out.wants(i)).collect();
        let isolated = self.isolated(call, &wanted);
        let mut slots = Slots::new(count);
        let cotangents = (0..call.entry.outputs.len()).map(|k| {
            let g = out.take(k)?;
            Some(match mutator {
                Mutator::IgnoreCotangent => Var::full(g.shape(), 1.0),
                _ => g,
            })
        });
        let mut right = Contributions {
            call: &isolated,
            op: self.right.name(),
            cotangents: cotangents.collect(),
            slots: &mut slots,
            graph: out.graph,
            needed: None,
        };
        self.right.vjp(&isolated, &mut right);
        let mut computed: Vec<_> = (0..count).map(|i| slots.take((i, 0))).collect();

        // A call may have fewer inputs than the one that the fault was chosen for.
        if mutator == Mutator::Swap && input < count {
            let partner = (1..count)
                .map(|step| (input + step) % count)
                .find(|&j| call.input(j).shape() == call.input(input).shape());
            if let Some(partner) = partner
                && computed[input].is_some()
                && computed[partner].is_some()
            {
                computed.swap(input, partner);
            }
        }
        for (i, g) in computed.into_iter().enumerate() {
            let Some(g) = g else { continue };
            if i != input {
                out.add(i, g);
            } else if mutator == Mutator::Overwrite {
                let target = call.source(i);
                let target = target.expect("only inputs with a source get a cotangent");
                drop(out.slots.take(target));
                out.add(i, g);
            } else if mutator != Mutator::Drop {
                out.add(i, wrong(mutator, &g));
            }
        }
    }
}

impl<T: Real> Wrong<T> {
    /// A copy of the call whose values are those that the fault makes the rule read. Each wanted input `i`
    /// refers to output 0 of entry `i`, so that its cotangent is stored in slot `i`.
    fn isolated(&self, call: &Call<T>, wanted: &[bool]) -> Call<T> {
        let read: fn(&Var<T>) -> Var<T> = match self.fault.mutator {
            Mutator::WrongSaved => |x| x.mul_scalar(1.001),
            Mutator::Detached => Var::detach,
            _ => Var::clone,
        };
        let Entry {
            inputs,
            outputs,
            location,
            ..
        } = &call.entry;
        let inputs = inputs.each(|i, input| Input {
            value: input.value.clone(),
            source: wanted[i].then_some(Source {
                entry: i as u32,
                output: 0,
            }),
        });
        let entry = Entry {
            rule: None,
            inputs,
            outputs: outputs.clone(),
            location,
        };
        let isolated = Call::new(entry, None);
        for i in 0..call.inputs() {
            isolated.inputs.get(i).get_or_init(|| read(call.input(i)));
        }
        for k in 0..call.entry.outputs.len() {
            isolated.outputs.get(k).get_or_init(|| read(call.output(k)));
        }
        isolated
    }
}

/// The cotangent as the mutator makes it wrong.
fn wrong<T: Real>(mutator: Mutator, g: &Var<T>) -> Var<T> {
    match mutator {
        Mutator::Scale => g.mul_scalar(1.0 + 1e-6),
        Mutator::Sign => g.neg(),
        Mutator::Permute => rearranged(g, |n, k| n - 1 - k),
        Mutator::Shift => rearranged(g, |n, k| (k + 1) % n),
        Mutator::Single => {
            let rounding = g
                .value()
                .map(|x| T::of(f64::from(x.to_f64() as f32) - x.to_f64()));
            g.add(&Var::constant(rounding))
        }
        _ => g.clone(),
    }
}

/// The elements in another order, by an op, so that second derivatives pass through it.
fn rearranged<T: Real>(g: &Var<T>, from: impl Fn(usize, usize) -> usize) -> Var<T> {
    let n = g.len();
    if n < 2 {
        return g.clone();
    }
    let index = Tensor::from_vec((0..n).map(|k| from(n, k) as i64).collect(), [n]);
    g.reshape([n]).index_select(0, &index).reshape(g.shape())
}
