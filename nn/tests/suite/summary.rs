//! Summaries: the table, and receptive fields against what gradients say.

use wengert_autograd::{Tape, Var};
use wengert_nn::*;
use wengert_tensor::{Real, Tensor};

/// How many rows and columns of the input the element in the middle of the result depends on.
fn measured(model: &impl Module<f64>, pass: &mut Pass<f64>, shape: [usize; 4]) -> [usize; 2] {
    let tape = Tape::new();
    let x = tape.leaf(Tensor::uniform(shape, 0.5..1.5, &mut rng(4)));
    let y = model.call(&x, pass);
    let (row, column) = (y.size(2) / 2, y.size(3) / 2);
    let middle = y.select(3, column as isize).select(2, row as isize).sum(..);
    let gradient = middle.backward().wrt(&x).clone();
    let reaches = |axis: isize| {
        let other = if axis == 2 { 3 } else { 2 };
        let lines = gradient.map(|g| g != 0.0).any([0, 1, other]).to_vec();
        let first = lines
            .iter()
            .position(|&line| line)
            .expect("it depends on something");
        let last = lines
            .iter()
            .rposition(|&line| line)
            .expect("it depends on something");
        last - first + 1
    };
    [reaches(2), reaches(3)]
}

fn agrees<M: Module<f64>>(model: &M, shape: [usize; 4]) {
    let summary = summary(model, shape);
    let last = summary
        .layers
        .last()
        .expect("a layer")
        .receptive_field
        .expect("a window");
    assert_eq!(
        measured(model, &mut Pass::eval(model), shape),
        last.size,
        "{summary}"
    );
}

#[test]
fn receptive_fields_are_what_gradients_reach() {
    let rng = &mut rng(0);
    let two: Sequential<f64> = sequential![Conv2d::new(1, 2, 3, rng), Conv2d::new(2, 1, 3, rng)];
    assert_eq!(
        summary(&two, [1, 1, 9, 9]).layers[1]
            .receptive_field
            .unwrap()
            .size,
        [5, 5]
    );
    agrees(&two, [1, 1, 15, 16]);
    agrees(
        &sequential![
            Conv2d::new(1, 2, [3, 2], rng).stride([2, 1]),
            BatchNorm2d::new(2),
            Sigmoid,
            AvgPool2d::new([2, 3]),
            Conv2d::new(2, 2, [2, 3], rng).dilation([1, 2]),
            AvgPool2d::new(2).stride(1),
        ],
        [1, 1, 40, 50],
    );
}

/// A block with a wide branch, a narrow one, and none.
#[derive(Clone, Debug)]
struct Branches<T: Real> {
    wide: Conv2d<T>,
    narrow: Conv2d<T>,
    behind: Conv2d<T>,
}

fields!(Branches {
    wide,
    narrow,
    behind
});

impl<T: Real> Module<T> for Branches<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let x = x * 2.0;
        let sum = self.wide.call(&x, pass) + self.narrow.call(&x, pass) + &x;
        self.behind.call(&sum.tanh(), pass)
    }
}

#[test]
fn branches_do_not_add_up() {
    let rng = &mut rng(0);
    let model = Branches::<f64> {
        wide: Conv2d::new(1, 1, [7, 5], rng).padding(Padding::Same),
        narrow: Conv2d::new(1, 1, 3, rng).padding(1),
        behind: Conv2d::new(1, 1, [3, 1], rng),
    };
    let summary = summary(&model, [1, 1, 30, 30]);
    let sizes: Vec<_> = summary
        .layers
        .iter()
        .map(|l| l.receptive_field.unwrap().size)
        .collect();
    assert_eq!(sizes, [[7, 5], [3, 3], [9, 5]]);
    agrees(&model, [1, 1, 30, 30]);
}

#[test]
fn the_table_lists_layers_and_totals() {
    let rng = &mut rng(0);
    let model: Sequential = sequential![
        Conv2d::new(1, 8, 3, rng).padding(1),
        Relu,
        MaxPool2d::new(2),
        Flatten,
        Linear::new(8 * 4 * 4, 10, rng),
    ];
    let text = summary(&model, [32, 1, 8, 8]).to_string();
    let expected = "\
layer  type       output         parameters  multiply-adds  field / jump
0      Conv2d     [32, 8, 8, 8]          80        147,456     3×3 / 1×1
1      Relu       [32, 8, 8, 8]           0              0     3×3 / 1×1
2      MaxPool2d  [32, 8, 4, 4]           0              0     4×4 / 2×2
3      Flatten    [32, 128]               0              0     4×4 / 2×2
4      Linear     [32, 10]            1,290         40,960           all
[32, 1, 8, 8] → [32, 10]: 1,370 parameters, 0 buffers, 188,416 multiply-adds";
    assert_eq!(text, expected);
}

#[test]
fn a_layer_that_runs_twice_is_listed_twice_and_counted_once() {
    #[derive(Clone, Debug)]
    struct Twice<T: Real = f32> {
        layer: Linear<T>,
    }
    fields!(Twice { layer });
    impl<T: Real> Module<T> for Twice<T> {
        fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
            let x = self.layer.call(x, pass);
            self.layer.call(&x, pass)
        }
    }
    let model: Twice = Twice {
        layer: Linear::new(3, 3, &mut rng(0)),
    };
    let summary = summary(&model, [1, 3]);
    assert_eq!(summary.parameters, 12);
    let each: Vec<_> = summary
        .layers
        .iter()
        .map(|l| (l.parameters, l.multiply_adds))
        .collect();
    assert_eq!(each, [(12, 9), (0, 9)]);
}

#[test]
#[should_panic(expected = "1: conv2d: [1, 2, 6, 6]")]
fn a_model_that_does_not_fit_together_is_found_out() {
    let rng = &mut rng(0);
    let model: Sequential = sequential![Conv2d::new(1, 2, 3, rng), Conv2d::new(3, 1, 3, rng)];
    let _ = summary(&model, [1, 1, 8, 8]);
}

#[test]
#[should_panic(expected = "linear: [5, 4], weight [2, 3]")]
fn so_is_a_dense_layer_of_another_width() {
    let _ = summary(&Linear::<f32>::new(3, 2, &mut rng(0)), [5, 4]);
}

#[test]
fn a_summary_says_what_a_forward_pass_does() {
    let rng = &mut rng(0);
    let model: Sequential = sequential![
        Conv2d::new(3, 4, [3, 2], rng)
            .stride([2, 1])
            .padding([[1, 0], [2, 1]]),
        BatchNorm2d::new(4),
        LeakyRelu::new(0.1),
        ConvTranspose2d::new(4, 2, 2, rng).stride(2),
        MaxPool2d::new(3).stride(2).ceil(),
        AdaptiveAvgPool2d::new([2, 1]),
        Flatten,
        Linear::new(4, 3, rng).without_bias(),
    ];
    let summary = summary(&model, [2, 3, 9, 8]);
    let mut pass = Pass::eval(&model);
    let mut x = pass.input(Tensor::ones([2, 3, 9, 8]));
    for ((_, layer), told) in model.iter().zip(&summary.layers) {
        x = layer.call(&x, &mut pass);
        assert_eq!(told.output_shape, x.shape(), "{}", told.kind);
    }
    assert_eq!(summary.layers.len(), model.len());
}
