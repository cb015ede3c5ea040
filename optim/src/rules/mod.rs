//! The update rules, one per file.

mod adadelta;
mod adagrad;
mod adam;
mod adam_w;
mod adamax;
mod nadam;
mod radam;
mod rms_prop;
mod sgd;

use wengert_tensor::Real;

use crate::rule::Rule;

/// Exports the rules, and lists their samples for the tests.
macro_rules! rules {
    ($($file:ident: $Rule:ident,)*) => {
        $(
            pub use $file::$Rule;
        )*

        /// Every sample of every rule of this crate. The tests walk it.
        #[doc(hidden)]
        #[must_use]
        pub fn rule_samples<T: Real>() -> Vec<Box<dyn Rule<T>>> {
            let mut all: Vec<Box<dyn Rule<T>>> = Vec::new();
            $(
                for rule in $Rule::samples() {
                    all.push(Box::new(rule));
                }
            )*
            all
        }
    };
}

// A row for each rule. A file without one is dead code, which the lints refuse.
rules! {
    adadelta: Adadelta,
    adagrad: Adagrad,
    adam: Adam,
    adam_w: AdamW,
    adamax: Adamax,
    nadam: NAdam,
    radam: RAdam,
    rms_prop: RmsProp,
    sgd: Sgd,
}

/// The options under which the tests run a rule: each reaches the minimum of `½p²` from within ±3 in
/// 1000 steps, and together they use every branch of the update.
pub(crate) trait Samples: Sized {
    fn samples() -> Vec<Self>;
}

/// A gradient, clamped to where its square is finite: to half the root of the largest number, which is 2⁶³ in
/// `f32` and 2⁵¹¹ in `f64` but for rounding. Infinities and NaN stay.
///
/// Every rule that squares gradients calls it. Otherwise the mean square would become infinite, and all later
/// updates 0. Such a rule depends on ratios of gradients only.
fn squarable<T: Real>(g: T) -> T {
    let bound = T::largest().sqrt() * T::of(0.5);
    let bounded = if g > bound {
        bound
    } else if g < -bound {
        -bound
    } else {
        g
    };
    if g.abs() <= T::largest() { bounded } else { g }
}
