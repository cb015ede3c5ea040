//! Training with a replayed loss: the bits of passes, and when it is recorded again.

use wengert_autograd::Var;
use wengert_nn::models::{LeNet, LeNetOptions};
use wengert_nn::{
    BatchNorm1d, Dropout, Gradients, Linear, Module, Parameters, ParametersExt, Pass, ReplayedLoss,
    Slot, SlotMut, Tanh, fields, rng, sequential,
};
use wengert_tensor::testing::panics::assert_refused;
use wengert_tensor::{Real, Tensor};

/// A model with an option that is no parameter.
struct Mlp<T: Real> {
    first: Linear<T>,
    second: Linear<T>,
    deep: bool,
}

fields!(Mlp { first, second });

impl<T: Real> Module<T> for Mlp<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let x = self.first.call(x, pass).tanh();
        let x = if self.deep {
            self.second.call(&x, pass).tanh()
        } else {
            x
        };
        self.second.call(&x, pass)
    }
}

fn mlp() -> Mlp<f32> {
    Mlp {
        first: Linear::new(3, 3, &mut rng(0)),
        second: Linear::new(3, 3, &mut rng(1)),
        deep: false,
    }
}

fn normal(seed: u64, shape: &[usize]) -> Tensor {
    Tensor::normal(shape, 0.0, 1.0, &mut rng(seed))
}

/// Loss, gradients by path and buffers of a step, as bits.
type Bits = (u32, Vec<(String, Vec<u32>)>);

fn bits(loss: f32, gradients: &Gradients) -> Bits {
    let of_one = |(path, gradient): (&str, &Tensor)| {
        (path.to_owned(), gradient.iter().map(f32::to_bits).collect())
    };
    (loss.to_bits(), gradients.iter().map(of_one).collect())
}

fn by_pass<M: Parameters<f32>>(
    f: impl Fn(&M, &[Var], &mut Pass) -> Var,
    model: &M,
    inputs: &[&Tensor],
    seed: u64,
) -> Bits {
    let mut pass = Pass::train(model, seed);
    let inputs: Vec<_> = inputs.iter().map(|&x| pass.input(x.clone())).collect();
    let loss = f(model, &inputs, &mut pass);
    let gradients = pass.backward(&loss);
    bits(loss.item(), &gradients)
}

/// A step of gradient descent in place.
fn descend<M: Parameters<f32>>(model: &mut M, gradients: &Gradients, pass: Pass) {
    pass.commit(model);
    model.each_mut(|_, slot| {
        if let SlotMut::Param(param) = slot
            && let Some(gradient) = gradients.get(param)
        {
            assert!(!param.value().is_shared(), "the update would copy it");
            let change = gradient * -0.0625;
            param.value_mut().add_assign(&change);
        }
    });
}

/// Trains two copies of a model for some steps, one by passes and one replayed; returns how often it was recorded.
fn train<M: Parameters<f32> + 'static>(
    make: impl Fn() -> M,
    f: impl Fn(&M, &[Var], &mut Pass) -> Var + Clone + 'static,
    inputs: impl Fn(u64) -> Vec<Tensor>,
    steps: u64,
) -> ReplayedLoss<M> {
    let (mut model, own) = (make(), f.clone());
    let mut loss = ReplayedLoss::new(move |model: &M, (): &(), x: &[Var], pass: &mut Pass| {
        own(model, x, pass)
    });
    for step in 0..steps {
        let inputs = inputs(step);
        let inputs: Vec<_> = inputs.iter().collect();
        let expected = by_pass(&f, &model, &inputs, step);
        let (value, gradients, pass) = loss.backward(&model, &(), &inputs, step);
        assert_eq!(bits(value, &gradients), expected, "step {step}");
        descend(&mut model, &gradients, pass);
    }
    loss
}

fn mse<M: Module<f32>>(model: &M, x: &[Var], pass: &mut Pass) -> Var {
    model.call(&x[0], pass).mse_loss(&x[1])
}

#[test]
fn a_small_model_is_recorded_once() {
    let inputs = |step| vec![normal(step, &[5, 3]), normal(step + 100, &[5, 3])];
    let loss = train(mlp, mse, inputs, 8);
    assert_eq!((loss.recordings(), loss.obstacle()), (1, None));
}

#[test]
fn a_convolutional_model_is_recorded_once() {
    let labels = Tensor::from_vec(vec![3, 1], [2]);
    let f = move |model: &LeNet<f32>, x: &[Var], pass: &mut Pass| {
        model.call(&x[0], pass).cross_entropy(&labels)
    };
    let inputs = |step| vec![normal(step, &[2, 1, 28, 28])];
    let loss = train(
        || LeNet::new(&LeNetOptions::default(), &mut rng(0)),
        f,
        inputs,
        4,
    );
    assert_eq!((loss.recordings(), loss.obstacle()), (1, None));
}

#[test]
fn a_model_that_changes_buffers_runs_in_every_call() {
    let make = || {
        sequential!(
            Linear::new(3, 4, &mut rng(0)),
            BatchNorm1d::new(4),
            Tanh,
            Linear::new(4, 3, &mut rng(1))
        )
    };
    let inputs = |step| vec![normal(step, &[5, 3]), normal(step + 100, &[5, 3])];
    let loss = train(make, mse, inputs, 4);
    assert_eq!(loss.recordings(), 1);
    // Random choices too: any seed is right for a pass.
    let dropping = || {
        sequential!(
            Linear::new(3, 4, &mut rng(0)),
            BatchNorm1d::new(4),
            Dropout::new(0.5),
            Linear::new(4, 3, &mut rng(1))
        )
    };
    assert_eq!(train(dropping, mse, inputs, 4).recordings(), 1);
    assert!(
        loss.obstacle()
            .is_some_and(|place| place.file().contains("norm")),
        "{:?}",
        loss.obstacle()
    );

    // Evaluated, the layer reads its buffers, which are arguments like parameters.
    let mut model = make();
    let mut loss = ReplayedLoss::new(|model: &_, (): &(), x: &[Var], pass: &mut Pass| {
        pass.evaluate("1");
        mse(model, x, pass)
    });
    for step in 0..4 {
        model.each_mut(|_, slot| {
            if let SlotMut::Buffer(buffer) = slot {
                *buffer.value_mut() = Tensor::full([4], 0.5 + step as f32);
            }
        });
        let inputs = inputs(0);
        let inputs: Vec<_> = inputs.iter().collect();
        let evaluated = |model: &_, x: &[Var], pass: &mut Pass| {
            pass.evaluate("1");
            mse(model, x, pass)
        };
        let expected = by_pass(evaluated, &model, &inputs, step);
        let (value, gradients, _) = loss.backward(&model, &(), &inputs, step);
        assert_eq!(bits(value, &gradients), expected, "step {step}");
    }
    assert_eq!((loss.recordings(), loss.obstacle()), (1, None));
}

#[test]
fn another_seed_is_recorded_if_the_model_makes_random_choices() {
    let make = || {
        sequential!(
            Linear::new(3, 8, &mut rng(0)),
            Dropout::new(0.5),
            Linear::new(8, 3, &mut rng(1))
        )
    };
    let inputs = |step| vec![normal(step, &[5, 3]), normal(step + 100, &[5, 3])];
    let loss = train(make, mse, inputs, 4);
    assert_eq!((loss.recordings(), loss.obstacle()), (4, None));

    let (model, inputs) = (make(), inputs(0));
    let inputs: Vec<_> = inputs.iter().collect();
    let mut loss =
        ReplayedLoss::new(|model: &_, (): &(), x: &[Var], pass: &mut Pass| mse(model, x, pass));
    for seed in [7, 7, 7, 8, 8, 7] {
        let expected = by_pass(mse, &model, &inputs, seed);
        let (value, gradients, _) = loss.backward(&model, &(), &inputs, seed);
        assert_eq!(bits(value, &gradients), expected, "seed {seed}");
    }
    assert_eq!(loss.recordings(), 3);
}

#[test]
fn another_frozen_set_model_shape_or_branch_is_recorded() {
    let mut model = mlp();
    let inputs = [normal(1, &[5, 3]), normal(2, &[5, 3])];
    let mut loss = ReplayedLoss::new(|model: &Mlp<f32>, _: &bool, x: &[Var], pass: &mut Pass| {
        mse(model, x, pass)
    });
    let mut step = |model: &Mlp<f32>, inputs: &[Tensor], recordings: u64| {
        for _ in 0..3 {
            let inputs: Vec<_> = inputs.iter().collect();
            let expected = by_pass(mse, model, &inputs, 0);
            // The option of the model is the key.
            let (value, gradients, _) = loss.backward(model, &model.deep, &inputs, 0);
            assert_eq!(bits(value, &gradients), expected);
            assert_eq!(loss.recordings(), recordings);
        }
    };
    step(&model, &inputs, 1);
    model.freeze("first");
    step(&model, &inputs, 2);
    // The values of frozen parameters are arguments too.
    model.first.weight.value_mut().as_mut_slice()[0] = 3.0;
    step(&model, &inputs, 2);
    model.unfreeze("first");
    step(&model, &inputs, 3);
    model.deep = true;
    step(&model, &inputs, 4);
    step(&model, &inputs.each_ref().map(|x| x.slice(0, 1..)), 5);
    step(&mlp(), &inputs, 6);
    step(&model, &inputs, 7);
}

#[test]
fn what_the_key_does_not_have_is_noticed() {
    let mut model = mlp();
    let inputs = [normal(1, &[5, 3]), normal(2, &[5, 3])];
    let inputs = inputs.each_ref();
    let mut loss = ReplayedLoss::new(|model: &Mlp<f32>, (): &(), x: &[Var], pass: &mut Pass| {
        mse(model, x, pass)
    });
    let _ = loss.backward(&model, &(), &inputs, 0);
    model.deep = true;
    assert_refused("put what it depends on into the key", || {
        loss.backward(&model, &(), &inputs, 0).0
    });

    // An input that the function takes from elsewhere may be another in the next step.
    let mut loss = ReplayedLoss::new(|model: &Mlp<f32>, (): &(), x: &[Var], pass: &mut Pass| {
        let target = pass.input(Tensor::ones([5, 3]));
        model.call(&x[0], pass).mse_loss(&target)
    });
    for _ in 0..3 {
        let _ = loss.backward(&model, &(), &inputs[..1], 0);
    }
    assert_eq!(loss.recordings(), 1);
    assert!(
        loss.obstacle()
            .is_some_and(|place| place.file().ends_with("suite/replay.rs"))
    );
}

#[test]
fn a_parameter_without_gradient_is_named() {
    let model = mlp();
    let x = normal(1, &[5, 3]);
    let mut loss = ReplayedLoss::new(|model: &Mlp<f32>, (): &(), x: &[Var], pass: &mut Pass| {
        let _unused = model.second.call(&x[0], pass);
        model.first.call(&x[0], pass).square().mean(..)
    });
    for _ in 0..3 {
        let (_, gradients, _) = loss.backward(&model, &(), &[&x], 0);
        let unreached: Vec<_> = gradients.unreached().collect();
        assert_eq!(
            unreached[0],
            ("second.weight", "the loss does not depend on it")
        );
        assert_eq!(unreached.len(), 2);
    }
    let mut count = 0;
    model.each(|_, slot| count += usize::from(matches!(slot, Slot::Param(_))));
    assert_eq!(count, 4);
}
