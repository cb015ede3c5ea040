//! Rules made wrong on purpose: a checker is as good as the wrong rules that it refuses.

use std::fmt;

use wengert_tensor::{Dual, Real, Tensor};

use crate::call::Call;
use crate::function::Differentiable;
use crate::rule::{Contributions, Rule};
use crate::slots::Slots;
use crate::tape::{Entry, Input, Source, Tape};
use crate::var::Var;

/// One way to make a rule wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mutator {
    /// The cotangent is a millionth too large.
    Scale,
    /// It has the wrong sign.
    Sign,
    /// It goes to another input of the same shape.
    Swap,
    /// Its elements come in the opposite order.
    Permute,
    /// It is zero.
    Drop,
    /// It replaces what was there instead of adding to it.
    Overwrite,
    /// The output's cotangent is taken to be ones.
    IgnoreCotangent,
    /// It is rounded to `f32`.
    Single,
    /// Its elements are shifted by one.
    Shift,
    /// The rule reads saved values that are off by a thousandth.
    WrongSaved,
    /// The rule reads saved values without their history: second order is wrong.
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

/// One rule made wrong: which, how, and for which of its inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// How.
    pub mutator: Mutator,
    /// The name of the op; the first of that name that the function records is meant.
    pub op: &'static str,
    /// The input whose cotangent is wrong.
    pub input: usize,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at input {} of {}", self.mutator, self.input, self.op)
    }
}

/// A function of which one rule is made wrong, on the tape and so without compiling the op again.
#[allow(missing_debug_implementations, reason = "a function has none")]
pub struct Mutated<'a> {
    function: &'a dyn Differentiable,
    fault: Fault,
}

impl<'a> Mutated<'a> {
    /// The function with the fault, where it records such an op; the function itself otherwise.
    #[must_use]
    pub fn new(function: &'a dyn Differentiable, fault: Fault) -> Self {
        Self { function, fault }
    }

    /// Calls the function and makes the rule wrong that it has recorded.
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

/// The ops that a function records, each name once, with how many inputs it has.
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
    right: Box<dyn Rule<T>>,
    fault: Fault,
}

impl<T: Real> Rule<T> for Wrong<T> {
    fn name(&self) -> &'static str {
        self.right.name()
    }

    fn vjp(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let Fault { mutator, input, .. } = self.fault;
        let count = call.inputs();
        // What the right rule gives, apart.
        let wanted: Vec<_> = (0..count).map(|i| out.wants(i)).collect();
        let apart = self.apart(call, &wanted);
        let mut slots = Slots::new(count);
        let cotangents = (0..call.entry.outputs.len()).map(|k| {
            let g = out.take(k)?;
            Some(match mutator {
                Mutator::IgnoreCotangent => Var::full(g.shape(), 1.0),
                _ => g,
            })
        });
        let mut right = Contributions {
            call: &apart,
            op: self.right.name(),
            cotangents: cotangents.collect(),
            slots: &mut slots,
            graph: out.graph,
            needed: None,
        };
        self.right.vjp(&apart, &mut right);
        let mut given: Vec<_> = (0..count).map(|i| slots.take((i, 0))).collect();

        // A call may have fewer inputs than the one that the fault was chosen for.
        if mutator == Mutator::Swap && input < count {
            let partner = (1..count)
                .map(|step| (input + step) % count)
                .find(|&j| call.input(j).shape() == call.input(input).shape());
            if let Some(partner) = partner
                && given[input].is_some()
                && given[partner].is_some()
            {
                given.swap(input, partner);
            }
        }
        for (i, g) in given.into_iter().enumerate() {
            let Some(g) = g else { continue };
            if i != input {
                out.add(i, g);
            } else if mutator == Mutator::Overwrite {
                if let Some(target) = call.source(i).filter(|_| out.wants(i)) {
                    drop(out.slots.take(target));
                }
                out.add(i, g);
            } else if mutator != Mutator::Drop {
                out.add(i, wrong(mutator, &g));
            }
        }
    }
}

impl<T: Real> Wrong<T> {
    /// The call with the values that the fault makes the rule read, and each wanted input `i` as if
    /// output 0 of entry `i` had made it.
    fn apart(&self, call: &Call<T>, wanted: &[bool]) -> Call<T> {
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
        let apart = Call::new(entry, None);
        for i in 0..call.inputs() {
            apart.inputs.get(i).get_or_init(|| read(call.input(i)));
        }
        for k in 0..call.entry.outputs.len() {
            apart.outputs.get(k).get_or_init(|| read(call.output(k)));
        }
        apart
    }
}

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

/// The elements in another order, as a linear map that can be differentiated.
fn rearranged<T: Real>(g: &Var<T>, from: impl Fn(usize, usize) -> usize) -> Var<T> {
    let n = g.len();
    if n < 2 {
        return g.clone();
    }
    let index = Tensor::from_vec((0..n).map(|k| from(n, k) as i64).collect(), [n]);
    g.reshape([n]).index_select(0, &index).reshape(g.shape())
}
