//! Right for every sample, wrong in situations that no sample has.

use crate::prelude::*;

/// `[2, 3]`, of order 1.
fn matrix<O>(draw: &mut Draw, op: O) -> Sample<O> {
    Sample::new(op, [draw.uniform([2, 3], 0.5, 2.0)])
}

fn squared<T: Real>(x: &Inputs<'_, T>) -> Tensor<T> {
    x[0].map(|x| x * x)
}

bug! {
    /// The slope is cut where it would be large.
    a_slope_cut_at_a_hundred, reads Reads::INPUTS,
    sample |draw| matrix(draw, Self {}),
    forward |op, x| squared(x),
    vjp |op, i, call, grad| {
        let slope = call.input(0) * 2.0;
        grad * if wrong() { slope.clamp(-100.0, 100.0) } else { slope }
    },
}

bug! {
    /// The gradient by way of the logarithm, which 0 has none of.
    a_slope_without_a_value_at_zero, reads Reads::INPUTS,
    sample |draw| matrix(draw, Self {}),
    forward |op, x| squared(x),
    vjp |op, i, call, grad| {
        let x = call.input(0);
        grad * if wrong() { x * x / x * 2.0 } else { x * 2.0 }
    },
}

bug! {
    /// Only the first two rows get a gradient.
    a_gradient_of_two_rows, reads Reads::INPUTS,
    sample |draw| matrix(draw, Self {}),
    forward |op, x| squared(x),
    vjp |op, i, call, grad| {
        let dx = grad * call.input(0) * 2.0;
        let rows = dx.size(0);
        if wrong() && rows > 2 {
            let rest = dx.slice(0, 2..rows as isize) * 0.0;
            Var::concat(&[&dx.slice(0, ..2), &rest], 0)
        } else {
            dx
        }
    },
}

bug! {
    /// The gradient of an array with three axes is halved.
    a_gradient_halved_with_three_axes, reads Reads::INPUTS,
    sample |draw| matrix(draw, Self {}),
    forward |op, x| squared(x),
    vjp |op, i, call, grad| {
        let x = call.input(0);
        grad * x * if wrong() && x.rank() > 2 { 1.0 } else { 2.0 }
    },
}

#[test]
fn what_an_op_refuses_is_listed() {
    #[derive(Clone, Debug)]
    struct Picky;

    impl Op for Picky {
        fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
            assert_eq!(x[0].shape(), [2, 3], "two rows of three");
            squared(x).into()
        }

        fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
            out.input(0, |grad| grad * call.input(0) * 2.0);
        }

        fn sample(draw: &mut Draw) -> Sample<Self> {
            matrix(draw, Self)
        }
    }

    let report = check_op::<Picky>();
    report.assert();
    let notes = report.notes.join("\n");
    assert!(
        notes.contains("same variable twice, rank 0, zero-length, a first axis of extent 1"),
        "{notes}"
    );
}
