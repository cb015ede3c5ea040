//! A line search for the strong Wolfe conditions.

use wengert_tensor::{Real, Tensor};

use super::largest;
use super::scaled::dot;

/// A point on the line: step length, loss, gradient, and slope along the line.
#[derive(Clone, Debug)]
pub(super) struct Point<T: Real> {
    pub(super) t: f64,
    pub(super) loss: f64,
    pub(super) gradient: Tensor<T>,
    pub(super) slope: f64,
}

/// `c₁` of the sufficient decrease (Armijo) condition: `f(t) ≤ f(0) + c₁t·f′(0)`.
const ARMIJO: f64 = 1e-4;
/// `c₂` of the curvature condition: `|f′(t)| ≤ c₂|f′(0)|`.
const CURVATURE: f64 = 0.9;

/// A point that meets the strong Wolfe conditions, or the best one after `max_iterations`, and the number
/// of evaluations (Nocedal & Wright 2006, algorithms 3.5 and 3.6, as in Schmidt's minFunc).
pub(super) fn strong_wolfe<T: Real>(
    start: &Point<T>,
    first: f64,
    direction: &Tensor<T>,
    tolerance_change: f64,
    max_iterations: usize,
    mut evaluate: impl FnMut(f64) -> (f64, Tensor<T>),
) -> (Point<T>, usize) {
    let mut evaluations = 0;
    let mut at = |t: f64| {
        evaluations += 1;
        let (loss, gradient) = evaluate(t);
        let slope = dot(&gradient, direction).to_f64();
        Point {
            t,
            loss,
            gradient,
            slope,
        }
    };
    let violates_armijo = |p: &Point<T>| p.loss > start.loss + ARMIJO * p.t * start.slope;
    let meets_curvature = |p: &Point<T>| p.slope.abs() <= -CURVATURE * start.slope;

    let mut iterations = 0;
    let mut previous = start.clone();
    let mut new = at(first);
    // Bracketing: extrapolate until the interval contains a point that meets the conditions.
    let mut bracket = loop {
        if iterations == max_iterations {
            break [start.clone(), new];
        }
        if violates_armijo(&new) || (iterations > 1 && new.loss >= previous.loss) {
            break [previous, new];
        }
        if meets_curvature(&new) {
            return (new, evaluations);
        }
        if new.slope >= 0.0 {
            break [previous, new];
        }
        let bounds = (new.t + 0.01 * (new.t - previous.t), new.t * 10.0);
        let t = interpolated(&previous, &new, bounds);
        previous = std::mem::replace(&mut new, at(t));
        iterations += 1;
    };

    let lower = |bracket: &[Point<T>; 2]| usize::from(!(bracket[0].loss <= bracket[1].loss));
    let mut low = lower(&bracket);
    let width = largest(direction).to_f64();
    let mut was_close = false;
    while iterations < max_iterations {
        if (bracket[1].t - bracket[0].t).abs() * width < tolerance_change {
            break;
        }
        let ends = ordered(bracket[0].t, bracket[1].t);
        let t = interpolated(&bracket[0], &bracket[1], ends);
        let t = away_from_ends(t, ends, &mut was_close);
        let new = at(t);
        iterations += 1;
        let high = 1 - low;
        if violates_armijo(&new) || new.loss >= bracket[low].loss {
            bracket[high] = new;
            low = lower(&bracket);
            continue;
        }
        let done = meets_curvature(&new);
        if !done && new.slope * (bracket[high].t - bracket[low].t) >= 0.0 {
            bracket[high] = bracket[low].clone();
        }
        bracket[low] = new;
        if done {
            break;
        }
    }
    let [first, second] = bracket;
    (if low == 0 { first } else { second }, evaluations)
}

fn ordered(a: f64, b: f64) -> (f64, f64) {
    if a <= b { (a, b) } else { (b, a) }
}

/// `t`, moved a tenth of the interval away from an end if it is at that end, or close to it for the
/// second time in a row.
fn away_from_ends(t: f64, (low, high): (f64, f64), was_close: &mut bool) -> f64 {
    let margin = 0.1 * (high - low);
    let is_close = min_or_first(high - t, t - low) < margin;
    let moves = is_close && (*was_close || t >= high || t <= low);
    *was_close = is_close && !moves;
    if !moves {
        t
    } else if (t - high).abs() < (t - low).abs() {
        high - margin
    } else {
        low + margin
    }
}

/// The minimum of the cubic through two points with their slopes, clamped to the bounds; the midpoint of
/// the bounds if the cubic has none.
fn interpolated<T: Real>(a: &Point<T>, b: &Point<T>, (low, high): (f64, f64)) -> f64 {
    let (a, b) = if a.t <= b.t { (a, b) } else { (b, a) };
    let d1 = a.slope + b.slope - 3.0 * (a.loss - b.loss) / (a.t - b.t);
    let square = d1 * d1 - a.slope * b.slope;
    if square >= 0.0 {
        let d2 = square.sqrt();
        let part = (b.slope + d2 - d1) / (b.slope - a.slope + 2.0 * d2);
        let place = b.t - (b.t - a.t) * part;
        min_or_first(if low > place { low } else { place }, high)
    } else {
        f64::midpoint(low, high)
    }
}

/// The smaller number; the first if either is NaN.
fn min_or_first(a: f64, b: f64) -> f64 {
    if b < a { b } else { a }
}
