//! Rules made wrong on purpose: a checker is as good as the wrong rules that it refuses.

use std::fmt;

use wengert_tensor::{Real, Tensor};

use crate::backward::Slots;
use crate::few::Few;
use crate::op::{Call, Contributions, Cotangents, Inputs, Op, Outputs, Reads};
use crate::sample::{Draw, Sample};
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

/// An op whose rule is wrong for one of its inputs.
#[derive(Clone, Debug)]
pub struct Mutant<O> {
    op: O,
    mutator: Mutator,
    input: usize,
}

impl<O: Op> Mutant<O> {
    /// The op with its rule made wrong.
    pub const fn new(op: O, mutator: Mutator, input: usize) -> Self {
        Self { op, mutator, input }
    }
}

impl<O: Op> Op for Mutant<O> {
    fn name(&self) -> &'static str {
        self.op.name()
    }

    fn reads(&self) -> Reads {
        self.op.reads()
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        self.op.forward(x)
    }

    fn vjps<T: Real>(&self, call: &Call<T>, grad: &Cotangents<T>, out: &mut Contributions<'_, T>) {
        let count = call.inputs();
        let changed = self.changed(call);
        let ones = (self.mutator == Mutator::IgnoreCotangent).then(|| Cotangents {
            grads: (0..grad.grads.len())
                .map(|k| grad.get(k).map(|g| Var::full(g.shape(), 1.0)))
                .collect(),
        });
        // What the right rule gives, apart.
        let targets: Few<_> = (0..count).map(|i| out.wants(i).then_some((i, 0))).collect();
        let mut slots = Slots::new(count.saturating_sub(1), out.slots.graph);
        let mut right = Contributions {
            slots: &mut slots,
            targets: &targets,
            call,
            op: self.op.name(),
        };
        self.op.vjps(
            changed.as_ref().unwrap_or(call),
            ones.as_ref().unwrap_or(grad),
            &mut right,
        );
        let mut given: Vec<_> = (0..count).map(|i| slots.take((i, 0))).collect();

        let partner = (1..count)
            .map(|step| (self.input + step) % count)
            .find(|&j| call.input(j).shape() == call.input(self.input.min(count - 1)).shape());
        // A sample may have fewer inputs than the one that the input was chosen from.
        if self.mutator == Mutator::Swap
            && self.input < count
            && let Some(partner) = partner
            && given[self.input].is_some()
            && given[partner].is_some()
        {
            given.swap(self.input, partner);
        }
        for (i, g) in given.into_iter().enumerate() {
            let Some(g) = g else { continue };
            if i != self.input {
                out.add(i, g);
            } else if self.mutator == Mutator::Overwrite {
                out.overwrite(i, g);
            } else if self.mutator != Mutator::Drop {
                out.add(i, self.wrong(&g));
            }
        }
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let Sample { op, inputs } = O::sample(draw);
        Sample {
            op: Self::new(op, Mutator::Sign, 0),
            inputs,
        }
    }
}

impl<O> Mutant<O> {
    fn wrong<T: Real>(&self, g: &Var<T>) -> Var<T> {
        match self.mutator {
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

    /// The call as a rule sees it that saved the wrong values.
    fn changed<T: Real>(&self, call: &Call<T>) -> Option<Call<T>> {
        let change: fn(&Var<T>) -> Var<T> = match self.mutator {
            Mutator::WrongSaved => |x| x.mul_scalar(1.001),
            Mutator::Detached => Var::detach,
            _ => return None,
        };
        Some(Call {
            inputs: call.inputs.iter().map(change).collect(),
            outputs: call.outputs.iter().map(change).collect(),
        })
    }
}

/// The elements in another order, as a linear map that can be differentiated.
fn rearranged<T: Real>(g: &Var<T>, from: impl Fn(usize, usize) -> usize) -> Var<T> {
    let n = g.len();
    if n < 2 {
        return g.clone();
    }
    let flat = g.reshape([n]);
    let mut sum = Var::constant(Tensor::zeros([n]));
    for k in 0..n {
        let source = from(n, k) as isize;
        let one = flat.slice(0, source..source + 1);
        sum = sum.add(&one.unslice(&[(k as isize..k as isize + 1).into()], [n]));
    }
    sum.reshape(g.shape())
}
