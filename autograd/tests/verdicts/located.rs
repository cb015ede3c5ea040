//! In a failing composite the wrong op is named, with what may be wrong.

use wengert_autograd::check::{CheckOptions, Fault, Mutated, Mutator, Report, check_gradients};
use wengert_autograd::{Differentiable, Draw, LARGEST, Var, generic};
use wengert_tensor::Tensor;

/// A composite of many ops, its inputs, and the op whose rule is made wrong.
fn report(f: &dyn Differentiable, inputs: &[Tensor<f64>], fault: Fault) -> Report {
    wengert_autograd::check::check_dyn(&Mutated::new(f, fault), inputs, &CheckOptions::default())
}

#[test]
fn the_wrong_op_of_a_composite_is_named() {
    let mut draw = Draw::new(1, LARGEST);
    let inputs = [
        draw.normal([4, 3]),
        draw.normal([3, 5]),
        draw.normal([5, 2]),
    ];
    let f = generic!(|x, w, v| x
        .matmul(w)
        .tanh()
        .matmul(v)
        .softmax(1)
        .exp()
        .reshape([2, 4])
        .t()
        .sum(0));
    let ops = wengert_autograd::check::recorded(&f, &inputs);
    assert!(ops.len() >= 6, "{ops:?}");
    let (mut failed, mut named) = (0, 0);
    for &(op, operands) in &ops {
        for input in 0..operands {
            for mutator in [
                Mutator::Scale,
                Mutator::Sign,
                Mutator::Permute,
                Mutator::Drop,
                Mutator::Single,
                Mutator::Shift,
                Mutator::IgnoreCotangent,
                Mutator::WrongSaved,
            ] {
                let fault = Fault { mutator, op, input };
                let report = report(&f, &inputs, fault);
                if !report.failed() {
                    continue;
                }
                failed += 1;
                let first = report.located.first();
                if first.is_some_and(|l| l.op == op) {
                    named += 1;
                } else {
                    println!("{fault}: {report}");
                }
            }
        }
    }
    assert!(failed >= 40, "{failed}");
    assert_eq!(named, failed);
}

#[test]
fn the_hypothesis_fits_the_fault() {
    let mut draw = Draw::new(2, LARGEST);
    let inputs = [draw.normal([4, 3]), draw.normal([3, 5])];
    let f = generic!(|x, w| x.sin().matmul(w).tanh());
    for (mutator, words) in [
        (Mutator::Sign, "wrong sign"),
        (Mutator::Scale, "scaled by 1.000"),
        (Mutator::Drop, "missing"),
        (Mutator::Permute, "reverse order"),
        (Mutator::Shift, "shifted"),
        (Mutator::Single, "f32"),
        (Mutator::IgnoreCotangent, "ignores the cotangent"),
    ] {
        for op in ["matmul", "sin", "tanh"] {
            let fault = Fault {
                mutator,
                op,
                input: 0,
            };
            let report = report(&f, &inputs, fault);
            let Some(first) = report.located.first() else {
                panic!("{fault}: nothing located: {report}");
            };
            assert_eq!(first.op, op, "{report}");
            assert!(first.hypothesis.contains(words), "{fault}: {first}");
            assert!(first.location.file().ends_with("located.rs"), "{first}");
        }
    }
}

#[test]
fn a_cut_path_is_located() {
    let mut draw = Draw::new(3, LARGEST);
    let x = draw.normal([4, 3]);
    let report = check_gradients(generic!(|x| x.sin() * x.detach().cos()), &[x]);
    assert!(report.failed(), "{report}");
    let first = report.located.first().expect("the cut is found");
    assert!(first.hypothesis.contains("not tracked"), "{first}");
}

#[test]
fn the_op_of_a_plain_closure_is_named_too() {
    let mut draw = Draw::new(4, LARGEST);
    let inputs = [draw.normal([4, 3])];
    let f = |x: &[Var<f64>]| x[0].sin().exp().tanh();
    let fault = Fault {
        mutator: Mutator::Sign,
        op: "exp",
        input: 0,
    };
    let report = report(&f, &inputs, fault);
    assert_eq!(report.located[0].op, "exp", "{report}");
    assert!(
        report.located[0].hypothesis.contains("wrong sign"),
        "{report}"
    );
}
