//! Recurrent cells and the layer of two inputs: gradients, and agreement with what they are parts of.

use wengert_autograd::Var;
use wengert_autograd::ops::RnnActivation;
use wengert_nn::*;
use wengert_tensor::{Real, Tensor};

use crate::layers::assert;
use crate::training::panic_of;

/// Two steps of a cell over the same input.
macro_rules! twice {
    ($($name:ident $cell:ident |$inner:ident, $x:ident, $pass:ident| $forward:expr;)*) => {$(
        #[derive(Clone, Debug)]
        struct $name<T: Real> {
            cell: $cell<T>,
        }

        fields!($name { "" => cell });

        impl<T: Real> Module<T> for $name<T> {
            fn forward(&self, $x: &Var<T>, $pass: &mut Pass<T>) -> Var<T> {
                let $inner = &self.cell;
                $forward
            }
        }
    )*};
}

twice! {
    TwoPlain RnnCell |cell, x, pass| {
        let h = cell.step(x, None, pass);
        cell.step(x, Some(&h), pass)
    };
    TwoGated GruCell |cell, x, pass| {
        let h = cell.step(x, None, pass);
        cell.step(x, Some(&h), pass)
    };
    TwoLong LstmCell |cell, x, pass| {
        let (h, c) = cell.step(x, None, pass);
        let (h, c) = cell.step(x, Some((&h, &c)), pass);
        h + c * 0.3
    };
    Squared Bilinear |layer, x, pass| layer.call(x, &(x * 0.5), pass);
}

#[test]
fn cells_have_exact_gradients() {
    let reports = check_model!(
        |rng| TwoPlain {
            cell: RnnCell::new(3, 2, rng)
        },
        [2, 3]
    );
    let names = ["weight_ih", "weight_hh", "bias_ih", "bias_hh", "input"];
    assert_eq!(reports[0].names, names);
    assert(&reports);
    assert(&check_model!(
        |rng| TwoGated {
            cell: GruCell::new(3, 2, rng)
        },
        [2, 3]
    ));
    assert(&check_model!(
        |rng| TwoLong {
            cell: LstmCell::new(2, 3, rng).without_bias()
        },
        [1, 2]
    ));
}

/// A state dict with `suffix` behind every name.
fn renamed(model: &impl Parameters<f64>, suffix: &str) -> StateDict {
    let mut renamed = StateDict::new();
    for (name, values) in StateDict::of(model).iter() {
        renamed.insert(format!("{name}{suffix}"), values.clone());
    }
    renamed
}

#[test]
fn a_layer_is_its_cell_at_every_step() {
    let rng = &mut rng(0);
    let x = Tensor::normal([4, 2, 3], 0.0, 1.0, rng);
    let (cell, mut layer) = (LstmCell::new(3, 5, rng), Lstm::new(3, 5, rng));
    renamed(&cell, "_l0").load_into(&mut layer).unwrap();
    let mut pass = Pass::eval(&layer);
    let x = pass.input(x);
    let mut of_cell = Pass::eval(&cell);
    let (y, _, memory) = layer.run(&x, None, &mut pass);
    let mut state = cell.step(&x.select(0, 0), None, &mut of_cell);
    // The layer adds the two biases first, so that sums of at most 10 terms of about 1 differ by a few roundings, and so do
    // states, which are at most 4 after four steps.
    let assert_close = |a: &Var<f64>, b: &Var<f64>| {
        let error = (a - b).abs().max(..).value().item();
        assert!(error <= 100.0 * f64::EPSILON, "{error:e}");
    };
    for t in 1..4 {
        assert_close(&state.0, &y.select(0, t - 1));
        state = cell.step(&x.select(0, t), Some((&state.0, &state.1)), &mut of_cell);
    }
    assert_close(&state.1, &memory.select(0, 0));

    let (cell, mut layer) = (GruCell::new(3, 5, rng), Gru::new(3, 5, rng));
    renamed(&cell, "_l0").load_into(&mut layer).unwrap();
    let (mut pass, mut of_cell) = (Pass::eval(&layer), Pass::eval(&cell));
    let (y, _) = layer.run(&x, None, &mut pass);
    let h = cell.step(&x.select(0, 0), None, &mut of_cell);
    let h = cell.step(&x.select(0, 1), Some(&h), &mut of_cell);
    assert_eq!(h.value(), y.select(0, 1).value());

    let cell = RnnCell::new(3, 5, rng).nonlinearity(RnnActivation::Relu);
    let mut layer = Rnn::new(3, 5, rng).nonlinearity(RnnActivation::Relu);
    renamed(&cell, "_l0").load_into(&mut layer).unwrap();
    let (mut pass, mut of_cell) = (Pass::eval(&layer), Pass::eval(&cell));
    let (y, _) = layer.run(&x, None, &mut pass);
    let h = cell.step(&x.select(0, 0), None, &mut of_cell);
    assert_eq!(h.value(), y.select(0, 0).value());
}

#[test]
#[should_panic(expected = "recurrent: [2, 1, 3]: a state [3, 1, 2]: 2 of them are needed")]
fn a_state_has_one_row_per_layer_and_direction() {
    let layer: Gru = Gru::stacked(3, 2, 2, &mut rng(0));
    let mut pass = Pass::eval(&layer);
    let (x, h) = (Tensor::ones([2, 1, 3]), Tensor::ones([3, 1, 2]));
    let (x, h) = (pass.input(x), pass.input(h));
    let _ = layer.run(&x, Some(&h), &mut pass);
}

#[test]
fn the_layer_of_two_inputs() {
    let reports = check_model!(
        |rng| Squared {
            cell: Bilinear::new(3, 3, 2, rng)
        },
        [2, 3]
    );
    assert_eq!(reports[0].names, ["weight", "bias", "input"]);
    assert(&reports);
    let mut layer: Bilinear<f64> = Bilinear::new(2, 3, 1, &mut rng(0));
    layer.weight = Param::new(Tensor::from_vec(
        vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        [1, 2, 3],
    ));
    layer.bias = Some(Param::new(Tensor::from_vec(vec![0.5], [1])));
    let mut pass = Pass::eval(&layer);
    let a = pass.input(Tensor::from_vec(vec![1.0, 10.0], [2]));
    let b = pass.input(Tensor::from_vec(vec![1.0, 0.0, -1.0], [3]));
    // (1 − 3) + 10·(4 − 6) + 0.5
    assert_eq!(layer.call(&a, &b, &mut pass).value().to_vec(), [-21.5]);
}

#[test]
fn a_panic_of_a_recurrent_layer_is_at_the_callers_line() {
    let rng = &mut rng(0);
    let (layer, cell) = (Lstm::<f32>::new(3, 2, rng), GruCell::new(3, 2, rng));
    let mut pass = Pass::eval(&layer);
    let x = pass.input(Tensor::ones([4, 1, 5]));
    let call = line!() + 1;
    let (message, line) = panic_of(|| drop(layer.run(&x, None, &mut pass)));
    assert!(
        message.starts_with("lstm: [1, 5]: the input has 5 features"),
        "{message}"
    );
    assert_eq!(line, call);
    let mut pass = Pass::eval(&cell);
    let call = line!() + 1;
    let (message, line) = panic_of(|| drop(cell.step(&x, None, &mut pass)));
    assert!(
        message.starts_with("gru_cell: [4, 1, 5]: the input has 5 features"),
        "{message}"
    );
    assert_eq!(line, call);
}
