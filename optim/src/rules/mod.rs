//! The update rules, one a file.

mod adadelta;
mod adagrad;
mod adam;
mod adam_w;
mod adamax;
mod nadam;
mod radam;
mod rms_prop;
mod sgd;

pub use adadelta::Adadelta;
pub use adagrad::Adagrad;
pub use adam::Adam;
pub use adam_w::AdamW;
pub use adamax::Adamax;
pub use nadam::NAdam;
pub use radam::RAdam;
pub use rms_prop::RmsProp;
pub use sgd::Sgd;

use wengert_tensor::{Real, require};

/// Refuses an option outside its range, naming both.
#[track_caller]
fn within(rule: &str, option: &str, value: f64, range: impl std::ops::RangeBounds<f64>) {
    let shown = |bound| match bound {
        std::ops::Bound::Included(&x) => format!("{x}, included"),
        std::ops::Bound::Excluded(&x) => format!("{x}, excluded"),
        std::ops::Bound::Unbounded => "infinity".to_owned(),
    };
    require!(
        range.contains(&value),
        "{rule}: {option} = {value}: not between {} and {}",
        shown(range.start_bound()),
        shown(range.end_bound())
    );
}

/// Refuses what no rule of the Adam family takes.
#[track_caller]
fn adaptive(rule: &str, lr: f64, betas: [f64; 2], eps: f64, weight_decay: f64) {
    within(rule, "lr", lr, 0.0..);
    within(rule, "betas[0]", betas[0], 0.0..1.0);
    within(rule, "betas[1]", betas[1], 0.0..1.0);
    within(rule, "eps", eps, 0.0..);
    within(rule, "weight_decay", weight_decay, 0.0..);
}

/// A gradient that is finite, bounded to where its square is finite too: beyond ±2⁶³ in `f32`, ±2⁵¹¹ in `f64`.
///
/// A rule that divides by a root of mean squares would divide by infinity, and stand still from then on.
/// It looks at ratios of gradients only, so a sequence of such gradients gives the steps of a sequence
/// of bounds. What is infinite or NaN stays so.
fn squarable<T: Real>(g: T) -> T {
    let most = T::of(if is_wide::<T>() { WIDE } else { SINGLE });
    let bounded = if g > most {
        most
    } else if g < -most {
        -most
    } else {
        g
    };
    if g.abs() <= largest::<T>() {
        bounded
    } else {
        g
    }
}

/// Whether a number type has the exponents of `f64`, not of `f32`.
fn is_wide<T: Real>() -> bool {
    T::of(f64::MAX).to_f64().is_finite()
}

/// The largest number.
fn largest<T: Real>() -> T {
    T::of(if is_wide::<T>() {
        f64::MAX
    } else {
        f64::from(f32::MAX)
    })
}

/// 2⁶³, whose square is a quarter of the largest `f32`.
const SINGLE: f64 = f64::from_bits((1023 + 63) << 52);
/// 2⁵¹¹
const WIDE: f64 = f64::from_bits((1023 + 511) << 52);

/// The gradient that a rule sees: turned if it climbs, with the decay `λp` added.
fn coupled<T: Real>(maximize: bool, weight_decay: f64) -> impl Fn(T, T) -> T + Copy + Sync {
    let sign = T::of(if maximize { -1.0 } else { 1.0 });
    let decay = T::of(weight_decay);
    // Not 0 · p: a parameter may be infinite.
    let decays = weight_decay != 0.0;
    move |p, g| {
        if decays {
            sign * g + decay * p
        } else {
            sign * g
        }
    }
}

/// The same, [bounded](squarable), for rules that square it.
fn squared<T: Real>(maximize: bool, weight_decay: f64) -> impl Fn(T, T) -> T + Copy + Sync {
    let slope = coupled(maximize, weight_decay);
    move |p, g| squarable(slope(p, g))
}

/// The same for rules that may take the decay off the parameter instead, `p ← p − γλp`: gives the
/// parameter and the gradient.
fn decayed<T: Real>(
    maximize: bool,
    weight_decay: f64,
    decoupled: bool,
    lr: f64,
) -> impl Fn(T, T) -> (T, T) + Copy + Sync {
    let slope = squared(maximize, if decoupled { 0.0 } else { weight_decay });
    let shrink = T::of(1.0 - lr * weight_decay);
    let shrinks = decoupled && weight_decay != 0.0;
    move |p, g| {
        let g = slope(p, g);
        (if shrinks { p * shrink } else { p }, g)
    }
}
