//! The contract of an operation: its value, its rule, and where it may be sampled.

use std::fmt::Debug;
use std::ops::Index;

use wengert_tensor::{Real, Tensor};

use crate::attribute::Attributes;
use crate::call::Call;
use crate::inline_vec::InlineVec;
use crate::on_slices::OnSlices;
use crate::outline::Outline;
use crate::reads::Reads;
use crate::rule::{Contributions, TapeRule};
use crate::sample::{Draw, Sample};
use crate::var::Var;

/// A differentiable operation: defined once, for every number type and every order of derivative.
///
/// The rule is written in operations on [`Var`]. A plain backward pass gives it untracked values,
/// and nothing is recorded; a pass that creates a graph gives it tracked ones, and the gradient
/// can be differentiated again. So a rule may read only what it is given: inputs, outputs, and
/// fields of the op that are piecewise constant in the inputs (indices, masks, options). A
/// differentiable intermediate is an extra output.
///
/// An op without samples does not compile, so that every op can be checked.
///
/// ```
/// use wengert_autograd::{Call, Contributions, Draw, Inputs, Op, Outputs, Reads, Sample};
/// use wengert_tensor::Real;
///
/// #[derive(Clone, Debug)]
/// struct Cube;
///
/// impl Op for Cube {
///     fn reads(&self) -> Reads { Reads::inputs([0]) }
///     fn forward<T: Real>(&self, x: &Inputs<T>) -> Outputs<T> { x[0].map(|x| x * x * x).into() }
///     fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<T>) {
///         let x = call.input(0);
///         out.input(0, |g| g * (x * x * 3.0));
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
/// use wengert_autograd::{Call, Contributions, Inputs, Op, Outputs};
/// use wengert_tensor::Real;
///
/// #[derive(Clone, Debug)]
/// struct Unproven;
///
/// impl Op for Unproven {
///     fn forward<T: Real>(&self, x: &Inputs<T>) -> Outputs<T> { x[0].clone().into() }
///     fn vjp<T: Real>(&self, _: &Call<T>, out: &mut Contributions<T>) { out.input(0, Clone::clone); }
/// }
/// ```
///
/// Nor without a rule:
///
/// ```compile_fail,E0046
/// use wengert_autograd::{Draw, Inputs, Op, Outputs, Sample};
/// use wengert_tensor::Real;
///
/// #[derive(Clone, Debug)]
/// struct Unruled;
///
/// impl Op for Unruled {
///     fn forward<T: Real>(&self, x: &Inputs<T>) -> Outputs<T> { x[0].clone().into() }
///     fn sample(draw: &mut Draw) -> Sample<Self> { Sample::new(Unruled, [draw.any()]) }
/// }
/// ```
pub trait Op: Clone + Debug + Sized + 'static {
    /// The name in messages and reports; by default that of the type.
    fn name(&self) -> &'static str {
        let path = std::any::type_name::<Self>();
        path.rsplit("::").next().unwrap_or(path)
    }

    /// The options by name, for a program that translates a recorded computation into another format; none by
    /// default. [`RecordedCall::attributes`](crate::RecordedCall::attributes) has them.
    fn attributes(&self) -> Attributes {
        Attributes::new()
    }

    /// Which values the rule reads; by default all. The others are dropped as soon as the op has run,
    /// and a rule that reads one nevertheless gets NaN.
    fn reads(&self) -> Reads {
        Reads::ALL
    }

    /// The outputs.
    #[track_caller]
    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T>;

    /// As [`forward`](Self::forward), and takes the first operand by value: an op that can work in place
    /// overrides it. The values are the same, bit for bit; checks compare them.
    #[track_caller]
    fn forward_owned<T: Real>(&self, x: Tensor<T>, others: &Inputs<'_, T>) -> Outputs<T> {
        let x = Var::constant(x);
        if others.is_empty() {
            return self.forward(&Inputs(&[&x]));
        }
        self.forward(&Inputs(&[&[&x], others.0].concat()))
    }

    /// The rule, or vector-Jacobian product: adds to the cotangent of each wanted input `i`
    /// `Σₖ (∂outputₖ/∂inputᵢ)ᵀ gₖ`, of that input's shape, where `gₖ` is the cotangent of output `k`.
    ///
    /// An op of one output writes `out.input(i, |g| …)` for each input.
    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>);

    /// The op on plain slices, for inputs of these shapes; by default it is not known.
    ///
    /// [`Replay`](crate::Replay) runs small operands so.
    fn on_slices<T: Real>(&self, shapes: &[&[usize]]) -> Option<OnSlices<T>> {
        let _ = shapes;
        None
    }

    /// Shapes, multiply-adds and reach for inputs of these shapes; by default the op is run to find
    /// its shapes. Called only on a tape made by [`Tape::outline`](crate::Tape::outline).
    fn outline(&self, inputs: &[&[usize]]) -> Outline {
        let _ = inputs;
        Outline::run()
    }

    /// An op and inputs where it is differentiable and well conditioned, drawn at random.
    fn sample(draw: &mut Draw) -> Sample<Self>;
}

/// The operands of a forward call; `x[i]` is the `i`-th tensor.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a, T: Real>(pub(crate) &'a [&'a Var<T>]);

impl<'a, T: Real> Inputs<'a, T> {
    /// The number of operands.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no operands.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tensors in order.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a Tensor<T>> + use<'a, T> {
        self.0.iter().map(|x| x.tensor())
    }
}

impl<T: Real> Index<usize> for Inputs<'_, T> {
    type Output = Tensor<T>;
    fn index(&self, i: usize) -> &Tensor<T> {
        self.0[i].tensor()
    }
}

/// The outputs of a forward call, made with `into()` from one tensor or several.
#[derive(Clone, Debug)]
pub struct Outputs<T: Real>(pub(crate) InlineVec<Tensor<T>, 1>);

impl<T: Real> From<Tensor<T>> for Outputs<T> {
    fn from(y: Tensor<T>) -> Self {
        Self(InlineVec::one(y))
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

impl<T: Real, O: Op> TapeRule<T> for O {
    fn name(&self) -> &'static str {
        Op::name(self)
    }

    fn attributes(&self) -> Attributes {
        Op::attributes(self)
    }

    fn vjp(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        Op::vjp(self, call, out);
    }

    fn run(&self, inputs: &[&Var<T>]) -> Outputs<T> {
        self.forward(&Inputs(inputs))
    }

    fn declared_reads(&self) -> Reads {
        self.reads()
    }

    fn on_slices(&self, shapes: &[&[usize]]) -> Option<OnSlices<T>> {
        // A constant condition: dual numbers, which are for checks, need no loops of their own.
        if T::PLAIN {
            Op::on_slices(self, shapes)
        } else {
            None
        }
    }
}
