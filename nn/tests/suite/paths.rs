//! Which layer is running: paths in panics, captured outputs, evaluation mode, patterns.

use wengert_autograd::Var;
use wengert_nn::*;
use wengert_tensor::{Real, Tensor, require};

use crate::training::panic_of;

/// A layer of a user's own without fields: it fails on a batch of 13.
#[derive(Clone, Debug)]
struct Swish;

fields!(Swish);

impl<T: Real> Module<T> for Swish {
    fn forward(&self, x: &Var<T>, _pass: &mut Pass<T>) -> Var<T> {
        require!(x.size(0) != 13, "swish: {:?}: thirteen", x.shape());
        x * x.sigmoid()
    }
}

/// A composite with every kind of child.
#[derive(Clone, Debug)]
struct Block<const WIDTH: usize, T: Real> {
    first: Linear<T>,
    act: Swish,
    maybe: Option<Linear<T>>,
    none: Option<Linear<T>>,
    many: Vec<Linear<T>>,
    nested: Sequential<T>,
    last: Swish,
}

fields!(Block<const WIDTH: usize, T> { first, act, maybe, none, many, "nest.ed" => nested, last });

impl<const WIDTH: usize, T: Real> Block<WIDTH, T> {
    fn new(rng: &mut impl rand::Rng) -> Self {
        let mut linear = || Linear::new(WIDTH, WIDTH, rng);
        Self {
            first: linear(),
            act: Swish,
            maybe: Some(linear()),
            none: None,
            many: vec![linear(), linear()],
            nested: sequential![linear(), sequential![Swish, linear(), Swish], Swish],
            last: Swish,
        }
    }
}

impl<const WIDTH: usize, T: Real> Module<T> for Block<WIDTH, T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let mut x = self.act.call(&self.first.call(x, pass), pass);
        for layer in self.maybe.iter().chain(&self.none).chain(&self.many) {
            x = layer.call(&x, pass);
        }
        self.last.call(&self.nested.call(&x, pass), pass)
    }
}

const ORDER: [&str; 12] = [
    "first",
    "act",
    "maybe",
    "many.0",
    "many.1",
    "nest.ed.0",
    "nest.ed.1.0",
    "nest.ed.1.1",
    "nest.ed.1.2",
    "nest.ed.1",
    "nest.ed.2",
    "nest.ed",
];

fn ran<T: Real>(pass: &Pass<T>) -> Vec<String> {
    pass.captures().map(|(path, _)| path.to_owned()).collect()
}

fn all_of(model: &Block<3, f64>) -> Vec<String> {
    let mut pass = Pass::eval(model);
    pass.capture("*");
    let x = pass.input(Tensor::ones([2, 3]));
    let _ = model.call(&x, &mut pass);
    ran(&pass)
}

#[test]
fn every_layer_of_a_composite_is_captured_by_its_path_in_order() {
    let model: Block<3, f64> = Block::new(&mut rng(0));
    let expected: Vec<_> = ORDER.into_iter().chain(["last", ""]).collect();
    assert_eq!(all_of(&model), expected);
}

#[test]
fn a_model_that_moves_between_passes_keeps_its_paths() {
    let model: Block<3, f64> = Block::new(&mut rng(0));
    let expected = all_of(&model);
    let boxed = Box::new(model);
    assert_eq!(all_of(&boxed), expected);
    let mut models = vec![*boxed];
    assert_eq!(all_of(&models[0]), expected);
    models.insert(0, Block::new(&mut rng(1)));
    assert_eq!(all_of(&models[1]), expected);
    assert_eq!(all_of(&models[0]), expected);
}

#[test]
fn a_captured_output_is_what_the_layer_returned() {
    let model: Block<3, f64> = Block::new(&mut rng(0));
    let mut pass = Pass::train(&model, 0);
    pass.capture("first");
    pass.capture("nest.ed.1.*");
    let x = pass.input(Tensor::ones([2, 3]));
    let _ = model.call(&x, &mut pass);
    assert_eq!(
        ran(&pass),
        ["first", "nest.ed.1.0", "nest.ed.1.1", "nest.ed.1.2"]
    );
    let weight = model.first.weight.value();
    let bias = model.first.bias.as_ref().expect("it has one").value();
    let expected = x.value().linear(weight, Some(bias));
    assert_eq!(pass.captured("first").value(), &expected);
    let before = pass.captured("nest.ed.1.1").clone();
    let after = pass.captured("nest.ed.1.2").value();
    assert_eq!((&before * before.sigmoid()).value(), after);
}

#[test]
fn a_layer_that_runs_twice_is_captured_twice() {
    #[derive(Clone, Debug)]
    struct Shared {
        layer: Linear,
        act: Relu,
    }
    fields!(Shared as f32 { layer, act });
    impl Module<f32> for Shared {
        fn forward(&self, x: &Var, pass: &mut Pass) -> Var {
            let x = self.act.call(&self.layer.call(x, pass), pass);
            self.act.call(&self.layer.call(&x, pass), pass)
        }
    }
    let model = Shared {
        layer: Linear::new(2, 2, &mut rng(0)),
        act: Relu,
    };
    let mut pass = Pass::eval(&model);
    pass.capture("*");
    let x = pass.input(Tensor::ones([1, 2]));
    let _ = model.call(&x, &mut pass);
    assert_eq!(ran(&pass), ["layer", "act", "layer", "act", ""]);
    // Called directly, a layer runs all the same, and those inside it are known.
    let mut pass = Pass::eval(&model);
    pass.capture("*");
    let _ = model.forward(&x, &mut pass);
    assert_eq!(ran(&pass), ["layer", "act", "layer", "act"]);
}

#[test]
fn a_layer_of_another_signature_is_captured_by_its_first_output() {
    let rng = &mut rng(0);
    let lstm: Lstm = Lstm::new(3, 2, rng);
    let mut pass = Pass::eval(&lstm);
    pass.capture("");
    let x = pass.input(Tensor::ones([4, 1, 3]));
    let (y, ..) = lstm.run(&x, None, &mut pass);
    assert_eq!(pass.captured("").value(), y.value());
    // Through `call` it is one layer, not two.
    let _ = lstm.call(&x, &mut pass);
    assert_eq!(pass.captures().count(), 2);
}

#[test]
fn a_panic_names_layers_without_fields_too() {
    let model: Block<3, f64> = Block::new(&mut rng(0));
    let mut pass = Pass::eval(&model);
    let x = pass.input(Tensor::ones([13, 3]));
    let (message, _) = panic_of(|| {
        let _ = model.call(&x, &mut pass);
    });
    assert_eq!(message, "act: swish: [13, 3]: thirteen");
    let mut pass = Pass::eval(&model);
    let (message, _) = panic_of(|| {
        let _ = model.nested.call(&x, &mut pass);
    });
    assert_eq!(message, "nest.ed.1.0: swish: [13, 3]: thirteen");
}

#[test]
fn an_unknown_path_names_the_nearest() {
    let model: Block<3, f64> = Block::new(&mut rng(0));
    let mut pass = Pass::eval(&model);
    let (message, _) = panic_of(|| pass.capture("nest.ed.1.3"));
    assert!(
        message.starts_with(
            "capture: \"nest.ed.1.3\": no layer of the model matches; the nearest is \"nest.ed.1."
        ),
        "{message}"
    );
    pass.capture("first");
    let (message, _) = panic_of(|| {
        let _ = pass.captured("first");
    });
    assert_eq!(
        message,
        "captured: \"first\": the layer has not run in this pass"
    );
    let (message, _) = panic_of(|| {
        let _ = pass.captured("fist");
    });
    assert!(message.ends_with("the nearest is \"first\""), "{message}");
}

#[test]
fn a_forgotten_field_panics_at_its_first_use_with_the_remedy() {
    #[derive(Clone, Debug)]
    struct Forgetful {
        known: Linear,
        scale: Param,
        forgotten: Linear,
    }
    fields!(Forgetful as f32 { known });
    impl Module<f32> for Forgetful {
        fn forward(&self, x: &Var, pass: &mut Pass) -> Var {
            let x = self.known.call(x, pass);
            if x.size(0) == 1 {
                return x * pass.param(&self.scale);
            }
            self.forgotten.call(&x, pass)
        }
    }
    let rng = &mut rng(0);
    let inner = Forgetful {
        known: Linear::new(2, 2, rng),
        scale: Param::new(Tensor::ones([2])),
        forgotten: Linear::new(2, 2, rng),
    };
    let model: Sequential = sequential![inner];
    for (rows, shape) in [(1, "[2]"), (3, "[2]")] {
        for mut pass in [Pass::train(&model, 0), Pass::eval(&model)] {
            let x = pass.input(Tensor::ones([rows, 2]));
            let (message, _) = panic_of(|| {
                let _ = model.call(&x, &mut pass);
            });
            assert!(message.starts_with(&format!("0: param: {shape}: not a parameter of the pass's model; name its field in `fields!`")), "{message}");
        }
    }
}

#[test]
fn a_pass_of_another_model_panics_at_the_first_parameter() {
    let (a, b) = (
        Linear::<f32>::new(2, 2, &mut rng(0)),
        Linear::new(2, 2, &mut rng(0)),
    );
    let mut pass = Pass::train(&a, 0);
    let x = pass.input(Tensor::ones([1, 2]));
    let (message, _) = panic_of(|| {
        let _ = b.call(&x, &mut pass);
    });
    assert!(
        message.contains("make the pass for the model that runs"),
        "{message}"
    );
}

#[test]
fn a_layer_kept_in_evaluation_mode_leaves_its_statistics_alone() {
    let rng = &mut rng(0);
    let mut model: Sequential<f64> = sequential![
        BatchNorm1d::new(3),
        sequential![BatchNorm1d::new(3), Dropout::new(0.5)],
        Linear::new(3, 1, rng),
    ];
    let before = StateDict::of(&model);
    let mut pass = Pass::train(&model, 1);
    pass.evaluate("1");
    pass.capture("1.1");
    pass.capture("1.0");
    let x = pass.input(Tensor::normal([8, 3], 1.0, 2.0, rng));
    let loss = model.call(&x, &mut pass).sum(..);
    assert_eq!(
        pass.captured("1.0").value(),
        pass.captured("1.1").value(),
        "nothing is dropped"
    );
    let gradients = pass.backward(&loss);
    gradients.require_all();
    pass.commit(&mut model);
    let after = StateDict::of(&model);
    for (name, values) in before.iter() {
        let moved = after.get(name) != Some(values);
        assert_eq!(
            moved,
            name.starts_with("0.running") || name.starts_with("0.num"),
            "{name}"
        );
    }
    let mut pass = Pass::train(&model, 1);
    let (message, _) = panic_of(|| pass.evaluate("bn"));
    assert!(
        message.starts_with("evaluate: \"bn\": no layer of the model matches"),
        "{message}"
    );
}

#[test]
fn a_pattern_of_parameters_ends_at_a_dot_and_must_match() {
    let rng = &mut rng(0);
    let mut model: Sequential = Sequential::new()
        .push_named("fc", Linear::new(2, 2, rng))
        .push_named("fc_aux", Linear::new(2, 2, rng));
    assert_eq!(model.freeze("fc"), 2);
    let frozen = |model: &Sequential| -> Vec<String> {
        let all = model.parameters().into_iter();
        all.filter(|(_, param)| param.is_frozen())
            .map(|(path, _)| path)
            .collect()
    };
    assert_eq!(frozen(&model), ["fc.weight", "fc.bias"]);
    assert_eq!(model.freeze("*.bias"), 2);
    assert_eq!(model.unfreeze("fc"), 2);
    assert_eq!(frozen(&model), ["fc_aux.bias"]);
    let (message, _) = panic_of(|| {
        model.freeze("fc_au");
    });
    assert_eq!(
        message,
        "freeze: \"fc_au\": no parameter of the model matches; the nearest is \"fc_aux\""
    );
}

#[test]
fn a_composite_of_any_layers_needs_one_line() {
    #[derive(Clone, Debug)]
    struct Residual<L> {
        body: L,
    }
    fields!(Residual<L> { body });
    impl<T: Real, L: Module<T>> Module<T> for Residual<L> {
        fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
            x + self.body.call(x, pass)
        }
    }
    for report in check_model!(
        |rng| Residual {
            body: sequential![Linear::new(3, 3, rng), Tanh]
        },
        [2, 3]
    ) {
        report.assert();
        assert_eq!(report.names, ["body.0.weight", "body.0.bias", "input"]);
    }
}

#[test]
fn a_summary_counts_the_products_between_layers() {
    #[derive(Clone, Debug)]
    struct Product<T: Real> {
        inner: Linear<T>,
        outer: Param<T>,
    }
    fields!(Product { inner, outer });
    impl<T: Real> Module<T> for Product<T> {
        fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
            self.inner.call(x, pass).matmul(&pass.param(&self.outer))
        }
    }
    let model: Product<f32> = Product {
        inner: Linear::new(3, 4, &mut rng(0)),
        outer: Param::new(Tensor::ones([4, 5])),
    };
    let summary = summary(&model, [2, 3]);
    let rows: Vec<_> = summary
        .layers
        .iter()
        .map(|layer| {
            (
                &*layer.path,
                &*layer.kind,
                layer.parameters,
                layer.multiply_adds,
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("inner", "Linear", 16, 2 * 3 * 4),
            ("", "Product", 20, 2 * 4 * 5)
        ]
    );
    assert_eq!(summary.multiply_adds, 2 * 3 * 4 + 2 * 4 * 5);
}
