//! The derivative in one window of steps: quotients of differences, extrapolated to step 0.

/// Steps in a window, and columns of its tableau.
pub(in crate::check) const STEPS: usize = 4;
/// Differences over a step of `h` of a function of noise σ are off by less than this times `σ/h`: the values of
/// the tableau weigh the noise of a central difference, `σ/h` at most, by 1.7 at most, and σ itself is an estimate.
const NOISE_FACTOR: f64 = 8.0;
/// The truncation error is below this times the change between neighbours in the tableau.
const TRUNCATION_FACTOR: f64 = 4.0;
/// A numerical derivative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::check) struct Estimate {
    pub(in crate::check) value: f64,
    /// The bound on its error: truncation and noise.
    pub(in crate::check) bar: f64,
    /// The part of the bound that comes from noise.
    pub(in crate::check) noise: f64,
    /// The smallest step that it uses.
    pub(in crate::check) step: f64,
    /// The largest step of its window.
    pub(in crate::check) widest: f64,
    /// Whether the function is finite on one side only.
    pub(in crate::check) one_sided: bool,
}

impl Estimate {
    /// Steps within the smallest one. Their ratios are irrational: a function whose period divides one step must not have one
    /// that divides the others.
    pub(in crate::check) fn steps_within(&self) -> [f64; 4] {
        use std::f64::consts::{FRAC_1_SQRT_2, LOG10_E, PI};
        [1.0, FRAC_1_SQRT_2, LOG10_E, 0.1 * PI].map(|part| part * self.step)
    }

    /// Whether a claimed derivative varies by more than its distance from the estimate within the smallest step, by its
    /// values at plus and minus the [steps within](Self::steps_within): then no quotient is close to it.
    pub(in crate::check) fn is_too_coarse_for(&self, claim: f64, beside: [[f64; 2]; 4]) -> bool {
        let error = (self.value - claim).abs();
        let bends = |[up, down]: [f64; 2]| 0.5 * (up - 2.0 * claim + down).abs();
        beside.into_iter().any(|pair| !(bends(pair) < 0.25 * error))
    }

    /// Whether two estimates may be of the same derivative.
    pub(super) fn is_consistent_with(&self, other: &Self) -> bool {
        (self.value - other.value).abs() <= 2.0 * (self.bar + other.bar)
    }
}

/// Neville's scheme for values at steps that halve, with an error that is a series in `h^power`: the entry of the
/// tableau with the smallest bound on its error.
fn extrapolate(values: &[f64; STEPS], step: f64, power: i32, sigma: f64) -> Option<Estimate> {
    if values.iter().any(|v| !v.is_finite()) {
        return None;
    }
    let ratio = 2.0_f64.powi(power);
    let mut best: Option<Estimate> = None;
    let mut column = *values;
    let mut weight = 1.0;
    for order in 1..STEPS {
        weight *= ratio;
        for i in (order..STEPS).rev() {
            let refined = column[i] + (column[i] - column[i - 1]) / (weight - 1.0);
            let change = (refined - column[i])
                .abs()
                .max((refined - column[i - 1]).abs());
            column[i] = refined;
            let h = step * 0.5_f64.powi(i as i32);
            let noise = NOISE_FACTOR * sigma / h;
            // A linear function has no change: its error is the rounding of the quotient.
            // Smaller numbers than the last underflow.
            let rounding = 8.0 * f64::EPSILON * refined.abs() + f64::MIN_POSITIVE;
            let bar = TRUNCATION_FACTOR * change + noise + rounding;
            if best.is_none_or(|best| bar < best.bar) {
                best = Some(Estimate {
                    value: refined,
                    bar,
                    noise,
                    step: h,
                    widest: step,
                    one_sided: false,
                });
            }
        }
    }
    best
}

/// The values of `φ` at the steps of one window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) step: f64,
    pub(super) here: f64,
    pub(super) up: [f64; STEPS],
    pub(super) down: [f64; STEPS],
}

impl Window {
    /// Evaluates `φ` at `±step`, `±step/2`, …; `here` is its value at 0.
    pub(super) fn new(phi: &mut dyn FnMut(f64) -> f64, here: f64, step: f64) -> Self {
        let (mut up, mut down) = ([0.0; STEPS], [0.0; STEPS]);
        for i in 0..STEPS {
            let h = step * 0.5_f64.powi(i as i32);
            up[i] = phi(h);
            down[i] = phi(-h);
        }
        Self {
            step,
            here,
            up,
            down,
        }
    }

    fn quotients(&self, f: impl Fn(usize, f64) -> f64) -> [f64; STEPS] {
        std::array::from_fn(|i| f(i, self.step * 0.5_f64.powi(i as i32)))
    }

    /// The central derivative; `None` if a value is not finite.
    pub(super) fn central(&self, sigma: f64) -> Option<Estimate> {
        let values = self.quotients(|i, h| (self.up[i] - self.down[i]) / (2.0 * h));
        extrapolate(&values, self.step, 2, sigma)
    }

    /// The derivatives from below and from above, each `None` if a value on that side is not finite.
    pub(super) fn one_sided(&self, sigma: f64) -> [Option<Estimate>; 2] {
        let below = self.quotients(|i, h| (self.here - self.down[i]) / h);
        let above = self.quotients(|i, h| (self.up[i] - self.here) / h);
        // The error of a one-sided quotient weighs noise twice.
        [below, above].map(|values| extrapolate(&values, self.step, 1, 2.0 * sigma))
    }
}

/// A kink between the ends of a window: the slopes from below and from above, and the bounds on their errors.
pub(super) fn kink_in(window: &Window, sigma: f64) -> Option<([f64; 2], f64)> {
    let [below, above] = window.one_sided(sigma);
    let (below, above) = (below?, above?);
    let bar = below.bar + above.bar;
    let size = below.value.abs().max(above.value.abs());
    let apart = (below.value - above.value).abs();
    (apart > 2.0 * bar + 1e-9 * size).then_some(([below.value, above.value], bar))
}

/// Whether the second difference is as large at the smallest step of a window as at the largest: the function
/// varies over less than the step, so that no quotient means anything.
pub(super) fn oscillates(window: &Window) -> bool {
    let bend = |i: usize| (window.up[i] - 2.0 * window.here + window.down[i]).abs();
    bend(STEPS - 1) > 0.25 * bend(0) && bend(0) > 0.0
}
