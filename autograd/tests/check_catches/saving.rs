//! What a rule reads: unsaved values, constants that should vary, outputs that were not used.

use crate::prelude::*;
use wengert_tensor::keep;

bug! {
    /// A rule that reads its operand and has not declared it.
    a_rule_that_reads_what_it_did_not_save,
    reads if wrong() { Reads::SHAPES } else { Reads::INPUTS },
    sample |draw| Sample::new(Self {}, [draw.normal([3])]),
    forward |op, x| &x[0] * &x[0],
    vjp |op, i, call, grad| grad * call.input(0) * 2.0,
}

bug! {
    /// A mean kept as a constant: the gradient is right, its own gradient is not.
    a_mean_saved_as_a_constant, reads Reads::INPUTS,
    sample |draw| {
        let n = draw.within(2, 5);
        Sample::new(Self {}, [draw.normal([n])])
    },
    forward |op, x| &x[0] * &x[0].mean(keep(..)),
    vjp |op, i, call, grad| {
        let x = call.input(0);
        let mean = x.sum(keep(..)) / x.len() as f64;
        let mean = if wrong() { mean.detach() } else { mean };
        grad * mean + (grad * x).sum(keep(..)) / x.len() as f64
    },
}

bug! {
    /// A rule that computes on values instead of variables: right once, never twice.
    a_rule_that_drops_its_history, reads Reads::OUTPUTS,
    sample |draw| Sample::new(Self {}, [draw.normal([3])]),
    forward |op, x| x[0].map(T::exp),
    vjp |op, i, call, grad| {
        let y = call.output(0);
        grad * if wrong() { y.detach() } else { y.clone() }
    },
}

/// Sine and cosine at once, whose rule is right only where both are used.
mod an_output_that_nothing_used {
    use super::*;

    static WRONG: AtomicBool = AtomicBool::new(false);

    #[derive(Clone, Debug)]
    struct Bug;

    impl Op for Bug {
        fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
            [x[0].map(T::sin), x[0].map(T::cos)].into()
        }

        fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
            let (sin, cos) = (call.output(0), call.output(1));
            match (out.take(0), out.take(1)) {
                (Some(a), Some(b)) => out.add(0, a * cos - b * sin),
                _ if WRONG.load(Ordering::Relaxed) => {}
                (a, b) => {
                    if let Some(a) = a {
                        out.add(0, a * cos);
                    }
                    if let Some(b) = b {
                        out.add(0, -(b * sin));
                    }
                }
            }
        }

        fn sample(draw: &mut Draw) -> Sample<Self> {
            Sample::new(Self, [draw.normal([3])])
        }
    }

    #[test]
    fn is_refused_and_passes_when_right() {
        WRONG.store(true, Ordering::Relaxed);
        let report = check_op::<Bug>();
        assert!(!report.is_ok(), "the checker passed it:\n{report}");
        WRONG.store(false, Ordering::Relaxed);
        check_op::<Bug>().assert();
    }
}

/// Other values where they may be written over the operand than where they are made anew.
#[derive(Clone, Debug)]
struct Shifted<const WRONG: bool>;

impl<const WRONG: bool> Op for Shifted<WRONG> {
    fn reads(&self) -> Reads {
        Reads::SHAPES
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        (&x[0] + &x[1]).into()
    }

    fn forward_owned<T: Real>(&self, x: Tensor<T>, others: &Inputs<'_, T>) -> Outputs<T> {
        if WRONG { x } else { x + &others[0] }.into()
    }

    fn vjp<T: Real>(&self, _: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, Var::clone);
        out.input(1, Var::clone);
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        Sample::new(Self, [draw.normal([3]), draw.normal([3])])
    }
}

#[test]
#[should_panic(expected = "forward_owned gives other values than forward")]
fn a_value_that_is_written_over_otherwise_is_refused() {
    let _ = check_op::<Shifted<true>>();
}

#[test]
fn a_value_that_is_written_over_alike_passes() {
    check_op::<Shifted<false>>().assert();
}
