//! The checker must reject wrong rules. Every module here is an op with a bug that once shipped in
//! some framework, and its control: the same op with the right rule, which passes.

mod arithmetic;
mod convolution;
mod elementwise;
mod indexing;
mod layouts;
mod pooling;
mod reductions;
mod saving;
mod situations;

/// An op whose rule is wrong while `wrong()` holds, and a test of both rules.
///
/// A flag and not a parameter of the type: the checker and the op would be compiled twice.
macro_rules! bug {
    (
        $(#[$doc:meta])*
        $name:ident $({ $($field:ident: $type:ty),* })?, reads $reads:expr,
        sample |$draw:ident| $sample:expr,
        forward |$op:ident, $x:ident| $forward:expr,
        vjp |$vop:ident, $i:ident, $call:ident, $grad:ident| $vjp:expr $(,)?
    ) => {
        $(#[$doc])*
        mod $name {
            use super::*;

            static WRONG: AtomicBool = AtomicBool::new(false);

            fn wrong() -> bool {
                WRONG.load(Ordering::Relaxed)
            }

            #[derive(Clone, Debug)]
            struct Bug { $($($field: $type),*)? }

            impl Op for Bug {
                fn name(&self) -> &'static str {
                    stringify!($name)
                }

                fn reads(&self) -> Reads {
                    $reads
                }

                fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
                    let ($op, $x) = (self, x);
                    let _ = $op;
                    $forward.into()
                }

                fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
                    for i in 0..call.inputs() {
                        out.input(i, |grad| {
                            let ($vop, $i, $call, $grad) = (self, i, call, grad);
                            let _ = ($vop, $i, $call, $grad);
                            $vjp
                        });
                    }
                }

                fn sample(draw: &mut Draw) -> Sample<Self> {
                    let $draw = draw;
                    $sample
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
    };
}

pub(crate) use bug;

/// What the modules use.
mod prelude {
    pub(crate) use super::bug;
    pub(crate) use std::sync::atomic::{AtomicBool, Ordering};

    pub(crate) use wengert_autograd::{
        Call, Contributions, Draw, Inputs, Op, Outputs, Reads, Sample, Var, check_op,
    };
    pub(crate) use wengert_tensor::{Real, Tensor};
}

/// How many wrong rules there are, and of how many ops: by the words of the sources.
#[test]
fn wrong_rules_are_many() {
    let sources = [
        include_str!("arithmetic.rs"),
        include_str!("convolution.rs"),
        include_str!("elementwise.rs"),
        include_str!("indexing.rs"),
        include_str!("layouts.rs"),
        include_str!("pooling.rs"),
        include_str!("reductions.rs"),
        include_str!("saving.rs"),
        include_str!("situations.rs"),
    ];
    let rules: usize = sources
        .iter()
        .map(|s| s.matches("fn is_refused").count() + s.matches("bug! {").count())
        .sum();
    println!("{rules} rules made wrong by hand");
    assert!(rules >= 60, "{rules}");
}
