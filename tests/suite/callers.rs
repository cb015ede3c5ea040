//! A mistake of the caller panics at the caller's line: each function of `wengert-nn`, `wengert-optim` and `wengert` that
//! documents a panic is called with a wrong argument. Tensors and variables have the same test in `autograd/tests/callers`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Once;

use wengert::autograd::ops::MultiHeadOptions;
use wengert::data::{
    FolderOptions, Idx, IdxValues, ImageColor, ImageFiles, Subset, read_image, split_rows,
};
use wengert::distributed::Simulator;
use wengert::nn::models::{
    CifarResNet, CifarResNetOptions, EfficientNet, EfficientNetOptions, LeNet, LeNetOptions,
    MbConv, MbConvOptions, MobileNetOptions, MobileNetV2, ShuffleNetOptions, ShuffleNetV2,
    ShuffleUnit, VisionTransformer, VitOptions,
};
use wengert::nn::{
    AdaptiveAvgPool2d, AttentionMasks, Bilinear, BufferChanges, Conv1d, ConvTranspose1d, Embedding,
    GradientFlow, Gru, GruCell, Lstm, LstmCell, MultiheadAttention, Rnn, RnnCell, StateDict,
    StochasticDepth, TransformerDecoderLayer, TransformerEncoderLayer, TransformerOptions, Values,
    gradient_flow_with, init, per_sample_gradients,
};
use wengert::optim::{
    Lbfgs, LbfgsOptions, Norm, OneCycleLr, Plateau, ReduceLrOnPlateau, RuleState, StepLr,
    clip_grad_norm, clip_grad_value,
};
use wengert::prelude::*;
use wengert::report::{Confusion, HeatMap, Histogram, Plane, PlaneGrid, shades};

use crate::samples::idx;

thread_local! {
    /// Whether this thread runs a call that should panic.
    static TRYING: Cell<bool> = const { Cell::new(false) };
    /// File and message of the last such panic.
    static LAST: RefCell<Option<(String, String)>> = const { RefCell::new(None) };
}

/// What is wrong with the panic of a call, if anything.
fn fault(name: &str, call: impl FnOnce()) -> Option<String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let other = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !TRYING.get() {
                return other(info);
            }
            let file = info
                .location()
                .map_or_else(String::new, |l| l.file().to_owned());
            let message = info.payload_as_str().unwrap_or_default().to_owned();
            LAST.set(Some((file, message)));
        }));
    });
    LAST.set(None);
    TRYING.set(true);
    let result = catch_unwind(AssertUnwindSafe(call));
    TRYING.set(false);
    match result.err().and_then(|_| LAST.take()) {
        None => Some(format!("{name}: no panic")),
        Some((file, message)) if !file.ends_with("callers.rs") => {
            Some(format!("{name}: the panic points to {file}: {message}"))
        }
        // Messages of the standard library, which name neither function nor argument.
        Some((_, message)) if !message.contains(": ") => Some(format!(
            "{name}: the message does not name the function: {message}"
        )),
        Some(_) => None,
    }
}

macro_rules! wrong_calls {
    ($($name:literal: $call:expr;)*) => {
        /// The functions that are called.
        const NAMES: &[&str] = &[$($name),*];

        #[test]
        fn every_wrong_call_panics_at_its_line() {
            let faults: Vec<String> = [
                $(fault($name, || {
                    let _ = $call;
                })),*
            ]
            .into_iter()
            .flatten()
            .collect();
            assert!(faults.is_empty(), "{}", faults.join("\n"));
        }
    };
}

fn ones<const N: usize>(shape: [usize; N]) -> Tensor {
    Tensor::ones(shape)
}

fn var<const N: usize>(shape: [usize; N]) -> Var {
    Var::constant(ones(shape))
}

fn linear() -> Linear {
    Linear::new(2, 3, &mut rng(0))
}

/// A pass that has run a linear layer, and its output `[4, 3]`.
fn after(model: &Linear) -> (Pass, Var) {
    let mut pass = Pass::train(model, 0);
    let y = model.call(&pass.input(ones([4, 2])), &mut pass);
    (pass, y)
}

fn gradients(model: &Linear) -> Gradients {
    let (mut pass, y) = after(model);
    pass.backward(&y.sum(..))
}

/// A pass that has changed the running statistics of its model.
fn changed(model: &Sequential) -> Pass {
    let mut pass = Pass::train(model, 0);
    model.call(&pass.input(ones([2, 3, 4, 4])), &mut pass);
    pass
}

fn normed() -> Sequential {
    sequential![BatchNorm2d::new(3)]
}

/// A pass of no use but to be an argument.
fn other_pass() -> Pass {
    Pass::train(&Sequential::<f32>::new(), 0)
}

fn images() -> ImageSet {
    ImageSet::new(vec![0; 8], [2, 1, 2, 2], vec![0, 1], &["a", "b"], 255)
}

fn relu() -> Sequential {
    sequential![Relu]
}

/// Two images in files.
fn image_files() -> ImageFiles {
    let directory = tempfile::tempdir().expect("a directory");
    for part in ["train", "t10k"] {
        let write = |name: &str, bytes| {
            fs::write(directory.path().join(format!("{part}-{name}-ubyte")), bytes)
                .expect("a file");
        };
        write("images-idx3", idx(8, &[2, 2, 2], &[0; 8]));
        write("labels-idx1", idx(8, &[2], &[0, 1]));
    }
    Split::open_mnist(directory.path())
        .expect("two images")
        .train
}

fn loader(set: &ImageSet) -> Loader<'_> {
    Loader::new(set, LoaderOptions::default())
}

fn folder(size: [usize; 2]) -> FolderOptions {
    FolderOptions {
        size,
        ..FolderOptions::default()
    }
}

fn numbers() -> Targets<f32> {
    Targets::Numbers(ones([2]))
}

fn sgd() -> Optimizer {
    Optimizer::new(Sgd::default())
}

fn transformer(dropout: f64) -> TransformerOptions {
    TransformerOptions {
        dropout,
        ..TransformerOptions::default()
    }
}

wrong_calls! {
    "BufferChanges::of": BufferChanges::of(changed(&normed()), &Sequential::<f32>::new());
    "BufferChanges::apply": BufferChanges::<f32>::new(vec![Some(ones([9])), None], vec![0]).apply(&mut normed());
    "Pass::capture": other_pass().capture("nothing");
    "Pass::captured": other_pass().captured("nothing").shape();
    "Pass::evaluate": other_pass().evaluate("nothing");
    "Pass::param": other_pass().param(&linear().weight);
    "Pass::backward": { let (mut pass, y) = after(&linear()); pass.backward(&y) };
    "Pass::backward_each": { let (mut pass, y) = after(&linear()); pass.backward_each(&y, |_, _| ()) };
    "ReplayedLoss::backward": {
        let mut loss = ReplayedLoss::new(|layer: &Linear, (): &(), x: &[Var], pass: &mut Pass| layer.call(&x[0], pass));
        loss.backward(&linear(), &(), &[&ones([4, 3])], 0)
    };
    "Pass::commit": changed(&normed()).commit(&mut Sequential::new());
    "Pass::recompute": { let x = var([4, 2]); other_pass().recompute(&linear(), &x) };
    "Pass::with_parameters": Pass::train(&linear(), 0).with_parameters(&linear(), &[("nothing", &var([2]))]);
    "Pass::jacobian": { let (pass, y) = after(&linear()); pass.jacobian(&y, "nothing") };
    "Pass::hvp": { let (pass, y) = after(&linear()); pass.hvp(&y, &[]) };
    "Pass::hessian": { let (pass, y) = after(&linear()); pass.hessian(&y.sum(..), "nothing") };
    "per_sample_gradients": per_sample_gradients(&linear(), 2, 0, |_, _: &mut Pass| var([2]));
    "gradient_flow": gradient_flow(&linear(), &[]);
    "gradient_flow_with": gradient_flow_with(&linear(), &[1], |_, _: &mut Pass| var([2]));
    "GradientFlow::assert": GradientFlow { unlisted: vec!["a".to_owned()], ..GradientFlow::default() }.assert();
    "Gradients::from_tensors": Gradients::from_tensors(&linear(), |_| Some(ones([7])));
    "Gradients::entry": { let g = gradients(&linear()); g.entry(2).0.to_owned() };
    "Gradients::entry_mut": { let mut g = gradients(&linear()); g.entry_mut(2).0.to_owned() };
    "Gradients::require_all": Gradients::from_tensors(&linear(), |_| None).require_all();
    "Gradients::accumulate": { let mut g = gradients(&linear()); g.accumulate(gradients(&linear())) };
    "fans": init::fans([3]);
    "xavier_std": init::xavier_std([3], 1.0);
    "kaiming_std": init::kaiming_std([3], init::Fan::In, 1.0);
    "xavier_normal": init::xavier_normal::<f32>([3], 1.0, &mut rng(0));
    "xavier_uniform": init::xavier_uniform::<f32>([3], 1.0, &mut rng(0));
    "kaiming_normal": init::kaiming_normal::<f32>([3], init::Fan::In, 1.0, &mut rng(0));
    "kaiming_uniform": init::kaiming_uniform::<f32>([3], init::Fan::In, 1.0, &mut rng(0));
    "truncated_normal": init::truncated_normal::<f32>([3], 0.0, -1.0, -1.0..1.0, &mut rng(0));
    "dirac": init::dirac::<f32>([3], 1);
    "orthogonal": init::orthogonal::<f32>([3], 1.0, &mut rng(0));
    "MultiheadAttention::new": MultiheadAttention::<f32>::new(4, 3, &mut rng(0));
    "MultiheadAttention::attend": MultiheadAttention::new(4, 2, &mut rng(0))
        .attend([&var([2]); 3], &MultiHeadOptions::default(), &mut other_pass());
    "Bilinear::call": { let layer = Bilinear::new(2, 2, 1, &mut rng(0)); layer.call(&var([1, 3]), &var([1, 2]), &mut Pass::train(&layer, 0)) };
    "RnnCell::new": RnnCell::<f32>::new(2, 0, &mut rng(0));
    "RnnCell::step": { let cell = RnnCell::new(2, 3, &mut rng(0)); cell.step(&var([1, 5]), None, &mut Pass::train(&cell, 0)) };
    "GruCell::step": { let cell = GruCell::new(2, 3, &mut rng(0)); cell.step(&var([1, 5]), None, &mut Pass::train(&cell, 0)) };
    "LstmCell::step": { let cell = LstmCell::new(2, 3, &mut rng(0)); cell.step(&var([1, 5]), None, &mut Pass::train(&cell, 0)) };
    "Rnn::new": Rnn::<f32>::new(2, 0, &mut rng(0));
    "Rnn::stacked": Rnn::<f32>::stacked(2, 3, 0, &mut rng(0));
    "Rnn::bidirectional": Rnn::<f32>::bidirectional(2, 3, 0, &mut rng(0));
    "Rnn::dropout": Rnn::<f32>::new(2, 3, &mut rng(0)).dropout(1.5);
    "Rnn::run": { let layer = Rnn::new(2, 3, &mut rng(0)); layer.run(&var([1, 1, 5]), None, &mut Pass::train(&layer, 0)) };
    "Gru::run": { let layer = Gru::new(2, 3, &mut rng(0)); layer.run(&var([1, 1, 5]), None, &mut Pass::train(&layer, 0)) };
    "Lstm::run": { let layer = Lstm::new(2, 3, &mut rng(0)); layer.run(&var([1, 1, 5]), None, &mut Pass::train(&layer, 0)) };
    "Conv::new": Conv2d::<f32>::new(1, 1, [3, 3, 3], &mut rng(0));
    "Conv::grouped": Conv1d::<f32>::grouped(3, 4, 3, 2, &mut rng(0));
    "ConvTranspose::new": ConvTranspose1d::<f32>::new(1, 1, [3, 3], &mut rng(0));
    "ConvTranspose::grouped": ConvTranspose1d::<f32>::grouped(3, 4, 3, 2, &mut rng(0));
    "AdaptiveAvgPool2d::new": AdaptiveAvgPool2d::new([1, 2, 3]);
    "Dropout::new": Dropout::new(f64::NAN);
    "StochasticDepth::new": StochasticDepth::new(2.0);
    "Embedding::padding": Embedding::<f32>::new(3, 2, &mut rng(0)).padding(3);
    "Embedding::call": { let layer = Embedding::<f32>::new(3, 2, &mut rng(0)); layer.call(&Tensor::from_vec(vec![3], [1]), &mut Pass::train(&layer, 0)) };
    "Sequential::push": (0..600).fold(Sequential::<f32>::new(), |model, _| Sequential::new().push(model));
    "Sequential::push_named": Sequential::<f32>::new().push_named("a", Relu).push_named("a", Relu);
    "Sequential::insert": Sequential::<f32>::new().insert(1, Relu);
    "Sequential::replace": Sequential::<f32>::new().replace(0, Relu);
    "Sequential::remove": Sequential::<f32>::new().remove(0);
    "TransformerEncoderLayer::new": TransformerEncoderLayer::<f32>::new(4, 3, &transformer(0.0), &mut rng(0));
    "TransformerEncoderLayer::encode": TransformerEncoderLayer::new(4, 2, &transformer(0.0), &mut rng(0))
        .encode(&var([2]), &AttentionMasks::default(), &mut other_pass());
    "TransformerDecoderLayer::new": TransformerDecoderLayer::<f32>::new(4, 2, &transformer(2.0), &mut rng(0));
    "TransformerDecoderLayer::decode": TransformerDecoderLayer::new(4, 2, &transformer(0.0), &mut rng(0))
        .decode(&var([2]), &var([2]), &[AttentionMasks::default(); 2], &mut other_pass());
    "EfficientNet::new": EfficientNet::<f32>::new(&EfficientNetOptions { dropout: 2.0, ..EfficientNetOptions::default() }, &mut rng(0));
    "MbConv::new": MbConv::<f32>::new(&MbConvOptions { inputs: 1, outputs: 1, expansion: 1, kernel: 3, stride: 1, stochastic_depth: 2.0 }, &mut rng(0));
    "LeNet::new": LeNet::<f32>::new(&LeNetOptions { size: 2, ..LeNetOptions::default() }, &mut rng(0));
    "MobileNetV2::new": MobileNetV2::<f32>::new(&MobileNetOptions { width_mult: -1.0, ..MobileNetOptions::default() }, &mut rng(0));
    "CifarResNet::new": CifarResNet::<f32>::new(&CifarResNetOptions { blocks: vec![], ..CifarResNetOptions::default() }, &mut rng(0));
    "ShuffleNetV2::new": ShuffleNetV2::<f32>::new(&ShuffleNetOptions { channels: [3; 5], ..ShuffleNetOptions::default() }, &mut rng(0));
    "ShuffleUnit::new": ShuffleUnit::<f32>::new(2, 3, 2, &mut rng(0));
    "VisionTransformer::new": VisionTransformer::<f32>::new(&VitOptions { patch: 7, image: 8, ..VitOptions::default() }, &mut rng(0));
    "freeze": linear().freeze("nothing");
    "unfreeze": linear().unfreeze("nothing");
    "Path::within": {
        fn deeper(path: &mut wengert::nn::Path, levels: usize) {
            if levels > 0 {
                path.within("a", |path| deeper(path, levels - 1));
            }
        }
        deeper(&mut wengert::nn::Path::new(), 600);
    };
    "StateDict::insert": StateDict::new().insert("__metadata__", Values::of(&ones([1])));
    "StateDict::rename": { let mut state = StateDict::of(&linear()); state.rename(|_| "a".to_owned()) };
    "StateDict::to_bytes": { let mut state = StateDict::new(); state.insert("a", Values::F32(ones([1]).broadcast_to([1 << 45]))); state.to_bytes() };
    "summary": summary(&linear(), [4, 7]);
    "clip_grad_norm": clip_grad_norm(&mut gradients(&linear()), -1.0, Norm::Max);
    "clip_grad_value": clip_grad_value(&mut gradients(&linear()), f64::NAN);
    "Lbfgs::new": Lbfgs::<f32>::new(LbfgsOptions { lr: f64::NAN, ..LbfgsOptions::default() });
    "Lbfgs::set_lr": Lbfgs::<f32>::new(LbfgsOptions::default()).set_lr(-1.0);
    "Lbfgs::step": Lbfgs::new(LbfgsOptions::default()).step(&mut linear(), |_| (1.0, gradients(&linear())));
    "Optimizer::new": Optimizer::<f32>::new(Sgd { lr: f64::INFINITY, ..Sgd::default() });
    "Optimizer::group": sgd().group("a", Sgd { lr: -1.0, ..Sgd::default() });
    "Optimizer::clip_norm": sgd().clip_norm(-1.0);
    "Optimizer::clip_value": sgd().clip_value(-1.0);
    "Optimizer::set_lr": sgd().set_lr(f64::NAN);
    "Optimizer::step": { let mut model = linear(); let (mut pass, y) = after(&linear()); let g = pass.backward(&y.sum(..)); sgd().step(&mut model, &g, pass) };
    "Optimizer::update": sgd().update(&mut linear(), &gradients(&linear()));
    "RuleState::tensors_mut": RuleState::<f32>::zeros(["a"], &ones([1])).tensors_mut(["b"])[0].len();
    "RuleState::scalar_mut": *RuleState::<f32>::zeros(["a"], &ones([1])).scalar_mut("b");
    "Schedule::new": Schedule::new(StepLr { step_size: 0, ..StepLr::default() }, &mut sgd());
    "Schedule::sequence": Schedule::sequence(vec![], &[], &mut sgd());
    "Schedule::step": {
        let cycle = OneCycleLr { cycle_momentum: false, pct_start: 1.0, total_steps: 2, ..OneCycleLr::default() };
        let mut optimizer = sgd();
        let mut schedule = Schedule::new(cycle, &mut optimizer);
        (0..9).for_each(|_| schedule.step(&mut optimizer));
    };
    "Plateau::new": Plateau::new(ReduceLrOnPlateau { factor: 2.0, ..ReduceLrOnPlateau::default() }, &mut sgd());
    "Targets::classes": numbers().classes().len();
    "Targets::numbers": Targets::<f32>::Classes(Tensor::from_vec(vec![0], [1])).numbers().len();
    "Targets::cross_entropy": numbers().cross_entropy(&var([3, 2]));
    "Targets::cross_entropy_with": numbers().cross_entropy_with(&var([3, 2]), &CrossEntropyOptions::default());
    "Targets::most_probable": numbers().most_probable();
    "ImageSet::folder": ImageSet::folder("nowhere", &folder([0, 1]));
    "ImageFiles::folder": ImageFiles::folder("nowhere", &folder([0, 1]));
    "Split::folder": Split::folder("nowhere", &folder([0, 1]));
    "Split::open_folder": Split::open_folder("nowhere", &folder([0, 1]));
    "read_image": read_image("nowhere", [0, 1], ImageColor::Grey);
    "Idx::new": Idx::new(&[2], IdxValues::U8(vec![0]));
    "ImageSet::new": ImageSet::new(vec![0], [2, 1, 2, 2], vec![0, 1], &["a"], 255);
    "ImageSet::image": images().image(2).len();
    "ImageSet::select": images().select([2]);
    "ImageSet::split": images().split(1.0, 0);
    "ImageFiles::image": image_files().image(2).is_ok();
    "ImageFiles::select": image_files().select([2]);
    "Loader::new": Loader::new(&images(), LoaderOptions { batch: 0, ..LoaderOptions::default() });
    "Loader::for_evaluation": {
        let normalize = Some(Normalize { mean: vec![0.0], deviation: vec![1.0] });
        let other = ImageSet::new(vec![0; 3], [1, 3, 1, 1], vec![0], &["a"], 255);
        Loader::new(&images(), LoaderOptions { normalize, ..LoaderOptions::default() }).for_evaluation(&other).steps()
    };
    "Normalize::of": Normalize::of(&images().select([]));
    "Subset::new": Subset::new(&images(), vec![2]).len();
    "split_rows": split_rows(&images(), -1.0, 0);
    "Simulator::new": Simulator::new(0);
    "Simulator::step_seconds": Simulator::new(3).step_seconds(2, 1.0, &[]);
    "predictions": predictions(&relu(), &loader(&images()));
    "accuracy": accuracy(&relu(), &loader(&images()));
    "Confusion::add": Confusion::new(["a"]).add(0, 1);
    "Confusion::add_all": Confusion::new(["a"]).add_all(&[0], &[]);
    "Confusion::count": Confusion::new(["a"]).count(1, 0);
    "Confusion::recall": Confusion::new(["a"]).recall(1);
    "Confusion::precision": Confusion::new(["a"]).precision(1);
    "HeatMap::to_svg": HeatMap { columns: 2, values: vec![1.0], ..HeatMap::default() }.to_svg();
    "Histogram::to_svg": Histogram { bins: 0, ..Histogram::default() }.to_svg();
    "Plane::new": Plane::new(&ones([2]));
    "Plane::zoom": Plane::new(&ones([2, 2])).zoom(0);
    "PlaneGrid::to_png": PlaneGrid { columns: 0, ..PlaneGrid::default() }.to_png();
    "PlaneGrid::to_data_uri": PlaneGrid { columns: 0, ..PlaneGrid::default() }.to_data_uri();
    "PlaneGrid::to_svg": PlaneGrid { columns: 0, ..PlaneGrid::default() }.to_svg();
    "shades": shades(&[0.0], 2);
}

/// Documented panics that no call from here shows.
const EXEMPT: &[(&str, &str)] = &[
    ("check_builders", "the panic is that of the model"),
    ("trace", "the panic is that of the closure"),
    ("Trainer::fit", "the panic is that of the model or its loss"),
    ("Simulator::run", "the panic is that of the closure"),
    (
        "Simulator::run_transports",
        "the panic is that of the closure",
    ),
    (
        "Communicator::start",
        "only if the operating system cannot start a thread",
    ),
    ("evaluate", "the panic is that of the model or its loss"),
    (
        "Communicator::with_options",
        "called on the threads of a simulator",
    ),
    ("Communicator::gather", "only if the transport has panicked"),
    (
        "Loader::prefetch",
        "only if the operating system cannot start a thread",
    ),
    (
        "ImageFiles::split",
        "as `ImageSet::split`, of a set in files",
    ),
    ("Normalize::of_shared", "as `Normalize::of`"),
    (
        "Update::elementwise",
        "called by rules, with a state that only an optimizer makes",
    ),
];

/// The public functions under a folder that document a panic, as `Type::name` or `name`.
fn panicking(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("the sources are beside the tests") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            panicking(&path, names);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let source = fs::read_to_string(&path).expect("a readable file");
            let file = syn::parse_file(&source).expect("what compiles parses");
            names.extend(file.items.iter().flat_map(documented));
        }
    }
}

fn documented(item: &syn::Item) -> Vec<String> {
    let is_public = |visibility: &syn::Visibility| matches!(visibility, syn::Visibility::Public(_));
    match item {
        syn::Item::Fn(function) if is_public(&function.vis) && has_section(&function.attrs) => {
            vec![function.sig.ident.to_string()]
        }
        syn::Item::Impl(block) if block.trait_.is_none() => {
            let syn::Type::Path(of) = &*block.self_ty else {
                return Vec::new();
            };
            let of = of
                .path
                .segments
                .last()
                .map_or_else(String::new, |s| s.ident.to_string());
            let methods = block.items.iter().filter_map(|item| match item {
                syn::ImplItem::Fn(method)
                    if is_public(&method.vis) && has_section(&method.attrs) =>
                {
                    Some(format!("{of}::{}", method.sig.ident))
                }
                _ => None,
            });
            methods.collect()
        }
        _ => Vec::new(),
    }
}

/// Whether documentation has a section on panics.
fn has_section(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let syn::Meta::NameValue(pair) = &attribute.meta else {
            return false;
        };
        let syn::Expr::Lit(literal) = &pair.value else {
            return false;
        };
        matches!(&literal.lit, syn::Lit::Str(text) if text.value().trim() == "# Panics")
    })
}

#[test]
fn every_documented_panic_is_tried() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names = BTreeSet::new();
    for folder in ["nn/src", "optim/src", "src"] {
        panicking(&root.join(folder), &mut names);
    }
    assert!(
        names.len() > 100,
        "only {}: the search is broken",
        names.len()
    );
    let is_known = |name: &String| {
        NAMES.contains(&name.as_str()) || EXEMPT.iter().any(|(exempt, _)| exempt == name)
    };
    names.retain(|name| !is_known(name));
    assert!(
        names.is_empty(),
        "no wrong call of {names:?}: add a row to `wrong_calls!` in tests/suite/callers.rs, or a reason to `EXEMPT`"
    );
}
