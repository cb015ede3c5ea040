//! Models: their parameters, one training step, several steps, training on the digits.

use serde_json::{Map, Value, json};
use wengert::autograd::Var;
use wengert::nn::models::{
    CifarResNet, CifarResNetOptions, DigitsCnn, DigitsOptions, LeNet, LeNetOptions,
    MobileNetOptions, MobileNetV2, Pool, Shortcut, Vgg, VggLayout, VggOptions, torchvision,
};
use wengert::nn::{Activation, Layer, ParametersExt, Pass, Slot, StateDict, Values, rng, summary};
use wengert::optim::Optimizer;
use wengert::tensor::{Real, Tensor};

use crate::args::Args;
use crate::compare::{self, Tolerance};
use crate::failure::{Failure, needed, wrong};
use crate::manifest::{Case, Stored};
use crate::optimizers::build::rule;

pub fn run(case: &Case, stored: &Stored<'_>) -> Result<(), Failure> {
    let args = Args::new(&case.args);
    match case.op.as_str() {
        "model_stats" => model_stats(case, &args),
        "model" => match case.dtype.as_deref() {
            Some("f64") => model::<f64>(case, stored, &args),
            Some("f32") => model::<f32>(case, stored, &args),
            other => wrong(format!("dtype {other:?}")),
        },
        _ => match case.dtype.as_deref() {
            Some("f64") => digits_train::<f64>(case, stored, &args),
            Some("f32") => digits_train::<f32>(case, stored, &args),
            other => wrong(format!("dtype {other:?}")),
        },
    }
}

/// A model by the fixtures' name and options.
fn build<T: Real>(arch: &str, options: &Map<String, Value>) -> Result<Box<dyn Layer<T>>, Failure> {
    let args = Args::new(options);
    let rng = &mut rng(0);
    let pool = || match args.str("pool")? {
        None | Some("max") => Ok(Pool::Max),
        Some("avg") => Ok(Pool::Average),
        Some(other) => wrong(format!("pool {other:?}")),
    };
    let model: Box<dyn Layer<T>> = match arch {
        "lenet" => {
            let plain = LeNetOptions::default();
            let options = LeNetOptions {
                channels: args.usize_or("cin", plain.channels)?,
                first: args.usize_or("c1", plain.first)?,
                second: args.usize_or("c2", plain.second)?,
                kernel: args.usize_or("k", plain.kernel)?,
                padding: args.usize_or("pad1", plain.padding)?,
                size: args.usize_or("size", plain.size)?,
                hidden: [
                    args.usize_or("f1", plain.hidden[0])?,
                    args.usize_or("f2", plain.hidden[1])?,
                ],
                classes: args.usize_or("classes", plain.classes)?,
                pool: pool()?,
            };
            Box::new(LeNet::new(&options, rng))
        }
        "resnet_cifar" => {
            let plain = CifarResNetOptions::default();
            let options = CifarResNetOptions {
                widths: args.usizes("widths")?.unwrap_or(plain.widths),
                blocks: args.usizes("blocks")?.unwrap_or(plain.blocks),
                channels: args.usize_or("cin", plain.channels)?,
                classes: args.usize_or("classes", plain.classes)?,
                shortcut: match args.str("shortcut")? {
                    None | Some("conv") => Shortcut::Conv,
                    Some("pad") => Shortcut::Pad,
                    Some(other) => return wrong(format!("shortcut {other:?}")),
                },
            };
            Box::new(CifarResNet::new(&options, rng))
        }
        "digits_cnn" => {
            let plain = DigitsOptions::default();
            let options = DigitsOptions {
                filters: [
                    args.usize_or("c1", plain.filters[0])?,
                    args.usize_or("c2", plain.filters[1])?,
                ],
                batch_norm: args.bool_or("bn", plain.batch_norm)?,
                activation: match args.str("act")? {
                    None => plain.activation,
                    Some(name) => activation(name)?,
                },
                pool: pool()?,
            };
            Box::new(DigitsCnn::new(&options, rng))
        }
        "vgg11" | "vgg11_bn" | "vgg13" | "vgg13_bn" | "vgg16" | "vgg16_bn" | "vgg19"
        | "vgg19_bn" => {
            let layout = match &arch[3..5] {
                "11" => VggLayout::Vgg11,
                "13" => VggLayout::Vgg13,
                "16" => VggLayout::Vgg16,
                _ => VggLayout::Vgg19,
            };
            let options = VggOptions {
                batch_norm: arch.ends_with("_bn"),
                classes: args.usize_or("num_classes", 1000)?,
                ..VggOptions::default()
            };
            Box::new(Vgg::new(layout, &options, rng))
        }
        "mobilenet_v2" => {
            let plain = MobileNetOptions::default();
            let options = MobileNetOptions {
                width_mult: args.f64_or("width_mult", plain.width_mult)?,
                classes: args.usize_or("num_classes", plain.classes)?,
                ..plain
            };
            Box::new(MobileNetV2::new(&options, rng))
        }
        name => {
            let classes = args.usize_or("num_classes", 1000)?;
            match torchvision(name, classes, rng) {
                Some(model) => Box::new(model),
                None => return wrong(format!("arch {name:?}")),
            }
        }
    };
    args.all_read()?;
    Ok(model)
}

fn activation(name: &str) -> Result<Activation, Failure> {
    Ok(match name {
        "relu" => Activation::Relu,
        "leaky_relu" => Activation::LeakyRelu(0.01),
        "tanh" => Activation::Tanh,
        "sigmoid" => Activation::Sigmoid,
        "relu6" => Activation::Relu6,
        "gelu" => Activation::Gelu,
        "gelu_tanh" => Activation::GeluTanh,
        "silu" | "swish" => Activation::Silu,
        "mish" => Activation::Mish,
        "elu" => Activation::Elu(1.0),
        "selu" => Activation::Selu,
        "softplus" => Activation::Softplus(1.0, 20.0),
        "softsign" => Activation::Softsign,
        "hardsigmoid" => Activation::Hardsigmoid,
        "hardswish" => Activation::Hardswish,
        other => return wrong(format!("activation {other:?}")),
    })
}

fn model_stats(case: &Case, args: &Args<'_>) -> Result<(), Failure> {
    let expect = needed(case.expect.as_ref(), "expect")?;
    let arch = needed(args.str("arch")?, "argument arch")?;
    let options = args.object("options")?.cloned().unwrap_or_default();
    let shape = needed(args.usizes("input_shape")?, "argument input_shape")?;
    args.all_read()?;
    let model = build::<f32>(arch, &options)?;
    let summary = summary(&*model, shape);
    let macs = |kind: &str| -> u64 {
        let layers = summary
            .layers
            .iter()
            .filter(|layer| layer.kind.starts_with(kind));
        layers.map(|layer| layer.multiply_adds).sum()
    };
    let mut shapes = Map::new();
    model.each(|path, slot| {
        let shape = match slot {
            Slot::Param(param) => param.shape().to_vec(),
            Slot::Buffer(buffer) => buffer.shape().to_vec(),
            Slot::Counter(_) => Vec::new(),
        };
        shapes.insert(path.to_owned(), json!(shape));
    });
    let layers: Vec<_> = summary
        .layers
        .iter()
        .map(|layer| json!([layer.path, pytorch_name(&layer.kind), layer.output_shape]))
        .collect();
    let found = json!({
        "parameters": summary.parameters,
        "buffers": summary.buffers,
        "output_shape": summary.output_shape,
        "macs_conv": macs("Conv"),
        "macs_linear": macs("Linear"),
        "macs": summary.multiply_adds,
        "layers": layers,
        "state_dict": shapes,
    });
    for (name, expected) in expect {
        let found = needed(found.get(name), format!("{name} in a summary"))?;
        if found != expected {
            return wrong(format!("{name}: {found} is found, {expected} is expected"));
        }
    }
    Ok(())
}

/// PyTorch's name of a layer's type: it writes the acronyms in capitals.
fn pytorch_name(kind: &str) -> String {
    kind.replace("Relu", "ReLU")
}

/// The arguments of a model's case that are no options of its optimizer.
const NO_OPTIONS: [&str; 9] = [
    "arch",
    "options",
    "loss",
    "optimizer",
    "steps",
    "pixel_scale",
    "batch",
    "start",
    "eval",
];

/// The optimizer of a model's case: its options stand beside the other arguments.
fn optimizer<T: Real>(args: &Args<'_>) -> Result<Optimizer<T>, Failure> {
    let kind = needed(args.str("optimizer")?, "argument optimizer")?;
    Ok(Optimizer::new(rule::<T>(kind, &args.without(&NO_OPTIONS))?))
}

/// The options that both kinds of training read from the arguments.
struct Training<T: Real> {
    model: Box<dyn Layer<T>>,
    optimizer: Optimizer<T>,
    steps: usize,
}

impl<T: Real> Training<T> {
    fn new(args: &Args<'_>, stored: &Stored<'_>) -> Result<Self, Failure> {
        let arch = needed(args.str("arch")?, "argument arch")?;
        let options = args.object("options")?.cloned().unwrap_or_default();
        if !matches!(args.str("loss")?, None | Some("cross_entropy")) {
            return wrong("only cross_entropy is known as a loss of models");
        }
        let mut model = build::<T>(arch, &options)?;
        let loaded = stored.state()?.load_into(&mut *model);
        loaded.map_err(|error| Failure::Wrong(error.to_string()))?;
        Ok(Self {
            model,
            optimizer: optimizer(args)?,
            steps: needed(args.usize("steps")?, "argument steps")?,
        })
    }

    fn logits(&self, x: &Tensor<T>) -> Tensor<T> {
        let mut pass = Pass::eval(&*self.model);
        let x = pass.input(x.clone());
        self.model.call(&x, &mut pass).into_value()
    }

    /// One step; the logits, the loss, and the gradients before it.
    #[allow(clippy::type_complexity)]
    fn step(
        &mut self,
        x: &Tensor<T>,
        target: &Tensor<i64>,
    ) -> (Tensor<T>, T, Vec<(String, Tensor<T>)>) {
        let mut pass = Pass::train(&*self.model, 0);
        let x = pass.input(x.clone());
        let logits = self.model.call(&x, &mut pass);
        let loss = logits.cross_entropy(target);
        let gradients = pass.backward(&loss);
        let all = gradients.iter();
        let all = all.map(|(path, g)| (path.to_owned(), g.clone())).collect();
        let (logits, loss) = (logits.value().clone(), loss.item());
        self.optimizer.step(&mut *self.model, &gradients, pass);
        (logits, loss, all)
    }

    /// Compares the state dict after training with the stored one.
    fn after(&self, case: &Case, stored: &Stored<'_>) -> Result<(), Failure> {
        let state = StateDict::of(&*self.model);
        let usual = case.tolerance();
        let tolerance = Tolerance {
            atol: case.atol_after.unwrap_or(usual.atol),
            ..usual
        };
        let names = stored.names("after");
        if names.is_empty() {
            return wrong("nothing is stored of the model after training");
        }
        for name in names {
            let what = format!("after/{name}");
            let expected = stored.get("after", &name)?;
            match needed(state.get(&name), &what)? {
                Values::I64(found) => compare::whole(&what, found, expected)?,
                found => {
                    let found = needed(found.real::<f64>(), &what)?;
                    compare::real(&what, &found, expected, tolerance)?;
                }
            }
        }
        Ok(())
    }
}

fn model<T: Real>(case: &Case, stored: &Stored<'_>, args: &Args<'_>) -> Result<(), Failure> {
    let mut training = Training::<T>::new(args, stored)?;
    args.all_read()?;
    let x: Tensor<T> = stored.real("in", "x")?;
    let Values::I64(target) = stored.get("in", "target")? else {
        return wrong("the target is no class numbers");
    };
    let mut outputs = vec![("logits_eval", training.logits(&x))];
    let mut losses = Vec::new();
    for step in 0..training.steps {
        let (logits, loss, gradients) = training.step(&x, target);
        losses.push(loss);
        if step > 0 {
            continue;
        }
        outputs.extend([("logits", logits), ("loss", Tensor::scalar(loss))]);
        for name in stored.names("grad") {
            let found = gradients.iter().find(|(path, _)| *path == name);
            let (_, gradient) = needed(found, format!("gradient of {name}"))?;
            let expected = stored.get("grad", &name)?;
            compare::real(
                &format!("grad/{name}"),
                gradient,
                expected,
                case.tolerance(),
            )?;
        }
        for name in &case.differentiable {
            stored.get("grad", name)?;
        }
    }
    outputs.push(("losses", Tensor::from_slice(&losses, [losses.len()])));
    for name in &case.outputs {
        let found = outputs.iter().find(|(known, _)| known == name);
        let (_, found) = needed(found, format!("output {name}"))?;
        let expected = stored.get("out", name)?;
        compare::real(&format!("out/{name}"), found, expected, case.tolerance())?;
    }
    training.after(case, stored)
}

/// Images `[rows, 1, height, width]` and labels of a range of rows.
fn rows<T: Real>(
    data: &StateDict,
    scale: f64,
    from: usize,
    to: usize,
) -> Result<(Tensor<T>, Tensor<i64>), Failure> {
    let (Some(Values::U8(images)), Some(Values::U8(labels))) =
        (data.get("images"), data.get("labels"))
    else {
        return wrong("the data file has no images and labels of bytes");
    };
    let range = from as isize..to as isize;
    let images = images.slice(0, range.clone()).unsqueeze(1);
    let images = images.map(|pixel| T::of(f64::from(pixel) * scale));
    Ok((images, labels.slice(0, range).map(i64::from)))
}

fn digits_train<T: Real>(case: &Case, stored: &Stored<'_>, args: &Args<'_>) -> Result<(), Failure> {
    let mut training = Training::<T>::new(args, stored)?;
    let scale = args.f64_or("pixel_scale", 1.0)?;
    let batch = needed(args.usize("batch")?, "argument batch")?;
    let start = args.usize_or("start", 0)?;
    let eval = needed(args.usizes("eval")?, "argument eval")?;
    let [from, to] = eval[..] else {
        return wrong("eval is no pair of rows");
    };
    args.all_read()?;
    let data = stored.data()?;
    let (mut losses, mut norms) = (Vec::new(), Vec::new());
    for step in 0..training.steps {
        let at = start + step * batch;
        let (x, target) = rows(data, scale, at, at + batch)?;
        let (_, loss, gradients) = training.step(&x, &target);
        losses.push(loss);
        let squares = gradients
            .iter()
            .map(|(_, g)| g.map(|g| g * g).sum(..).item());
        norms.push(squares.fold(T::zero(), |sum, square| sum + square).sqrt());
    }
    let (x, target) = rows(data, scale, from, to)?;
    let logits = training.logits(&x);
    let correct = logits.argmax(-1).eq(&target).count_true(..);
    let loss = Var::constant(logits.clone()).cross_entropy(&target);
    for name in &case.outputs {
        let expected = stored.get("out", name)?;
        let found = match name.as_str() {
            "loss" => Tensor::from_slice(&losses, [losses.len()]),
            "grad_norm" => Tensor::from_slice(&norms, [norms.len()]),
            "eval_loss" => loss.value().clone(),
            "eval_logits_first8" => logits.slice(0, ..8),
            "eval_correct" => {
                compare::whole("out/eval_correct", &correct, expected)?;
                continue;
            }
            other => return wrong(format!("output {other}")),
        };
        compare::real(&format!("out/{name}"), &found, expected, case.tolerance())?;
    }
    training.after(case, stored)
}
