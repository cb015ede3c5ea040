//! `assert_gradients!`, the builder, and the test that a failing case prints.

use std::cell::Cell;
use std::panic::catch_unwind;

use wengert_autograd::check::{
    Check, CheckOptions, Derivative, Record, Witness, check_dyn, shrink, test_source,
};
use wengert_autograd::{Draw, LARGEST, Var, assert_gradients, generic};
use wengert_tensor::{ConvOptions, Tensor};

fn normal(shape: &[usize], seed: u64) -> Tensor<f64> {
    Draw::new(seed, LARGEST).normal(shape)
}

#[test]
fn one_line_checks_a_function_of_several_inputs() {
    let (x, w) = (normal(&[2, 2, 5, 4], 0), normal(&[3, 2, 3, 2], 1));
    let options = ConvOptions::default();
    assert_gradients!(|x, w| x.conv2d(w, &options), [x, w]);
    let reference = &x;
    let first_order = CheckOptions {
        second_order: false,
        ..CheckOptions::default()
    };
    assert_gradients!(|x| x.tanh().sum(..), [reference], first_order);
}

#[test]
fn symbols_may_be_captured() {
    let table = normal(&[6, 3], 2);
    let symbols = Tensor::from_vec(vec![0_i64, 5, 5, 2], [4]);
    let targets = Tensor::from_vec(vec![0_i64, 2, 1, 1], [4]);
    assert_gradients!(
        |table| table.embedding(&symbols, None).cross_entropy(&targets),
        [table]
    );
}

#[test]
fn a_failing_line_prints_the_smallest_case_as_a_test() {
    let x = normal(&[3, 4], 3);
    let panic = catch_unwind(|| assert_gradients!(|x| x * &x.detach(), [x]));
    let panic = panic.expect_err("half of the gradient is cut off");
    let text = panic.downcast_ref::<String>().expect("a message");
    assert!(text.contains("WRONG"), "{text}");
    assert!(text.contains("#[test]\nfn"), "{text}");
    assert!(
        text.contains("assert_gradients!(|x| x * &x.detach(), [x]);"),
        "{text}"
    );
    let inputs = text
        .lines()
        .find(|line| line.contains("let x = "))
        .expect("the input");
    assert!(inputs.ends_with("], [1, 1]);"), "{inputs}");
}

#[test]
fn shrinking_keeps_axes_equal_that_the_function_needs_equal() {
    let f = generic!(|a, b| a.matmul(&b.detach()));
    let inputs = [normal(&[4, 6], 4), normal(&[6, 5], 5)];
    let small = shrink(&f, &inputs, &CheckOptions::default());
    assert_eq!([small[0].shape(), small[1].shape()], [[1, 1], [1, 1]]);
    // A right function stays as it is.
    let right = generic!(|a, b| a.matmul(b));
    let same = shrink(&right, &inputs, &CheckOptions::default());
    assert_eq!(same[0].to_vec(), inputs[0].to_vec());
}

#[test]
fn a_test_writes_numbers_that_are_not_finite() {
    let x = Tensor::from_vec(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.5], [4]);
    let text = test_source("|x| x.exp()", &["x"], &[x]);
    assert!(
        text.contains("vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.5], [4]"),
        "{text}"
    );
}

#[test]
fn the_builder_sets_every_knob() {
    let x = normal(&[40], 6);
    let report = Check::of(generic!(|x| x.sin()))
        .titled("sine")
        .at("x", &x)
        .seed(9)
        .entries(8)
        .power(0.999)
        .smallest_error(1e-5)
        .budget(30_000)
        .order(1)
        .witnesses(&[Witness::Differences])
        .without_structure()
        .without_localisation()
        .run();
    report.assert();
    assert_eq!((report.title.as_str(), report.seed), ("sine", 9));
    assert!(!report.compared.contains(&Witness::Dual));
    assert!(
        report.power.iter().all(|p| p.directions >= 10),
        "{:?}",
        report.power
    );
    assert!(catch_unwind(|| Check::of(generic!(|x| x.sin())).order(4)).is_err());
}

#[test]
fn the_entry_of_a_record_can_be_judged_alone() {
    let cut = || generic!(|x, w| (x * &x.detach() * w).sum(..));
    let inputs = [normal(&[9, 11], 3), normal(&[9, 11], 4)];
    let options = CheckOptions {
        seed: 5,
        ..CheckOptions::default()
    };
    let report = Check::of(cut())
        .at("x", &inputs[0])
        .at("w", &inputs[1])
        .options(options.clone())
        .run();
    let failures = report.failures();
    let of_an_entry = |record: &&&Record| record.derivative == Derivative::First;
    let record = failures.iter().find(of_an_entry).expect("a wrong entry");
    let alone = |options| {
        Check::of(cut())
            .at("x", &inputs[0])
            .at("w", &inputs[1])
            .options(options)
            .run()
    };
    let again = alone(record.rerun(&options));
    assert_eq!(again.failures().len(), 1, "{again}");
    let found = again.failures()[0];
    assert_eq!((found.input, &found.index), (record.input, &record.index));
    assert_eq!(
        (found.analytic, found.forward),
        (record.analytic, record.forward)
    );
    for other in &again.records {
        assert_eq!(
            (other.input, &other.index),
            (record.input, &record.index),
            "{again}"
        );
    }
    // An entry that does not exist is not passed over.
    for only in [(2, vec![0, 0]), (0, vec![9, 0]), (0, vec![0])] {
        let none = alone(CheckOptions {
            only: Some(only),
            ..options.clone()
        });
        assert!(
            none.failed() && none.to_string().contains("outside"),
            "{none}"
        );
    }
}

#[test]
fn shrinking_takes_no_inputs_on_which_the_function_panics() {
    let cut = |x: &Var<f64>| x * x.detach();
    // Two columns, and any number of rows.
    let columns = |x: &[Var<f64>]| {
        assert_eq!(x[0].size(1), 2, "two columns are needed");
        cut(&x[0])
    };
    let options = CheckOptions {
        second_order: false,
        ..CheckOptions::default()
    };
    let small = shrink(&columns, &[normal(&[6, 2], 7)], &options);
    assert_eq!(small[0].shape(), [1, 2]);
    // As many columns as there were rows: axes of equal extent are not shortened together.
    let rows = |x: &[Var<f64>]| {
        assert_eq!(x[0].size(1), 3, "three columns are needed");
        cut(&x[0])
    };
    let small = shrink(&rows, &[normal(&[3, 3], 8)], &options);
    assert_eq!(small[0].shape(), [1, 3]);
}

#[test]
fn shrinking_ends_after_some_attempts() {
    // Wrong at these shapes only, so that no attempt succeeds, and there are 3 for each of 24 axes.
    let inputs: Vec<_> = (0..12).map(|k| normal(&[4, 4], k)).collect();
    let calls = Cell::new(0);
    let f = |x: &[Var<f64>]| {
        calls.set(calls.get() + 1);
        assert!(x.iter().all(|x| x.shape() == [4, 4]), "another shape");
        x.iter()
            .fold(Var::full([4, 4], 0.0), |sum, x| sum + x * x.detach())
    };
    let options = CheckOptions {
        second_order: false,
        structure: false,
        localise: false,
        entries: 1,
        directions: 0,
        ..CheckOptions::default()
    };
    let small = shrink(&f, &inputs, &options);
    assert!(small.iter().all(|x| x.shape() == [4, 4]));
    assert!(calls.get() > 60, "{}", calls.get());
    assert!(check_dyn(&f, &small, &options).failed());
}
