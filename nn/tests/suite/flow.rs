//! The gradient-flow audit.

use wengert_autograd::Var;
use wengert_nn::{
    Linear, Module, Param, ParametersExt, Pass, Relu, Sequential, fields, gradient_flow,
    gradient_flow_with, rng, sequential,
};
use wengert_tensor::Tensor;

fn batches(count: usize) -> Vec<Tensor<f32>> {
    let mut rng = rng(1);
    (0..count)
        .map(|_| Tensor::normal([6, 3], 0.0, 1.0, &mut rng))
        .collect()
}

/// A layer with a path that is cut, one that is not used, and one that no traversal knows.
struct Careless {
    used: Linear,
    cut: Linear,
    unused: Linear,
    forgotten: Param,
}
fields!(Careless as f32 { used, cut, unused });

impl Careless {
    fn new() -> Self {
        let mut rng = rng(0);
        Self {
            used: Linear::new(3, 4, &mut rng),
            cut: Linear::new(4, 4, &mut rng),
            unused: Linear::new(3, 4, &mut rng),
            forgotten: Param::new(Tensor::normal([4], 0.0, 1.0, &mut rng)),
        }
    }
}

impl Module<f32> for Careless {
    fn forward(&self, x: &Var<f32>, pass: &mut Pass<f32>) -> Var<f32> {
        let y = self.used.call(x, pass);
        let weight = Var::constant(self.cut.weight.value().clone());
        y.matmul(&weight) * pass.param(&self.forgotten)
    }
}

#[test]
fn a_right_model_has_no_problems_and_norms_by_layer() {
    let mut rng = rng(0);
    let model: Sequential = sequential![
        Linear::new(3, 8, &mut rng),
        Relu,
        Linear::new(8, 2, &mut rng)
    ];
    let flow = gradient_flow(&model, &batches(3));
    flow.assert();
    let layers = flow.layers();
    let paths: Vec<_> = layers.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["0", "2"]);
    assert!(
        layers
            .iter()
            .all(|(_, norms)| norms.len() == 3 && norms.iter().all(|n| *n > 0.0))
    );
    assert_eq!((flow.rectifiers.len(), flow.rectifiers[0].units), (1, 8));
    assert_eq!(flow.constants, [""; 0]);
}

#[test]
fn unreached_parameters_say_where_their_path_ends() {
    let model = Careless::new();
    let flow = gradient_flow(&model, &batches(2));
    let problems = flow.problems();
    let about = |path: &str| {
        let found = problems.iter().find(|text| text.starts_with(path));
        found
            .unwrap_or_else(|| panic!("{path} in {problems:?}"))
            .clone()
    };
    assert!(
        about("cut.weight").contains("constant of matmul"),
        "{problems:?}"
    );
    assert!(
        about("unused.weight").contains("never used it"),
        "{problems:?}"
    );
    assert!(
        !problems.iter().any(|text| text.starts_with("used.")),
        "{problems:?}"
    );
    assert_eq!(flow.unlisted.len(), 1);
    assert!(
        flow.unlisted[0].contains("[4]") && flow.unlisted[0].contains("flow.rs"),
        "{flow}"
    );
    assert!(
        flow.constants.iter().any(|text| text.starts_with("matmul")),
        "{flow}"
    );
}

#[test]
fn dead_rectifiers_and_zero_gradients_are_found() {
    let mut rng = rng(0);
    let mut first: Linear = Linear::new(3, 4, &mut rng);
    let bias = first.bias.as_mut().expect("a bias");
    // Units 0 and 1 are far below zero for every input.
    *bias.value_mut() = Tensor::from_vec(vec![-1e6, -1e6, 0.0, 0.0], [4]);
    let model: Sequential = sequential![first, Relu, Linear::new(4, 2, &mut rng)];
    let flow = gradient_flow(&model, &batches(4));
    assert!(
        flow.rectifiers[0].dead >= 2 && flow.rectifiers[0].dead < 4,
        "{flow}"
    );
    assert!(flow.parameters[0].zeros >= 0.5, "{flow}");
    flow.assert();

    let zero = gradient_flow_with(&model, &batches(1), |batch, pass| {
        let x = pass.input(batch.clone());
        (model.call(&x, pass) * 0.0).sum(..)
    });
    assert_eq!(zero.problems().len(), 4, "{zero}");
    assert!(zero.to_string().contains("exactly zero"), "{zero}");
}

#[test]
fn a_frozen_parameter_is_no_problem() {
    let mut rng = rng(0);
    let mut model: Sequential =
        sequential![Linear::new(3, 4, &mut rng), Linear::new(4, 2, &mut rng)];
    model.freeze("0");
    let flow = gradient_flow(&model, &batches(2));
    flow.assert();
    assert!(flow.parameters[0].frozen && flow.parameters[0].norms.is_empty());
}

#[test]
fn a_rectifier_without_units_does_not_hide_the_ones_behind_it() {
    let mut rng = rng(0);
    let model: Sequential = sequential![Linear::new(3, 4, &mut rng), Relu];
    let flow = gradient_flow_with(&model, &batches(2), |batch, pass| {
        let x = pass.input(batch.clone());
        // Of rank 0, so without an axis of units.
        let first = model.call(&x, pass).sum(..).relu();
        first + model.call(&x, pass).sum(..)
    });
    assert_eq!(flow.rectifiers.len(), 2, "{flow}");
    assert_eq!(flow.rectifiers[1].units, 4);
}
