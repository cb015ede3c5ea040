//! Derivatives with respect to named parameters, and layers that are computed again.

use wengert_autograd::{Tape, Var, transform};
use wengert_nn::{
    BatchNorm2d, Conv2d, Dropout, Flatten, Lenience, Linear, Module, Named, ParametersExt, Pass,
    Relu, Sequential, StateDict, Tanh, per_sample_gradients, rng, sequential,
};
use wengert_tensor::Tensor;

const ROUNDING: f64 = 1e-12;

fn close(a: &Tensor<f64>, b: &Tensor<f64>) -> bool {
    a.shape() == b.shape()
        && a.iter()
            .zip(b.iter())
            .all(|(a, b)| (a - b).abs() <= ROUNDING)
}

/// A network with a smooth activation.
fn network() -> Sequential<f64> {
    let rng = &mut rng(1);
    sequential![Linear::new(3, 4, rng), Tanh, Linear::new(4, 2, rng)]
}

fn points(count: usize) -> Tensor<f64> {
    let values = (0..count * 3).map(|n| ((n * 37 % 19) as f64 - 9.0) / 7.0);
    Tensor::from_vec(values.collect(), [count, 3])
}

/// Sample `n` of a batch, as a batch.
fn one<E: wengert_tensor::Element>(x: &Tensor<E>, n: usize) -> Tensor<E> {
    x.slice(0, n as isize..n as isize + 1)
}

fn labels(count: usize) -> Tensor<i64> {
    Tensor::from_vec((0..count as i64).map(|n| n % 2).collect(), [count])
}

#[test]
fn the_mean_of_gradients_per_sample_is_the_gradient_of_the_mean() {
    let (model, x, labels) = (network(), points(7), labels(7));
    let each = per_sample_gradients(&model, 7, 0, |n, pass| {
        let input = pass.input(one(&x, n));
        model.call(&input, pass).cross_entropy(&one(&labels, n))
    });
    let mut pass = Pass::train(&model, 0);
    let loss = model
        .call(&pass.input(x.clone()), &mut pass)
        .cross_entropy(&labels);
    let whole = pass.backward(&loss);
    let parameters = model.parameters();
    assert_eq!(each.len(), parameters.len());
    for ((path, each), (expected, param)) in each.iter().zip(parameters) {
        assert_eq!(*path, expected);
        assert_eq!(each.shape()[0], 7);
        assert!(
            close(&each.mean(0), whole.get(param).expect("used")),
            "{path}"
        );
    }
}

#[test]
fn gradients_per_sample_do_not_depend_on_the_number_of_threads() {
    let model: Sequential<f64> = {
        let rng = &mut rng(2);
        sequential![
            Linear::new(3, 50, rng),
            Dropout::new(0.5),
            Linear::new(50, 1, rng)
        ]
    };
    let x = points(9);
    let with = |threads| {
        wengert_tensor::parallel::with_threads(threads, || {
            per_sample_gradients(&model, 9, 5, |n, pass| {
                model.call(&pass.input(one(&x, n)), pass).sum(..)
            })
        })
    };
    assert_eq!(with(1), with(3));
    assert_eq!(with(1)[0].1.shape(), [9, 50, 3]);
}

/// The loss as a function of the parameters in order, in any number type, written out.
fn written_out<T: wengert_tensor::Real>(
    p: &[Var<T>],
    x: &Tensor<f64>,
    labels: &Tensor<i64>,
) -> Var<T> {
    let x = Var::constant(x.cast::<T>());
    x.linear(&p[0], Some(&p[1]))
        .tanh()
        .linear(&p[2], Some(&p[3]))
        .cross_entropy(labels)
}

#[test]
fn the_hessian_is_that_of_dual_numbers_and_its_products_are_hvp() {
    let (model, x, labels) = (network(), points(5), labels(5));
    let mut pass = Pass::train(&model, 0);
    let loss = model
        .call(&pass.input(x.clone()), &mut pass)
        .cross_entropy(&labels);
    let hessian = pass.hessian(&loss, "");
    let values: Vec<_> = model
        .parameters()
        .iter()
        .map(|(_, p)| p.value().clone())
        .collect();
    // Another way and another code: dual numbers through one backward pass for each column.
    let expected = transform::hessian(|p| written_out(p, &x, &labels), &values);
    for ((row, blocks), expected) in hessian.iter().zip(&expected) {
        for ((column, block), expected) in blocks.iter().zip(expected) {
            assert!(close(block, expected), "{row}, {column}");
        }
    }
    let direction: Named<f64> = model
        .parameters()
        .iter()
        .map(|(path, p)| (path.clone(), p.value().map(|x| (3.0 * x).sin())))
        .collect();
    let product = pass.hvp(&loss, &direction);
    for ((path, product), (_, blocks)) in product.iter().zip(&hessian) {
        let terms = blocks.iter().zip(&direction).map(|((_, block), (_, v))| {
            let matrix = block.reshape([product.len(), v.len()]);
            matrix
                .matmul(&v.reshape([v.len(), 1]))
                .reshape(product.shape())
        });
        let sum = terms
            .reduce(|a, b| a.zip(&b, |a, b| a + b))
            .expect("there are parameters");
        assert!(close(&sum, product), "{path}");
    }
    // The tape stays: the gradient can still be taken.
    assert!(pass.backward(&loss).iter().count() == 4);
}

#[test]
fn a_jacobian_has_a_row_for_each_output_and_only_matching_used_parameters() {
    let mut model = network();
    model.freeze("0.bias");
    let x = points(2);
    let mut pass = Pass::train(&model, 0);
    let y = model.call(&pass.input(x.clone()), &mut pass);
    let jacobian = pass.jacobian(&y, "2");
    let names: Vec<_> = jacobian.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(names, ["2.weight", "2.bias"]);
    assert_eq!(jacobian[0].1.shape(), [2, 2, 2, 4]);
    // ∂y[n, o] / ∂b[o'] = 1 if o = o', else 0.
    let bias: Vec<f64> = jacobian[1].1.to_vec();
    assert_eq!(bias, [1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0]);
    let all: Vec<_> = pass
        .jacobian(&y, "")
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    assert_eq!(
        all,
        ["0.weight", "2.weight", "2.bias"],
        "a frozen parameter has none"
    );
}

#[test]
#[should_panic(
    expected = "jacobian: \"3\": no used parameter of the model matches; the nearest is"
)]
fn a_pattern_without_a_parameter_is_refused() {
    let model = network();
    let mut pass = Pass::train(&model, 0);
    let y = model.call(&pass.input(points(1)), &mut pass);
    let _ = pass.jacobian(&y, "3");
}

#[test]
fn a_functional_call_uses_the_given_values_and_the_others_of_the_model() {
    let (model, x, labels) = (network(), points(4), labels(4));
    let tape = Tape::new();
    let replaced = tape.leaf(Tensor::full([2, 4], 0.25));
    let mut pass = Pass::train(&model, 0).with_parameters(&model, &[("2.weight", &replaced)]);
    let loss = model
        .call(&pass.input(x.clone()), &mut pass)
        .cross_entropy(&labels);
    let mut p: Vec<_> = model
        .parameters()
        .iter()
        .map(|(_, p)| p.value().clone())
        .collect();
    p[2] = Tensor::full([2, 4], 0.25);
    let (value, gradients) = transform::value_and_grad(|p| written_out(p, &x, &labels), &p);
    assert!((loss.item() - value).abs() < ROUNDING);
    let found = loss.backward();
    assert!(close(found.wrt(&replaced), &gradients[2]));
}

#[test]
#[should_panic(expected = "with_parameters: 2.weight: [2, 3]: the parameter is [2, 4]")]
fn a_variable_of_another_shape_than_its_parameter_is_refused() {
    let model = network();
    let wrong = Var::constant(Tensor::zeros([2, 3]));
    let _ = Pass::train(&model, 0).with_parameters(&model, &[("2.weight", &wrong)]);
}

/// Convolutions with batch norm and dropout, as a block that may be computed again.
struct Blocks {
    first: Sequential<f64>,
    second: Sequential<f64>,
    head: Linear<f64>,
    recompute: bool,
}
wengert_nn::fields!(Blocks as f64 { first, second, head });

impl Module<f64> for Blocks {
    fn forward(&self, x: &Var<f64>, pass: &mut Pass<f64>) -> Var<f64> {
        let mut x = x.clone();
        for block in [&self.first, &self.second] {
            x = if self.recompute {
                pass.recompute(block, &x)
            } else {
                block.call(&x, pass)
            };
        }
        self.head.call(&x.flatten(1, -1), pass)
    }
}

fn blocks(recompute: bool) -> Blocks {
    let rng = &mut rng(4);
    let mut block = |channels| {
        sequential![
            Conv2d::new(channels, 6, 3, rng).padding(1),
            BatchNorm2d::new(6),
            Relu,
            Dropout::new(0.3),
            Conv2d::new(6, 6, 3, rng).padding(1),
            Tanh,
        ]
    };
    let (first, second) = (block(2), block(6));
    Blocks {
        first,
        second,
        head: Linear::new(6 * 25, 3, rng),
        recompute,
    }
}

fn images() -> Tensor<f64> {
    let values = (0..4 * 50).map(|n| (f64::from(n * 29 % 31) - 15.0) / 9.0);
    Tensor::from_vec(values.collect(), [4, 2, 5, 5])
}

/// The bits of loss, gradients, and the model after the changes of its buffers; and the bytes that the tape keeps.
fn step(
    recompute: bool,
    prepare: impl FnOnce(&mut Blocks, &mut Option<&str>),
) -> (Vec<u64>, usize) {
    let mut model = blocks(recompute);
    let mut evaluated = None;
    prepare(&mut model, &mut evaluated);
    let mut pass = Pass::train(&model, 9);
    if let Some(pattern) = evaluated {
        pass.evaluate(pattern);
    }
    let x = pass.input(images());
    let labels = Tensor::from_vec(vec![0, 1, 2, 1], [4]);
    let loss = model.call(&x, &mut pass).cross_entropy(&labels);
    let kept = pass.tape().kept_bytes();
    let gradients = pass.backward(&loss);
    // A random number after the model: the generator is where it would be.
    let next = rand::Rng::next_u64(pass.rng());
    let mut bits = vec![loss.item().to_bits(), next];
    for (_, gradient) in gradients.iter() {
        bits.extend(gradient.iter().map(f64::to_bits));
    }
    pass.commit(&mut model);
    let state = StateDict::of(&model).to_bytes();
    bits.extend(state.iter().map(|&byte| u64::from(byte)));
    (bits, kept)
}

#[test]
fn a_block_that_is_computed_again_gives_the_same_bits_and_keeps_less() {
    let (expected, kept) = step(false, |_, _| {});
    let (found, less) = step(true, |_, _| {});
    assert_eq!(found, expected);
    assert!(2 * less < kept, "{less} of {kept} bytes");
}

#[test]
fn frozen_parameters_and_layers_in_evaluation_stay_so_when_computed_again() {
    for prepare in [
        (|model, _| {
            model.freeze("second");
        }) as fn(&mut Blocks, &mut Option<&str>),
        |model, evaluated| {
            model.freeze("first.1");
            *evaluated = Some("first.1");
        },
        |_, evaluated| *evaluated = Some("second"),
    ] {
        assert_eq!(step(true, prepare).0, step(false, prepare).0);
    }
}

#[test]
fn second_derivatives_go_through_a_block_that_is_computed_again() {
    let smooth = || {
        let rng = &mut rng(3);
        let block: Sequential<f64> =
            sequential![Linear::new(3, 4, rng), Tanh, Linear::new(4, 2, rng)];
        block
    };
    let hessian = |recompute: bool| {
        let model = smooth();
        let mut pass = Pass::train(&model, 0);
        let x = pass.input(points(3));
        let y = if recompute {
            pass.recompute(&model, &x)
        } else {
            model.call(&x, &mut pass)
        };
        let loss = y.cross_entropy(&labels(3));
        pass.hessian(&loss, "")
    };
    for ((row, found), (_, expected)) in hessian(true).iter().zip(&hessian(false)) {
        for ((column, found), (_, expected)) in found.iter().zip(expected) {
            assert!(close(found, expected), "{row}, {column}");
        }
    }
}

#[test]
fn a_sequential_is_edited_and_its_state_stays_that_of_torch() {
    let rng = &mut rng(0);
    let mut model: Sequential =
        sequential![Linear::new(4, 8, rng), Relu].push_named("head", Linear::new(8, 2, rng));
    model.insert(1, Dropout::new(0.5));
    model.insert(0, Flatten);
    let names = |model: &Sequential| {
        model
            .iter()
            .map(|(name, _)| name.to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&model), ["0", "1", "2", "3", "head"]);
    let old = model.replace(4, Linear::new(8, 5, rng));
    assert_eq!(old.parameters()[0].1.shape(), [2, 8]);
    let _ = model.remove(0);
    assert_eq!(names(&model), ["0", "1", "2", "head"]);
    let paths: Vec<_> = model
        .parameters()
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    assert_eq!(paths, ["0.weight", "0.bias", "head.weight", "head.bias"]);
    let mut pass = Pass::eval(&model);
    let y = model.call(&pass.input(Tensor::zeros([3, 4])), &mut pass);
    assert_eq!(y.shape(), [3, 5]);
    assert!(model.get(4).is_none());
}

#[test]
fn a_state_is_filtered_renamed_and_loaded_in_part() {
    let model = network();
    let state = StateDict::of(&model);
    let names = |state: &StateDict| {
        state
            .iter()
            .map(|(name, _)| name.to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&state.filter("0")), ["0.weight", "0.bias"]);
    assert_eq!(names(&state.filter("*.bias")), ["0.bias", "2.bias"]);
    let mut renamed = state.clone();
    renamed.rename(|name| format!("module.{name}"));
    assert_eq!(names(&renamed)[0], "module.0.weight");
    renamed.rename(|name| name.replace("module.", ""));
    assert_eq!(renamed, state);
    assert!(renamed.remove("0.bias").is_some() && renamed.remove("0.bias").is_none());
    assert_eq!(names(&renamed), ["0.weight", "2.weight", "2.bias"]);
    assert_eq!(renamed.get("2.bias"), state.get("2.bias"));

    let mut other = network();
    other.each_mut(|_, slot| {
        if let wengert_nn::SlotMut::Param(param) = slot {
            param.value_mut().map_in_place(|_| 0.0);
        }
    });
    let lenience = Lenience {
        missing: true,
        ..Lenience::default()
    };
    let difference = state
        .filter("2")
        .load_into_with(&mut other, lenience)
        .expect("it fits");
    assert_eq!(difference.missing, ["0.weight", "0.bias"]);
    let loaded = StateDict::of(&other);
    assert_eq!(loaded.filter("2"), state.filter("2"));
    assert!(
        loaded
            .get("0.weight")
            .and_then(wengert_nn::Values::real::<f64>)
            .is_some_and(|w| w.max(..).item() == 0.0)
    );
}

#[test]
#[should_panic(expected = "rename: \"0.bias\": another tensor has got the new name \"x\" too")]
fn two_tensors_cannot_get_one_name() {
    StateDict::of(&network()).rename(|_| "x".to_owned());
}
