//! Numerical derivatives of a function of one variable, with error bars.
//!
//! * Central differences at four steps, each half of the one before, are extrapolated to step 0 by Neville's
//!   scheme in `h²` (L. F. Richardson, 1911; C. J. F. Ridders, 1982). The truncation error is estimated by the
//!   change between neighbours in the tableau.
//! * The rounding noise of the function is measured with a table of differences of equidistant values (J. J.
//!   Moré and S. M. Wild, "Estimating Computational Noise", 2011): differences of order `k` of a smooth
//!   function vanish, those of noise of deviation σ have variance `σ² (2k)! / (k!)²`.
//! * One-sided differences, extrapolated in `h`, tell a kink from a smooth point.

use super::Step;

/// A numerical derivative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Estimate {
    pub(super) value: f64,
    /// The bound on its error: truncation and noise.
    pub(super) bar: f64,
    /// The part of the bound that comes from noise.
    pub(super) noise: f64,
    /// The smallest step that it uses.
    pub(super) step: f64,
    /// The largest step of its window.
    pub(super) widest: f64,
    /// Whether the function is finite on one side only.
    pub(super) one_sided: bool,
}

impl Estimate {
    /// Steps within the smallest one.
    pub(super) fn steps_within(&self) -> [f64; 3] {
        [1.0, 0.71, 0.43].map(|part| part * self.step)
    }

    /// Whether a claimed derivative varies by more than its distance from the estimate within the smallest step, by its
    /// values at plus and minus the [steps within](Self::steps_within): then no quotient is close to it.
    pub(super) fn is_too_coarse_for(&self, claim: f64, beside: [[f64; 2]; 3]) -> bool {
        let error = (self.value - claim).abs();
        let bends = |[up, down]: [f64; 2]| 0.5 * (up - 2.0 * claim + down).abs();
        beside.into_iter().any(|pair| !(bends(pair) < 0.25 * error))
    }

    /// Whether two estimates may be of the same derivative.
    fn is_consistent_with(&self, other: &Self) -> bool {
        (self.value - other.value).abs() <= 2.0 * (self.bar + other.bar)
    }
}

/// Steps in a window, and columns of its tableau.
pub(super) const STEPS: usize = 4;
/// Differences over a step of `h` of a function of noise σ are off by less than this times `σ/h`: the values of
/// the tableau weigh the noise of a central difference, `σ/h` at most, by 1.7 at most, and σ itself is an estimate.
const NOISE_FACTOR: f64 = 8.0;
/// The truncation error is below this times the change between neighbours in the tableau.
const TRUNCATION_FACTOR: f64 = 4.0;
/// An estimate whose bar is below this times its distance from the claim is accurate enough to disagree.
const GROSS: f64 = 0.1;

/// The noise of `φ` near 0, the deviation of its rounding errors; infinite if a value is not finite. `unit` is the
/// distance over which `φ` is expected to vary.
///
/// It is the larger one of the noise at two spacings. If all values are equal, the spacing is less than the
/// rounding unit of a number on the way, and a wider one is taken: `(x + 10⁸) − 10⁸` is a staircase.
pub(super) fn noise(phi: &mut dyn FnMut(f64) -> f64, unit: f64) -> f64 {
    let mut sigma = 0.0_f64;
    for exponent in [-40, -24, -18, -12, -6] {
        let values = equidistant(phi, unit * 2.0_f64.powi(exponent));
        let varies = values.iter().any(|y| *y != values[0]);
        let (found, is_noise) = noise_of(values);
        // A function of many periods within this spacing: what was measured at the narrower one holds.
        if !is_noise && sigma > 0.0 {
            break;
        }
        sigma = sigma.max(found);
        if varies && exponent >= -24 {
            break;
        }
    }
    sigma
}

/// Values in a table of differences.
const POINTS: usize = 7;

fn equidistant(phi: &mut dyn FnMut(f64) -> f64, spacing: f64) -> [f64; POINTS] {
    std::array::from_fn(|k| phi((k as f64 - 3.0) * spacing))
}

/// The deviation of the noise in equidistant values of a smooth function, and whether it is noise: differences of the
/// function itself have one sign.
fn noise_of(values: [f64; POINTS]) -> (f64, bool) {
    if values.iter().any(|y| !y.is_finite()) {
        return (f64::INFINITY, true);
    }
    let mut is_noise = false;
    let mut table = values.to_vec();
    let mut least = f64::INFINITY;
    let mut gamma = 1.0;
    for order in 1..POINTS {
        for i in 0..table.len() - 1 {
            table[i] = table[i + 1] - table[i];
        }
        table.pop();
        // (k!)² / (2k)!, from the value of the order before.
        gamma *= order as f64 / (2.0 * (2.0 * order as f64 - 1.0));
        // Squares of values far from 1 overflow or underflow.
        let largest = table.iter().fold(f64::MIN_POSITIVE, |m, d| m.max(d.abs()));
        let mean_square =
            table.iter().map(|d| (d / largest).powi(2)).sum::<f64>() / table.len() as f64;
        // Differences of one sign come from the function, not from its noise.
        let changes_sign = table.windows(2).any(|pair| pair[0] * pair[1] <= 0.0);
        is_noise |= order >= 2 && (largest == f64::MIN_POSITIVE || changes_sign);
        if order >= 2 && (largest == f64::MIN_POSITIVE || changes_sign || order == POINTS - 1) {
            least = least.min(largest * (gamma * mean_square).sqrt());
        }
    }
    // A smaller number is the underflow of zero.
    if least <= f64::MIN_POSITIVE {
        (0.0, is_noise)
    } else {
        (least, is_noise)
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
    step: f64,
    here: f64,
    up: [f64; STEPS],
    down: [f64; STEPS],
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

/// What differences say about a claimed derivative.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Finding {
    /// The claim lies within the bar of an accurate estimate.
    Agrees(Estimate),
    /// The claim lies outside the bar, and no kink was found.
    Differs(Estimate),
    /// The slopes from below and from above differ at the smallest usable step.
    Kink {
        slopes: [f64; 2],
        bar: f64,
        step: f64,
    },
    /// Noise or truncation keeps every estimate from being accurate enough.
    Inaccurate(Estimate),
    /// The function is finite on no interval around the point.
    Impossible,
}

/// What a search for a derivative is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search {
    /// The derivative to judge.
    pub(super) claim: f64,
    /// `φ(0)`.
    pub(super) here: f64,
    /// The noise of `φ`.
    pub(super) sigma: f64,
    /// The distance over which `φ` is expected to vary.
    pub(super) unit: f64,
    /// The largest step to try.
    pub(super) widest: f64,
    /// The largest step at which a disagreement counts: beyond it an element moves by more than its own size, perhaps
    /// out of the domain.
    pub(super) trusted: f64,
    /// The rounding error of the claim.
    pub(super) slack: f64,
    /// The search ends as soon as an estimate has a bar below this and agrees.
    pub(super) target: f64,
    /// An estimate with a larger bar is not accurate enough.
    pub(super) wanted: f64,
}

/// A kink between the ends of a window: the slopes from below and from above, and the bounds on their errors.
fn kink_in(window: &Window, sigma: f64) -> Option<([f64; 2], f64)> {
    let [below, above] = window.one_sided(sigma);
    let (below, above) = (below?, above?);
    let bar = below.bar + above.bar;
    let size = below.value.abs().max(above.value.abs());
    let apart = (below.value - above.value).abs();
    (apart > 2.0 * bar + 1e-9 * size).then_some(([below.value, above.value], bar))
}

/// Judges a derivative by windows of smaller or larger steps. The window with the smallest bar decides among
/// those that no kink divides.
pub(super) fn search(phi: &mut dyn FnMut(f64) -> f64, search: Search) -> Taken {
    /// The ratio of the steps of neighbouring windows.
    const RATIO: f64 = 64.0;
    let first = (search.unit * 0.002).min(search.widest);
    let narrowest = search.unit * 2.0_f64.powi(-40);
    let mut windows = Windows {
        search,
        estimates: Vec::new(),
        kink: None,
        oscillating: true,
        quotients: Vec::new(),
    };
    let mut dominated_by_noise = false;
    let mut step = first;
    while step >= narrowest {
        let estimate = windows.add(&Window::new(phi, search.here, step));
        if let Some(found) = windows.settled() {
            return windows.taken(found);
        }
        dominated_by_noise = estimate.is_some_and(|e| e.noise > 0.5 * e.bar);
        // Narrower steps cannot help against noise, unless a kink hides the derivative at wider ones.
        // A disagreement is tried at all steps that are accurate enough: the function may vary over less than a step.
        let disagrees = estimate.is_some_and(|e| windows.differs(&e));
        let accurate = estimate.is_some_and(|e| e.noise <= windows.wanted(e.value));
        let confirmed = !disagrees || (windows.estimates.len() > 1 && !accurate);
        if dominated_by_noise
            && confirmed
            && (windows.kink.is_none() || !windows.estimates.is_empty())
        {
            break;
        }
        step /= RATIO;
    }
    let mut step = first * RATIO;
    while dominated_by_noise && step <= search.widest {
        windows.add(&Window::new(phi, search.here, step));
        if let Some(found) = windows.settled() {
            return windows.taken(found);
        }
        step *= RATIO;
    }
    let found = windows.conclude();
    windows.taken(found)
}

/// The windows that a search has tried.
struct Windows {
    search: Search,
    /// The estimate of every window that no kink divides.
    estimates: Vec<Estimate>,
    /// The narrowest window that a kink divides.
    kink: Option<([f64; 2], f64, f64)>,
    /// Whether the function varied over less than the step in every window so far.
    oscillating: bool,
    /// The central quotients of every window, by step.
    quotients: Vec<Step>,
}

/// What a search has found, and how.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Taken {
    pub(super) finding: Finding,
    /// The central quotients by step.
    pub(super) steps: Vec<Step>,
    /// The noise that was assumed.
    pub(super) sigma: f64,
    /// The smallest bar of a window in which a disagreement counts; infinite if there is none.
    pub(super) resolves: f64,
}

impl Windows {
    fn taken(self, finding: Finding) -> Taken {
        let counted = self.estimates.iter().filter(|e| self.can_disagree(e));
        let resolves = counted.map(|e| e.bar).fold(f64::INFINITY, f64::min);
        Taken {
            finding,
            steps: self.quotients,
            sigma: self.search.sigma,
            resolves,
        }
    }

    fn add(&mut self, window: &Window) -> Option<Estimate> {
        let sigma = self.search.sigma;
        self.quotients.extend((0..STEPS).map(|i| {
            let step = window.step * 0.5_f64.powi(i as i32);
            let value = (window.up[i] - window.down[i]) / (2.0 * step);
            Step { step, value }
        }));
        if let Some((slopes, bar)) = kink_in(window, sigma) {
            if self.kink.is_none_or(|(_, _, step)| window.step < step) {
                self.kink = Some((slopes, bar, window.step));
            }
            return None;
        }
        let estimate = window.central(sigma).or_else(|| {
            // Where a domain ends, there is one side only.
            let [below, above] = window.one_sided(sigma);
            let one_sided = true;
            below.xor(above).map(|e| Estimate { one_sided, ..e })
        })?;
        self.oscillating &= oscillates(window);
        self.estimates.push(estimate);
        Some(estimate)
    }

    /// The bar of an estimate that is accurate enough to judge the claim: a gross error needs less accuracy.
    fn wanted(&self, value: f64) -> f64 {
        let error = (value - self.search.claim).abs();
        self.search.wanted.max(GROSS * error)
    }

    fn differs(&self, estimate: &Estimate) -> bool {
        (estimate.value - self.search.claim).abs() > estimate.bar + self.search.slack
    }

    /// Whether a disagreement with this estimate counts.
    fn can_disagree(&self, a: &Estimate) -> bool {
        let mut narrower = self.estimates.iter().filter(|b| b.widest < a.widest);
        // Truncation errors fall with the step. If a narrower window has a larger one, the function varies over less than
        // the wider step, and the small bar there is an accident.
        let accidental = narrower.any(|b| b.bar > 4.0 * b.noise && b.bar > 2.0 * a.bar);
        // A domain that ends inside of a window says little: the function may be singular there. One that ends at the
        // point itself does so in the narrowest window too.
        let narrowest = self
            .estimates
            .iter()
            .min_by(|a, b| a.widest.total_cmp(&b.widest));
        let ends_here = || {
            narrowest
                .is_some_and(|b| b.one_sided && b.widest != a.widest && a.is_consistent_with(b))
        };
        a.widest <= self.search.trusted && !accidental && (!a.one_sided || ends_here())
    }

    /// The verdict, if more windows cannot change it.
    fn settled(&self) -> Option<Finding> {
        let (last, wider) = self.estimates.split_last()?;
        let disagrees = |a: &Estimate| self.differs(a) && self.can_disagree(a);
        let agrees = last.bar <= self.search.target && !self.differs(last);
        (agrees && !wider.iter().any(disagrees)).then_some(Finding::Agrees(*last))
    }

    /// The accurate estimate with the smallest bar that another window confirms: a polluted window can have a small
    /// bar by accident.
    fn confirmed(&self) -> Option<Estimate> {
        let accurate = |e: &&Estimate| {
            // A gross error needs less accuracy.
            let wanted = self
                .search
                .wanted
                .max(GROSS * (e.value - self.search.claim).abs());
            e.bar <= wanted && (e.widest <= self.search.trusted || !self.differs(e))
        };
        // The derivative is the limit of small steps: a narrower window that contradicts a wider one is right.
        let contradicted = |a: &Estimate| {
            let mut narrower = self.estimates.iter().filter(|b| b.widest < a.widest);
            narrower.any(|b| {
                let wanted = self.search.wanted.max(GROSS * (a.value - b.value).abs());
                b.bar <= wanted && !a.is_consistent_with(b)
            })
        };
        let usable = self.estimates.iter().filter(accurate);
        let usable = usable.filter(|a| !self.differs(a) || self.can_disagree(a));
        let confirmed = usable.filter(|a| !contradicted(a)).filter(|a| {
            let mut witnesses = self.estimates.iter().filter(accurate);
            witnesses.any(|b| a.widest != b.widest && a.is_consistent_with(b)) || !self.differs(a)
        });
        confirmed.copied().min_by(|a, b| a.bar.total_cmp(&b.bar))
    }

    /// Whether a disagreement persists at smaller steps, as far as they can see it: a function of many periods within a
    /// step has a derivative only at smaller ones.
    fn persists(&self, best: &Estimate) -> bool {
        let error = (best.value - self.search.claim).abs();
        let smaller = self.estimates.iter().filter(|e| e.widest < best.widest);
        smaller
            .filter(|e| e.bar <= 0.25 * error)
            .all(|e| self.differs(e))
    }

    fn conclude(&self) -> Finding {
        let kink = self.kink;
        match self.confirmed() {
            Some(best) if !self.differs(&best) => Finding::Agrees(best),
            Some(best)
                if kink.is_none_or(|(_, _, step)| best.step < step)
                    && !self.oscillating
                    && self.persists(&best) =>
            {
                Finding::Differs(best)
            }
            _ => match (
                kink,
                self.estimates
                    .iter()
                    .copied()
                    .min_by(|a, b| a.bar.total_cmp(&b.bar)),
            ) {
                (Some((slopes, bar, step)), _) => Finding::Kink { slopes, bar, step },
                (None, Some(best)) => Finding::Inaccurate(best),
                (None, None) => Finding::Impossible,
            },
        }
    }
}

/// A search whose values come from elsewhere: those of many functions are computed together.
pub(super) struct Judged(Windows);

impl Judged {
    pub(super) fn new(search: Search) -> Self {
        Self(Windows {
            search,
            estimates: Vec::new(),
            kink: None,
            oscillating: true,
            quotients: Vec::new(),
        })
    }

    /// Adds the values at `±step`, `±step/2`, ….
    pub(super) fn add(&mut self, step: f64, up: [f64; STEPS], down: [f64; STEPS]) {
        let here = self.0.search.here;
        self.0.add(&Window {
            step,
            here,
            up,
            down,
        });
    }

    /// Whether more windows cannot change the verdict.
    pub(super) fn settled(&self) -> bool {
        self.0.settled().is_some()
    }

    pub(super) fn conclude(self) -> Finding {
        self.0.settled().unwrap_or_else(|| self.0.conclude())
    }
}

/// Whether the second difference is as large at the smallest step of a window as at the largest: the function
/// varies over less than the step, so that no quotient means anything.
fn oscillates(window: &Window) -> bool {
    let bend = |i: usize| (window.up[i] - 2.0 * window.here + window.down[i]).abs();
    bend(STEPS - 1) > 0.25 * bend(0) && bend(0) > 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(f: impl Fn(f64) -> f64, x: f64, claim: f64) -> Finding {
        let mut phi = |h: f64| f(x + h);
        let unit = x.abs().max(1e-300);
        // The rounding of the value, and of the moved argument.
        let least = f64::EPSILON * (f(x).abs() + unit * claim.abs());
        let sigma = noise(&mut phi, unit).max(least);
        let scale = claim.abs().max(f(x).abs() / unit);
        let question = Search {
            claim,
            here: f(x),
            sigma,
            unit,
            widest: unit / 4.0,
            trusted: f64::INFINITY,
            slack: 64.0 * f64::EPSILON * claim.abs(),
            target: 1e-8 * scale,
            wanted: 1e-3 * scale,
        };
        search(&mut phi, question).finding
    }

    #[test]
    fn right_derivatives_agree_however_fast_the_function_varies() {
        let agrees = |f: fn(f64) -> f64, x: f64, claim: f64| {
            let found = judged(f, x, claim);
            assert!(matches!(found, Finding::Agrees(_)), "{x}: {found:?}");
        };
        agrees(f64::sin, 0.7, 0.7_f64.cos());
        agrees(|x| (1e4 * x).sin(), 0.7, 1e4 * 7e3_f64.cos());
        agrees(f64::ln, 1e-3, 1e3);
        agrees(|x| (x + 1e8) - 1e8, 0.7, 1.0);
        // 1 − x² would cancel.
        let beside_1: f64 = 1.0 - 1e-6;
        let slope = -1.0 / ((1.0 - beside_1) * (1.0 + beside_1)).sqrt();
        agrees(f64::acos, beside_1, slope);
        agrees(|x| x.max(0.0), 5e-5, 1.0);
    }

    #[test]
    fn steps_of_a_staircase_are_no_slope() {
        // Steps of a thousandth of the argument climb it, smaller ones do not.
        let x = 1_160_305.3_f64;
        let mut phi = |h: f64| (x + h).floor();
        let question = Search {
            claim: 0.0,
            here: x.floor(),
            sigma: f64::EPSILON * x,
            unit: x,
            widest: x / 4.0,
            trusted: f64::INFINITY,
            slack: 0.0,
            target: 1e-15,
            wanted: 1e-9,
        };
        let found = search(&mut phi, question).finding;
        assert!(!matches!(found, Finding::Differs(_)), "{found:?}");
    }

    #[test]
    fn an_error_of_a_millionth_is_seen() {
        for scale in [1e-200, 1.0, 1e200] {
            let found = judged(
                |x| scale * x.sin(),
                0.7,
                scale * 0.7_f64.cos() * (1.0 + 1e-6),
            );
            assert!(matches!(found, Finding::Differs(_)), "{found:?}");
        }
    }

    #[test]
    fn a_kink_is_told_from_an_error() {
        let mut phi = |h: f64| h.abs() + 0.3 * h;
        let question = Search {
            claim: 0.3,
            here: 0.0,
            sigma: 1e-17,
            unit: 1.0,
            widest: 0.25,
            trusted: f64::INFINITY,
            slack: 1e-15,
            target: 1e-8,
            wanted: 1e-3,
        };
        let found = search(&mut phi, question).finding;
        assert!(matches!(found, Finding::Kink { .. }), "{found:?}");
    }

    #[test]
    fn noise_is_measured() {
        // A function of noise 1e-9, by a hash of its argument.
        let mut phi = |x: f64| {
            let bits = x.to_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15);
            x.sin() + 1e-9 * ((bits >> 11) as f64 / 2.0_f64.powi(53) - 0.5)
        };
        let sigma = noise(&mut phi, 1.0);
        assert!((5e-11..5e-9).contains(&sigma), "{sigma:e}");
    }
}
