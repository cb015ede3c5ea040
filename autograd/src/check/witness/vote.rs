//! The verdict on one number from what each witness says.

use super::rounding::Difference;
use crate::check::Verdict;
use crate::check::numeric::Finding;

/// What exact forward mode says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Exact {
    /// It was not computed, or is not believed.
    Missing,
    /// It agrees within this bound.
    Agrees(f64),
    /// It agrees within rounding, which is larger than the number to be judged needs.
    Rounding(f64),
    /// It disagrees by more than this bound on rounding.
    Differs(f64),
}

impl Exact {
    /// The two numbers differ by `difference`; `wanted` is the accuracy that a judgement needs.
    pub(super) fn of(difference: Difference, wanted: f64) -> Self {
        match difference {
            Difference::Rounding(bar) if bar <= wanted => Self::Agrees(bar),
            Difference::Rounding(bar) => Self::Rounding(bar),
            Difference::Systematic(bar) => Self::Differs(bar),
        }
    }
}

/// The verdict, the error bar that it rests on, and the reason if it is not a pass.
pub(super) fn vote(
    analytic: f64,
    exact: Exact,
    numeric: Option<&Finding>,
    reached: bool,
) -> (Verdict, f64, String) {
    let good = |bar| {
        let verdict = if reached {
            Verdict::Pass
        } else {
            Verdict::Unreachable
        };
        (verdict, bar, String::new())
    };
    let fail = |bar, reason: &str| (Verdict::Fail, bar, reason.to_owned());
    match (exact, numeric) {
        (Exact::Differs(bar), Some(Finding::Agrees(_))) => fail(
            bar,
            "forward mode disagrees with reverse mode and with differences",
        ),
        (Exact::Differs(bar), _) => fail(
            bar,
            if reached {
                "forward mode disagrees"
            } else {
                "no path on the tape, but the outputs depend on the input"
            },
        ),
        (Exact::Agrees(_) | Exact::Rounding(_), Some(Finding::Differs(estimate))) => fail(
            estimate.bar,
            "differences disagree with both modes, and no kink or noise explains it",
        ),
        (_, Some(Finding::Differs(estimate))) => fail(estimate.bar, "differences disagree"),
        (Exact::Agrees(bar), Some(Finding::Kink { slopes, step, .. })) => (
            Verdict::Kink,
            bar,
            format!(
                "kink within {step:.1e}: slopes {:.4e} and {:.4e}",
                slopes[0], slopes[1]
            ),
        ),
        (
            _,
            Some(Finding::Kink {
                slopes,
                bar,
                step,
                is_beside,
            }),
        ) => {
            let [low, high] = [
                slopes[0].min(slopes[1]) - bar,
                slopes[0].max(slopes[1]) + bar,
            ];
            let valid = (low..=high).contains(&analytic);
            let reason = format!(
                "kink within {step:.1e}: slopes {:.4e} and {:.4e}{}",
                slopes[0],
                slopes[1],
                match (valid, is_beside) {
                    (true, _) => "",
                    (false, true) => ", beside the point, where noise hides the slope",
                    (false, false) => ", and the derivative is not between them",
                }
            );
            let verdict = match (valid, is_beside) {
                (true, _) => Verdict::Kink,
                (false, true) => Verdict::NoiseLimited,
                (false, false) => Verdict::Fail,
            };
            (verdict, *bar, reason)
        }
        (Exact::Agrees(bar), _) => good(bar),
        (Exact::Missing | Exact::Rounding(_), Some(Finding::Agrees(estimate))) => {
            good(estimate.bar)
        }
        (Exact::Rounding(bar), _) => (
            Verdict::NoiseLimited,
            bar,
            "rounding errors are as large as the derivative".to_owned(),
        ),
        (Exact::Missing, Some(Finding::Inaccurate(estimate))) => (
            Verdict::NoiseLimited,
            estimate.bar,
            format!("the best difference is accurate to {:.1e}", estimate.bar),
        ),
        (Exact::Missing, Some(Finding::Impossible)) => (
            Verdict::NotTaken,
            f64::INFINITY,
            "the function is not finite beside the input".to_owned(),
        ),
        (Exact::Missing, None) => (
            Verdict::NotTaken,
            f64::INFINITY,
            "no witness was computed".to_owned(),
        ),
    }
}
