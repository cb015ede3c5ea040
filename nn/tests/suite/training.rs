//! What a training step does to a model, and what it does not.

use std::panic::{AssertUnwindSafe, catch_unwind};

use wengert_autograd::Var;
use wengert_nn::models::{LeNet, ResNet};
use wengert_nn::*;
use wengert_tensor::{Real, Tensor};

/// A network of a user's own.
#[derive(Clone, Debug)]
struct Net<T: Real = f32> {
    conv1: Conv2d<T>,
    bn1: BatchNorm2d<T>,
    conv2: Conv2d<T>,
    drop: Dropout,
    fc: Linear<T>,
}

fields!(Net {
    conv1,
    bn1,
    conv2,
    drop,
    fc
});

impl<T: Real> Net<T> {
    fn new(rng: &mut impl rand::Rng) -> Self {
        Self {
            conv1: Conv2d::new(1, 4, 3, rng).padding(1),
            bn1: BatchNorm2d::new(4),
            conv2: Conv2d::new(4, 4, 3, rng).padding(1),
            drop: Dropout::new(0.25),
            fc: Linear::new(4 * 2 * 2, 3, rng),
        }
    }
}

impl<T: Real> Module<T> for Net<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let x = self.bn1.call(&self.conv1.call(x, pass), pass);
        let x = x.relu().max_pool2d(2);
        let x = self.conv2.call(&x, pass).relu().max_pool2d(2);
        let x = self.drop.call(&x.flatten(1, -1), pass);
        self.fc.call(&x, pass)
    }
}

fn images<T: Real>(count: usize) -> Tensor<T> {
    Tensor::normal([count, 1, 8, 8], 0.3, 1.0, &mut rng(11))
}

fn labels(count: usize) -> Tensor<i64> {
    Tensor::from_fn([count], |i| (i[0] * 7 % 3) as i64)
}

/// One step of gradient descent by hand; the loss before it.
fn step<T: Real>(model: &mut impl Module<T>, x: &Tensor<T>, seed: u64, rate: f64) -> f64 {
    let mut pass = Pass::train(model, seed);
    let scores = model.call(&pass.input(x.clone()), &mut pass);
    let loss = scores.cross_entropy(&labels(x.size(0)));
    let gradients = pass.backward(&loss);
    gradients.require_all();
    model.each_mut(|_, slot| {
        if let SlotMut::Param(param) = slot {
            let gradient = gradients.get(param).expect("required above");
            let step = gradient * rate;
            let value = param.value() - &step;
            *param.value_mut() = value;
        }
    });
    pass.commit(model);
    loss.item().to_f64()
}

#[test]
fn every_parameter_has_a_gradient_and_moves() {
    let mut model: Net = Net::new(&mut rng(0));
    let mut pass = Pass::train(&model, 1);
    let scores = model.call(&pass.input(images(6)), &mut pass);
    let loss = scores.cross_entropy(&labels(6));
    let gradients = pass.backward(&loss);
    assert_eq!(gradients.unreached().count(), 0);
    let paths: Vec<_> = gradients.iter().map(|(path, _)| path.to_owned()).collect();
    let expected = [
        "conv1.weight",
        "conv1.bias",
        "bn1.weight",
        "bn1.bias",
        "conv2.weight",
        "conv2.bias",
        "fc.weight",
        "fc.bias",
    ];
    assert_eq!(paths, expected);
    for (path, gradient) in gradients.iter() {
        assert!(
            gradient.iter().any(|g| g != 0.0),
            "{path} has a gradient of zeros"
        );
    }
    let before = StateDict::of(&model);
    step(&mut model, &images(6), 1, 0.1);
    for (name, values) in StateDict::of(&model).iter() {
        assert_ne!(Some(values), before.get(name), "{name} does not move");
    }
}

#[test]
fn a_network_learns_a_batch_by_heart() {
    let mut model: Net = Net::new(&mut rng(0));
    let x = images(12);
    let first = step(&mut model, &x, 0, 0.1);
    let last = (1..150)
        .map(|seed| step(&mut model, &x, seed, 0.1))
        .last()
        .unwrap();
    assert!(first > 0.8 && last < 0.2, "from {first} to {last}");
    let mut pass = Pass::eval(&model);
    let scores = model.call(&pass.input(x), &mut pass);
    assert_eq!(scores.value().argmax(1), labels(12));
}

#[test]
fn number_types_start_equal_and_drop_the_same_units() {
    let (single, double): (Net<f32>, Net<f64>) = (Net::new(&mut rng(3)), Net::new(&mut rng(3)));
    for ((path, a), (_, b)) in single.parameters().into_iter().zip(double.parameters()) {
        assert_eq!(a.value(), &b.value().cast::<f32>(), "{path}");
    }
    let (mut a, mut b) = (Pass::train(&single, 5), Pass::train(&double, 5));
    let drop = (Dropout::new(0.5), Dropout::new(0.5));
    let a = drop.0.call(&a.input(Tensor::<f32>::ones([200])), &mut a);
    let b = drop.1.call(&b.input(Tensor::<f64>::ones([200])), &mut b);
    assert_eq!(a.value(), &b.value().cast());
    let kept = a.value().iter().filter(|&y| y != 0.0).count();
    assert!((60..140).contains(&kept) && a.value().iter().all(|y| y == 0.0 || y == 2.0));
}

#[test]
fn dropout_is_nothing_in_evaluation_and_zero_at_one() {
    let x = images::<f32>(2);
    for (p, seed) in [(0.0, 1), (0.5, 1), (1.0, 1)] {
        let layer = Dropout::new(p);
        let mut eval = Pass::eval(&layer);
        assert_eq!(layer.call(&eval.input(x.clone()), &mut eval).value(), &x);
        let mut train = Pass::train(&layer, seed);
        let y = layer.call(&train.input(x.clone()), &mut train);
        match p {
            0.0 => assert_eq!(y.value(), &x),
            1.0 => assert_eq!(y.value(), &Tensor::zeros(x.shape())),
            _ => assert_ne!(y.value(), &x),
        }
    }
}

#[test]
fn evaluation_records_nothing_and_changes_nothing() {
    let mut model: Net = Net::new(&mut rng(0));
    let before = StateDict::of(&model);
    let mut pass = Pass::eval(&model);
    let y = model.call(&pass.input(images(3)), &mut pass);
    assert!(!y.is_tracked() && pass.tape().is_empty());
    pass.commit(&mut model);
    assert_eq!(StateDict::of(&model), before);
}

/// Mean and unbiased variance of each channel, by the definition.
fn statistics(x: &Tensor<f64>) -> (Vec<f64>, Vec<f64>) {
    let by_channel = x.permute([1, 0, 2, 3]).flatten(1, -1);
    let each = |f: fn(&[f64]) -> f64| {
        (0..by_channel.size(0) as isize)
            .map(|c| f(&by_channel.select(0, c).to_vec()))
            .collect()
    };
    (
        each(|values| values.iter().sum::<f64>() / values.len() as f64),
        each(|values| {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let squares: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
            squares / (values.len() - 1) as f64
        }),
    )
}

#[test]
fn running_statistics_follow_two_batches_of_one_pass_in_turn() {
    let mut layer = BatchNorm2d::<f64>::new(2);
    let draw = |seed| Tensor::normal([3, 2, 2, 4], 0.7, 1.5, &mut rng(seed));
    let batches: [Tensor<f64>; 2] = [draw(1), draw(2)];
    let mut pass = Pass::train(&layer, 0);
    for batch in &batches {
        let _ = layer.call(&pass.input(batch.clone()), &mut pass);
    }
    assert_eq!(
        layer.running_mean.value(),
        &Tensor::zeros([2]),
        "nothing changes before commit"
    );
    pass.commit(&mut layer);
    let (mut mean, mut var) = ([0.0; 2], [1.0; 2]);
    for batch in &batches {
        let (means, vars) = statistics(batch);
        for c in 0..2 {
            mean[c] = 0.9 * mean[c] + 0.1 * means[c];
            var[c] = 0.9 * var[c] + 0.1 * vars[c];
        }
    }
    for c in 0..2 {
        assert!((layer.running_mean.value().get([c]) - mean[c]).abs() < 1e-14);
        assert!((layer.running_var.value().get([c]) - var[c]).abs() < 1e-14);
    }
    assert_eq!(layer.num_batches_tracked.value(), 2);
}

#[test]
fn evaluation_uses_the_running_statistics() {
    let mut layer = BatchNorm1d::<f64>::new(2).momentum(1.0).eps(1e-3);
    let x = Tensor::normal([50, 2], 3.0, 2.0, &mut rng(1));
    let mut pass = Pass::train(&layer, 0);
    let _ = layer.call(&pass.input(x.clone()), &mut pass);
    pass.commit(&mut layer);
    let mut pass = Pass::eval(&layer);
    let y = layer.call(&pass.input(x.clone()), &mut pass);
    let (mean, var) = (layer.running_mean.value(), layer.running_var.value());
    for i in 0..50 {
        for c in 0..2 {
            let expected = (x.get([i, c]) - mean.get([c])) / (var.get([c]) + 1e-3).sqrt();
            assert!((y.value().get([i, c]) - expected).abs() < 1e-13);
        }
    }
}

#[test]
fn a_batch_without_variance_is_refused() {
    let layer: BatchNorm2d = BatchNorm2d::new(3);
    let message = message_of(|| {
        let mut pass = Pass::train(&layer, 0);
        let _ = layer.call(&pass.input(Tensor::ones([1, 3, 1, 1])), &mut pass);
    });
    assert_eq!(
        message,
        "batch_norm2d: [1, 3, 1, 1]: 1 values per channel have no variance to train on; \
         use a larger batch, or Pass::evaluate for this layer"
    );
}

#[test]
fn frozen_parameters_stay_while_their_statistics_follow() {
    let mut model: Net = Net::new(&mut rng(0));
    assert_eq!(model.freeze("bn1"), 2);
    assert_eq!(model.freeze("conv1"), 2);
    let before = StateDict::of(&model);
    let mut pass = Pass::train(&model, 0);
    let scores = model.call(&pass.input(images(4)), &mut pass);
    let gradients = pass.backward(&scores.sum(..));
    assert!(gradients.get(&model.conv1.weight).is_none());
    assert_eq!(gradients.unreached().count(), 0, "nobody asked for them");
    pass.commit(&mut model);
    let after = StateDict::of(&model);
    for (name, values) in before.iter() {
        let moved = after.get(name) != Some(values);
        assert_eq!(
            moved,
            name.contains("running") || name.contains("tracked"),
            "{name}"
        );
    }
}

#[test]
fn a_shared_weight_has_the_sum_of_its_gradients() {
    let layer = Linear::<f64>::new(3, 3, &mut rng(0)).without_bias();
    let x = Tensor::normal([2, 3], 0.0, 1.0, &mut rng(1));
    let gradient = |twice: bool, held: bool| {
        let mut pass = Pass::train(&layer, 0);
        let x = pass.input(x.clone());
        let h = layer.call(&x, &mut pass);
        let h = if held { h.detach() } else { h };
        let y = if twice { layer.call(&h, &mut pass) } else { h };
        pass.backward(&(&y * &y).sum(..))
            .get(&layer.weight)
            .unwrap()
            .clone()
    };
    // d f(W, W) = ∂₁ + ∂₂: the second use alone, and the first through a copy of the weight.
    let copy = layer.clone();
    let mut pass = Pass::train(&layer, 0);
    let h = layer.call(&pass.input(x.clone()), &mut pass);
    let y = h.matmul(&Var::constant(copy.weight.value().t()));
    let first = pass
        .backward(&(&y * &y).sum(..))
        .get(&layer.weight)
        .unwrap()
        .clone();
    let sum = &first + &gradient(true, true);
    let both = gradient(true, false);
    for (a, b) in sum.iter().zip(both.iter()) {
        assert!((a - b).abs() < 1e-12 * (1.0 + b.abs()));
    }
}

#[test]
fn a_clone_is_another_model() {
    let teacher: Net = Net::new(&mut rng(0));
    let mut student = teacher.clone();
    assert_eq!(StateDict::of(&teacher), StateDict::of(&student));
    for ((_, a), (_, b)) in teacher.parameters().iter().zip(student.parameters()) {
        assert_ne!(a.id(), b.id());
    }
    step(&mut student, &images(4), 0, 0.1);
    assert_eq!(
        StateDict::of(&teacher),
        StateDict::of(&Net::<f32>::new(&mut rng(0)))
    );
    let boxes: Sequential = sequential![Linear::new(2, 2, &mut rng(0)), Relu];
    let copy = boxes.clone();
    assert_eq!(StateDict::of(&boxes), StateDict::of(&copy));
    assert_ne!(boxes.parameters()[0].1.id(), copy.parameters()[0].1.id());
}

#[test]
fn models_cross_threads() {
    fn crosses<M: Send + Sync>() {}
    crosses::<Net>();
    crosses::<Sequential<f64>>();
    crosses::<ResNet>();
    crosses::<LeNet>();
    crosses::<Gradients>();
    crosses::<StateDict>();
    let model: Net = Net::new(&mut rng(0));
    let run = |model: &Net| {
        let mut pass = Pass::eval(model);
        model.call(&pass.input(images(2)), &mut pass).into_value()
    };
    let here = run(&model);
    let there = std::thread::scope(|scope| scope.spawn(|| run(&model)).join().unwrap());
    assert_eq!(here, there);
}

/// The message of a panic, and the line that it blames.
pub fn panic_of(call: impl FnOnce()) -> (String, u32) {
    use std::sync::{Arc, Mutex};
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock();
    let line = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&line);
    let thread = std::thread::current().id();
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().id() == thread {
            *seen.lock().unwrap() = info.location().map_or(0, std::panic::Location::line);
        }
    }));
    let panic = catch_unwind(AssertUnwindSafe(call)).expect_err("it panics");
    std::panic::set_hook(usual);
    let message = panic.downcast_ref::<String>().expect("a message").clone();
    (message, *line.lock().unwrap())
}

fn message_of(call: impl FnOnce()) -> String {
    panic_of(call).0
}

#[test]
fn a_panic_starts_with_the_layers_path_at_the_callers_line() {
    #[derive(Clone, Debug)]
    struct Two<T: Real = f32> {
        blocks: Sequential<T>,
        conv: Conv2d<T>,
    }
    fields!(Two { "layer1" => blocks, conv });

    let rng = &mut rng(0);
    let block = || Sequential::new().push(Linear::new(3, 3, &mut wengert_nn::rng(1)));
    let model: Two = Two {
        blocks: Sequential::new().push(block()).push_named("deep", block()),
        conv: Conv2d::new(2, 1, 3, rng),
    };
    let mut pass = Pass::train(&model, 0);
    let x = pass.input(Tensor::ones([1, 3, 5, 5]));
    let call = line!() + 2;
    let (message, line) = panic_of(|| {
        let _ = model.conv.call(&x, &mut pass);
    });
    assert_eq!(
        message,
        "conv: conv2d: [1, 3, 5, 5] * [1, 2, 3, 3]: 3 channels, filters made for 2"
    );
    assert_eq!(line, call, "the line of the layer's call");

    let x = pass.input(Tensor::ones([1, 4]));
    let message = message_of(|| {
        let _ = model.blocks.call(&x, &mut pass);
    });
    assert!(
        message.starts_with("layer1.0.0: linear: [1, 4]"),
        "{message}"
    );

    let deep: Vec<_> = model
        .parameters()
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    assert_eq!(deep[2], "layer1.deep.0.weight");
}
