//! The contract of an operation: its value, its rule, and where it may be sampled.

use std::fmt::Debug;
use std::ops::{Deref, Index};

use wengert_tensor::{Real, Slice, Tensor};

use crate::backward::Slots;
use crate::call::Call;
use crate::few::Single;
use crate::sample::{Draw, Sample};
use crate::var::Var;

/// What the rule of an op reads; the rest is dropped as soon as the op has run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// Shapes alone.
    Shapes,
    /// Values of the inputs.
    Inputs,
    /// Values of the outputs.
    Outputs,
    /// Both.
    Both,
}

/// A differentiable operation: defined once, for every number type and every order of derivative.
///
/// The rule is written in operations on [`Var`]. A plain backward pass hands it untracked values,
/// and nothing is recorded; a pass that creates a graph hands it tracked ones, and the gradient
/// can be differentiated again. So a rule may read only what it was handed: inputs, outputs, and
/// fields of the op that are piecewise constant in the inputs (indices, masks, options). A
/// differentiable intermediate is an extra output.
///
/// An op that has no samples does not compile: whoever can record it can check it.
///
/// ```
/// use wengert_autograd::{Call, Cotangents, Draw, Inputs, Op, Outputs, Reads, Sample, Var};
/// use wengert_tensor::Real;
///
/// #[derive(Clone, Debug)]
/// struct Cube;
///
/// impl Op for Cube {
///     fn reads(&self) -> Reads { Reads::Inputs }
///     fn forward<T: Real>(&self, x: &Inputs<T>) -> Outputs<T> { x[0].map(|x| x * x * x).into() }
///     fn vjp<T: Real>(&self, _: usize, call: &Call<T>, grad: &Cotangents<T>) -> Var<T> {
///         let x = call.input(0);
///         &**grad * &(x * x * 3.0)
///     }
///     fn sample(draw: &mut Draw) -> Sample<Self> { Sample::new(Cube, [draw.any()]) }
/// }
///
/// wengert_autograd::check_op::<Cube>().assert();
/// ```
///
/// Without `sample` it is not an op:
///
/// ```compile_fail,E0046
/// use wengert_autograd::{Call, Cotangents, Inputs, Op, Outputs, Var};
/// use wengert_tensor::Real;
///
/// #[derive(Clone, Debug)]
/// struct Unproven;
///
/// impl Op for Unproven {
///     fn forward<T: Real>(&self, x: &Inputs<T>) -> Outputs<T> { x[0].clone().into() }
///     fn vjp<T: Real>(&self, _: usize, _: &Call<T>, grad: &Cotangents<T>) -> Var<T> { (**grad).clone() }
/// }
/// ```
pub trait Op: Clone + Debug + Sized + 'static {
    /// The name in messages and reports; by default that of the type.
    fn name(&self) -> &'static str {
        let path = std::any::type_name::<Self>();
        path.rsplit("::").next().unwrap_or(path)
    }

    /// What the rule reads; by default everything is kept for it.
    fn reads(&self) -> Reads {
        Reads::Both
    }

    /// Whether the rule reads input `i`; to be overridden where it does not read all that
    /// [`reads`](Self::reads) covers, so that the rest is dropped.
    fn reads_input(&self, i: usize) -> bool {
        let _ = i;
        matches!(self.reads(), Reads::Inputs | Reads::Both)
    }

    /// Whether the rule reads output `k`, as [`reads_input`](Self::reads_input).
    fn reads_output(&self, k: usize) -> bool {
        let _ = k;
        matches!(self.reads(), Reads::Outputs | Reads::Both)
    }

    /// The outputs.
    #[track_caller]
    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T>;

    /// As [`forward`](Self::forward), of a first operand that is used up, and the others: to be
    /// overridden by an op that can write its result over the first. The values are the same, bit for
    /// bit; checks compare them.
    #[track_caller]
    fn forward_owned<T: Real>(&self, x: Tensor<T>, others: &Inputs<'_, T>) -> Outputs<T> {
        let x = Var::constant(x);
        if others.is_empty() {
            return self.forward(&Inputs(&[&x]));
        }
        self.forward(&Inputs(&[&[&x], others.0].concat()))
    }

    /// The cotangent of input `i`: `Σₖ (∂outputₖ/∂inputᵢ)ᵀ gradₖ`, of that input's shape.
    fn vjp<T: Real>(&self, i: usize, call: &Call<T>, grad: &Cotangents<T>) -> Var<T> {
        let _ = (i, call, grad);
        unreachable!("{}: defines neither vjp nor vjps", self.name())
    }

    /// The cotangents of every wanted input; to be overridden where they share work, where a
    /// cotangent fills only a region of its input, or where one may be written over that of the output.
    fn vjps<T: Real>(&self, call: &Call<T>, grad: Cotangents<T>, out: &mut Contributions<'_, T>) {
        for i in 0..call.inputs() {
            if out.wants(i) {
                out.add(i, self.vjp(i, call, &grad));
            }
        }
    }

    /// An op and inputs where it is differentiable and well conditioned, drawn at random.
    fn sample(draw: &mut Draw) -> Sample<Self>;
}

/// The operands of a forward call; `x[i]` is the `i`-th tensor.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a, T: Real>(pub(crate) &'a [&'a Var<T>]);

impl<'a, T: Real> Inputs<'a, T> {
    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tensors in order.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a Tensor<T>> + use<'a, T> {
        self.0.iter().map(|x| x.value())
    }
}

impl<T: Real> Index<usize> for Inputs<'_, T> {
    type Output = Tensor<T>;
    fn index(&self, i: usize) -> &Tensor<T> {
        self.0[i].value()
    }
}

/// The outputs of a forward call, made with `into()` from one tensor or several.
#[derive(Clone, Debug)]
pub struct Outputs<T: Real>(pub(crate) Single<Tensor<T>>);

impl<T: Real> From<Tensor<T>> for Outputs<T> {
    fn from(y: Tensor<T>) -> Self {
        Self(Single::one(y))
    }
}

impl<T: Real, const N: usize> From<[Tensor<T>; N]> for Outputs<T> {
    fn from(y: [Tensor<T>; N]) -> Self {
        Self(y.into_iter().collect())
    }
}

impl<T: Real> From<Vec<Tensor<T>>> for Outputs<T> {
    fn from(y: Vec<Tensor<T>>) -> Self {
        Self(y.into_iter().collect())
    }
}

/// The cotangents of a call's outputs; an output that nothing used has none.
///
/// It dereferences to the cotangent of output 0, which an op of one output always has.
#[derive(Debug)]
pub struct Cotangents<T: Real> {
    pub(crate) grads: Single<Option<Var<T>>>,
}

impl<T: Real> Cotangents<T> {
    /// The cotangent of output `k`, if anything used that output.
    #[must_use]
    pub fn get(&self, k: usize) -> Option<&Var<T>> {
        self.grads.get(k).and_then(Option::as_ref)
    }

    /// The cotangent of output 0 itself, to be used up.
    ///
    /// # Panics
    /// If nothing used output 0, which is so only with others.
    #[must_use]
    pub fn into_first(self) -> Var<T> {
        let first = self.grads.into_first().flatten();
        first.expect("the rule of an op with several outputs asks get(k) for each")
    }
}

impl<T: Real> Deref for Cotangents<T> {
    type Target = Var<T>;
    fn deref(&self) -> &Var<T> {
        self.get(0)
            .expect("the rule of an op with several outputs asks get(k) for each")
    }
}

/// Where a rule puts the cotangents of its inputs.
#[derive(Debug)]
pub struct Contributions<'a, T: Real> {
    pub(crate) slots: &'a mut Slots<T>,
    pub(crate) targets: Targets<'a>,
    pub(crate) call: &'a Call<T>,
    pub(crate) op: &'static str,
}

/// Where the cotangents of inputs go.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Targets<'a> {
    /// To what made the inputs, all of it or as far as it is needed, by entry.
    Sources(Option<&'a [bool]>),
    /// Each wanted one apart, to the entry of its own number.
    Apart(&'a [bool]),
}

impl<T: Real> Contributions<'_, T> {
    /// Whether the cotangent of input `i` is asked for; computing another is wasted work.
    #[must_use]
    pub fn wants(&self, i: usize) -> bool {
        self.target(i).is_some()
    }

    fn target(&self, i: usize) -> Option<(usize, usize)> {
        match self.targets {
            Targets::Apart(wanted) => wanted[i].then_some((i, 0)),
            Targets::Sources(needed) => self
                .call
                .source(i)
                .filter(|(entry, _)| needed.is_none_or(|needed| needed[*entry])),
        }
    }

    /// Adds to the cotangent of input `i`; ignored if it is not wanted.
    ///
    /// # Panics
    /// If the shape is not that of the input: the rule is wrong.
    pub fn add(&mut self, i: usize, cotangent: Var<T>) {
        if let Some(target) = self.target(i) {
            let expected = self.call.input_shape(i);
            assert!(
                cotangent.shape() == expected,
                "{}: wrong rule: the cotangent of input {i} is {:?}, the input {expected:?}",
                self.op,
                cotangent.shape()
            );
            self.slots.add(target, cotangent);
        }
    }

    /// Replaces what other uses of input `i` have added: only a wrong rule does so.
    pub(crate) fn overwrite(&mut self, i: usize, cotangent: Var<T>) {
        if let Some(target) = self.target(i) {
            self.slots.put(target, cotangent);
        }
    }

    /// Adds to a region of the cotangent of input `i`, one slice per axis, which is zero elsewhere.
    ///
    /// Many small regions of one large input cost their own size each, not the input's.
    pub fn add_region(&mut self, i: usize, region: &[Slice], cotangent: Var<T>) {
        if let Some(target) = self.target(i) {
            self.slots
                .add_region(target, region, self.call.input_shape(i), cotangent);
        }
    }
}

/// An [`Op`] with its number type fixed, as a tape stores it.
pub(crate) trait Rule<T: Real>: Debug {
    fn name(&self) -> &'static str;
    fn vjps(&self, call: &Call<T>, grad: Cotangents<T>, out: &mut Contributions<'_, T>);
}

impl<T: Real, O: Op> Rule<T> for O {
    fn name(&self) -> &'static str {
        Op::name(self)
    }

    fn vjps(&self, call: &Call<T>, grad: Cotangents<T>, out: &mut Contributions<'_, T>) {
        Op::vjps(self, call, grad, out);
    }
}
