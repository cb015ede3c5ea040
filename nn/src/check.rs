//! The gradient checker for layers and whole models.

use std::cell::OnceCell;

use rand_chacha::ChaCha8Rng;
use wengert_autograd::check::{CheckOptions, Report, check_gradients_with};
use wengert_autograd::{Differentiable, Draw, LARGEST, Var};
use wengert_tensor::kernels::conv::KernelChoice;
use wengert_tensor::{Dual, Real, Tensor};

use crate::layers::Sequential;
use crate::module::Module;
use crate::parameters::{ParametersExt, SlotMut};
use crate::pass::{Mode, Pass};

/// Checks every gradient of a model, that of its input included, in training and in evaluation.
///
/// * first the model: an expression that makes it from a generator; it is compiled once per number
///   type, so the model must be generic over it
/// * then the shape of the input, or the input itself, a `Tensor<f64>`
/// * then options, if others than the default: a
///   [`CheckOptions`](wengert_autograd::check::CheckOptions)
///
/// Parameters and buffers are moved off their starting values first: where a gain is 1 and a shift 0,
/// a rule that forgets them would pass. Dropout drops the same units at every evaluation.
///
/// The gradients in `f32` are those of the kernels that training uses, such as Winograd's; those in `f64` that they are
/// compared with sum plainly.
///
/// A step of the finite differences that crosses the kink of a rectifier is recognised, so that networks of rectifiers
/// are checked with the same options. If something is wrong, the report names the op, its line and its layer.
///
/// The result is one [`Report`] per mode, whose inputs are named by the parameters' paths, the last
/// one `input`.
///
/// ```
/// use wengert_nn::{Linear, check_model};
///
/// for report in check_model!(|rng| Linear::new(3, 2, rng), [4, 3]) {
///     report.assert();
///     assert_eq!(report.names, ["weight", "bias", "input"]);
/// }
/// ```
#[macro_export]
macro_rules! check_model {
    (|$rng:ident| $model:expr, $input:expr $(,)?) => {
        $crate::check_model!(|$rng| $model, $input, ::core::default::Default::default())
    };
    (|$rng:ident| $model:expr, $input:expr, $options:expr $(,)?) => {
        $crate::check::check_builders(
            &$crate::check::Builders {
                f64: |$rng: &mut $crate::check::Generator| $model,
                dual: |$rng: &mut $crate::check::Generator| $model,
                f32: |$rng: &mut $crate::check::Generator| $model,
            },
            $input,
            &$options,
        )
    };
}

/// What models are made from in a check.
pub type Generator = ChaCha8Rng;

/// One way to make a model per number type, as [`check_model!`](crate::check_model) writes them.
#[derive(Clone, Copy, Debug)]
pub struct Builders<A, B, C> {
    /// On `f64`.
    pub f64: A,
    /// On dual numbers.
    pub dual: B,
    /// On `f32`.
    pub f32: C,
}

/// How a layer is made for one number type.
#[doc(hidden)]
pub type Make<T> = fn(&mut Generator) -> Sequential<T>;

/// A layer and the shape of an input for it. The tests check its gradients, its state dict and its summary.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct LayerSample {
    /// The expression that makes the layer.
    pub layer: &'static str,
    /// The same for each number type.
    pub builders: Builders<Make<f64>, Make<Dual>, Make<f32>>,
    /// The shape of the input.
    pub input: Vec<usize>,
}

/// A tensor to check a model at, or its shape.
pub trait CheckInput {
    /// The tensor.
    fn tensor(self, draw: &mut Draw) -> Tensor<f64>;
}

impl CheckInput for Tensor<f64> {
    fn tensor(self, _draw: &mut Draw) -> Tensor<f64> {
        self
    }
}

impl CheckInput for Vec<usize> {
    fn tensor(self, draw: &mut Draw) -> Tensor<f64> {
        draw.normal(self)
    }
}

impl<const N: usize> CheckInput for [usize; N] {
    fn tensor(self, draw: &mut Draw) -> Tensor<f64> {
        draw.normal(self)
    }
}

/// What [`check_model!`](crate::check_model) calls.
///
/// # Panics
/// If the model cannot run on the input.
#[must_use]
#[track_caller]
pub fn check_builders<A, B, C, P, Q, R>(
    builders: &Builders<A, B, C>,
    input: impl CheckInput,
    options: &CheckOptions,
) -> [Report; 2]
where
    A: Fn(&mut Generator) -> P,
    B: Fn(&mut Generator) -> Q,
    C: Fn(&mut Generator) -> R,
    P: Module<f64>,
    Q: Module<Dual>,
    R: Module<f32>,
{
    let mut draw = Draw::new(options.seed, LARGEST);
    let model = (builders.f64)(&mut crate::rng(options.seed));
    let parameters = model.parameters();
    let (mut names, mut inputs): (Vec<_>, Vec<_>) = parameters
        .into_iter()
        .map(|(path, param)| {
            let moved = param.value() + &(draw.normal(param.shape()) * 0.1);
            (path, moved)
        })
        .unzip();
    names.push("input".to_owned());
    inputs.push(input.tensor(&mut draw));
    [Mode::Train, Mode::Eval].map(|mode| {
        let function = InMode {
            builders,
            mode,
            seed: options.seed,
            f64: OnceCell::new(),
            dual: OnceCell::new(),
            f32: OnceCell::new(),
        };
        let report = check_gradients_with(function, &inputs, options);
        report.titled(format!("{mode:?}")).named(names.clone())
    })
}

/// A model in one mode as a function of its parameters and its input.
struct InMode<'a, A, B, C, P, Q, R> {
    builders: &'a Builders<A, B, C>,
    mode: Mode,
    seed: u64,
    /// The model on each number type, once it is needed.
    f64: OnceCell<P>,
    dual: OnceCell<Q>,
    f32: OnceCell<R>,
}

impl<A, B, C, P, Q, R> InMode<'_, A, B, C, P, Q, R> {
    /// A model whose buffers are moved off their starting values.
    fn build<T, M>(&self, build: impl Fn(&mut Generator) -> M) -> M
    where
        T: Real,
        M: Module<T>,
    {
        let mut model = build(&mut crate::rng(self.seed));
        let mut draw = Draw::new(self.seed, LARGEST);
        model.each_mut(|_, slot| {
            if let SlotMut::Buffer(buffer) = slot {
                let shift = draw.uniform(buffer.shape(), 0.1, 0.9).cast();
                buffer.value_mut().add_assign(&shift);
            }
        });
        model
    }

    fn run<T, M>(&self, model: &M, x: &[Var<T>], kernels: KernelChoice) -> Vec<Var<T>>
    where
        T: Real,
        M: Module<T>,
    {
        let pass = match self.mode {
            Mode::Train => Pass::train(model, self.seed),
            Mode::Eval => Pass::eval(model),
        };
        let (input, parameters) = x.split_last().expect("the input comes last");
        let mut pass = pass
            .with_kernels(kernels)
            .with_leaves(parameters.iter().cloned());
        vec![model.call(input, &mut pass)]
    }
}

impl<A, B, C, P, Q, R> Differentiable for InMode<'_, A, B, C, P, Q, R>
where
    A: Fn(&mut Generator) -> P,
    B: Fn(&mut Generator) -> Q,
    C: Fn(&mut Generator) -> R,
    P: Module<f64>,
    Q: Module<Dual>,
    R: Module<f32>,
{
    fn f64(&self, x: &[Var<f64>]) -> Vec<Var<f64>> {
        let model = self.f64.get_or_init(|| self.build(&self.builders.f64));
        self.run(model, x, KernelChoice::Accurate)
    }

    fn dual(&self, x: &[Var<Dual>]) -> Option<Vec<Var<Dual>>> {
        let model = self.dual.get_or_init(|| self.build(&self.builders.dual));
        Some(self.run(model, x, KernelChoice::Accurate))
    }

    fn f32(&self, x: &[Var<f32>]) -> Option<Vec<Var<f32>>> {
        let model = self.f32.get_or_init(|| self.build(&self.builders.f32));
        // The kernels that training uses.
        Some(self.run(model, x, KernelChoice::Auto))
    }
}
