//! The search for a window whose derivative is accurate enough to judge a claim.

use super::window::{Estimate, STEPS, Window, kink_in, oscillates};
use crate::check::DifferenceQuotient;

/// An estimate whose bar is below this times its distance from the claim is accurate enough to disagree.
const GROSS: f64 = 0.1;

/// What differences say about a claimed derivative.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::check) enum Finding {
    /// The claim lies within the bar of an accurate estimate.
    Agrees(Estimate),
    /// The claim lies outside the bar, and no kink was found.
    Differs(Estimate),
    /// The slopes from below and from above differ at the smallest usable step.
    Kink {
        slopes: [f64; 2],
        bar: f64,
        step: f64,
        /// Whether it is not at the point itself: a narrower window would have seen it there.
        is_beside: bool,
    },
    /// Noise or truncation keeps every estimate from being accurate enough.
    Inaccurate(Estimate),
    /// The function is finite on no interval around the point.
    Impossible,
}

/// What a search for a derivative is about.
#[derive(Clone, Copy, Debug)]
pub(in crate::check) struct Search {
    /// The derivative to judge.
    pub(in crate::check) claim: f64,
    /// `φ(0)`.
    pub(in crate::check) here: f64,
    /// The noise of `φ`.
    pub(in crate::check) sigma: f64,
    /// The distance over which `φ` is expected to vary.
    pub(in crate::check) unit: f64,
    /// The largest step to try.
    pub(in crate::check) widest: f64,
    /// The largest step at which a disagreement counts: beyond it an element moves by more than its own size, perhaps
    /// out of the domain.
    pub(in crate::check) trusted: f64,
    /// The rounding error of the claim.
    pub(in crate::check) slack: f64,
    /// The search ends as soon as an estimate has a bar below this and agrees.
    pub(in crate::check) target: f64,
    /// An estimate with a larger bar is not accurate enough.
    pub(in crate::check) wanted: f64,
}

/// Judges a derivative by windows of smaller or larger steps. The window with the smallest bar decides among
/// those that no kink divides.
pub(in crate::check) fn search(phi: &mut dyn FnMut(f64) -> f64, search: Search) -> Taken {
    /// The ratio of the steps of neighbouring windows.
    const RATIO: f64 = 64.0;
    let first = (search.unit * 0.002).min(search.widest);
    let narrowest = search.unit * 2.0_f64.powi(-40);
    let mut windows = Windows::new(search);
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
    quotients: Vec<DifferenceQuotient>,
}

/// What a search has found, and how.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::check) struct Taken {
    pub(in crate::check) finding: Finding,
    /// The central quotients by step.
    pub(in crate::check) steps: Vec<DifferenceQuotient>,
    /// The noise that was assumed.
    pub(in crate::check) sigma: f64,
    /// The smallest bar of a window in which a disagreement counts; infinite if there is none.
    pub(in crate::check) resolves: f64,
}

impl Windows {
    fn new(search: Search) -> Self {
        Self {
            search,
            estimates: Vec::new(),
            kink: None,
            oscillating: true,
            quotients: Vec::new(),
        }
    }

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
            DifferenceQuotient { step, value }
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
        // The truncation error falls with the step. If the estimate with smaller steps has the larger error bar, the
        // function varies within the wider step, and the wider estimate's small error bar is an accident.
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
            e.bar <= self.wanted(e.value) && (e.widest <= self.search.trusted || !self.differs(e))
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

    /// Whether a narrower window than that of a kink would have seen it at the point, and supports the claim.
    fn is_beside(&self, (slopes, _, step): &([f64; 2], f64, f64)) -> bool {
        let jump = (slopes[0] - slopes[1]).abs();
        let mut narrower = self.estimates.iter().filter(|e| e.widest < *step);
        narrower.any(|e| e.bar <= 0.25 * jump && !self.differs(e))
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
                (Some(kink @ (slopes, bar, step)), _) => Finding::Kink {
                    slopes,
                    bar,
                    step,
                    is_beside: self.is_beside(&kink),
                },
                (None, Some(best)) => Finding::Inaccurate(best),
                (None, None) => Finding::Impossible,
            },
        }
    }
}

/// A search whose values come from elsewhere: those of many functions are computed together.
pub(in crate::check) struct Judged(Windows);

impl Judged {
    pub(in crate::check) fn new(search: Search) -> Self {
        Self(Windows::new(search))
    }

    /// Adds the values at `±step`, `±step/2`, ….
    pub(in crate::check) fn add(&mut self, step: f64, up: [f64; STEPS], down: [f64; STEPS]) {
        let here = self.0.search.here;
        self.0.add(&Window {
            step,
            here,
            up,
            down,
        });
    }

    /// Whether more windows cannot change the verdict.
    pub(in crate::check) fn settled(&self) -> bool {
        self.0.settled().is_some()
    }

    pub(in crate::check) fn conclude(self) -> Finding {
        self.0.settled().unwrap_or_else(|| self.0.conclude())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::numeric::noise;

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
    fn a_kink_beside_the_point_is_none_at_the_point() {
        // The noise of f32: narrow windows are too noisy to judge the claim, the wide one has a kink within it.
        let mut phi = |h: f64| f64::from((0.3 * h + 5.0 * (h - 0.0025).max(0.0)) as f32 + 1.0_f32);
        let question = |claim: f64, here: f64| Search {
            claim,
            here,
            sigma: 6e-8,
            unit: 1.0,
            widest: 0.25,
            trusted: f64::INFINITY,
            slack: 1e-7,
            target: 1e-8,
            wanted: 1e-5,
        };
        let found = search(&mut phi, question(0.3, 1.0)).finding;
        assert!(
            matches!(
                found,
                Finding::Kink {
                    is_beside: true,
                    ..
                }
            ),
            "{found:?}"
        );
        // A kink at the point stays one, though the noise hides it from the narrowest windows.
        let mut phi = |h: f64| f64::from((5.0 * h.max(0.0)) as f32);
        let found = search(&mut phi, question(7.0, 0.0)).finding;
        assert!(
            matches!(
                found,
                Finding::Kink {
                    is_beside: false,
                    ..
                }
            ),
            "{found:?}"
        );
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
}
