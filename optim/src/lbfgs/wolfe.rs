//! A line search to the strong Wolfe conditions.

use wengert_tensor::{Real, Tensor};

use super::{dot, largest};

/// A point on the line: how far along, the loss, the gradient, and its part along the line.
#[derive(Clone, Debug)]
pub(super) struct Point<T: Real> {
    pub(super) t: f64,
    pub(super) loss: f64,
    pub(super) gradient: Tensor<T>,
    pub(super) slope: f64,
}

/// Enough of a fall: `f(t) ≤ f(0) + c₁t·f′(0)`.
const ARMIJO: f64 = 1e-4;
/// Enough of a turn: `|f′(t)| ≤ c₂|f′(0)|`.
const CURVATURE: f64 = 0.9;

/// A point that meets the strong Wolfe conditions, or the best found in `most` refinements, and how
/// many evaluations it took (Nocedal & Wright 2006, algorithms 3.5 and 3.6, as in Schmidt's minFunc).
pub(super) fn strong_wolfe<T: Real>(
    start: &Point<T>,
    first: f64,
    direction: &Tensor<T>,
    tolerance_change: f64,
    most: usize,
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
    let rises = |p: &Point<T>| p.loss > start.loss + ARMIJO * p.t * start.slope;
    let turns = |p: &Point<T>| p.slope.abs() <= -CURVATURE * start.slope;

    let mut iterations = 0;
    let mut previous = start.clone();
    let mut new = at(first);
    // Go on until the interval behind holds a point that meets the conditions.
    let mut bracket = loop {
        if iterations == most {
            break [start.clone(), new];
        }
        if rises(&new) || (iterations > 1 && new.loss >= previous.loss) {
            break [previous, new];
        }
        if turns(&new) {
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
    let mut stuck = false;
    while iterations < most {
        if (bracket[1].t - bracket[0].t).abs() * width < tolerance_change {
            break;
        }
        let ends = ordered(bracket[0].t, bracket[1].t);
        let t = interpolated(&bracket[0], &bracket[1], ends);
        let t = kept_inside(t, ends, &mut stuck);
        let new = at(t);
        iterations += 1;
        let high = 1 - low;
        if rises(&new) || new.loss >= bracket[low].loss {
            bracket[high] = new;
            low = lower(&bracket);
            continue;
        }
        let done = turns(&new);
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

/// The place, moved a tenth of the interval away from an end that it is at, or beside for the second
/// time.
fn kept_inside(t: f64, (low, high): (f64, f64), stuck: &mut bool) -> f64 {
    let margin = 0.1 * (high - low);
    let beside = lesser(high - t, t - low) < margin;
    let moves = beside && (*stuck || t >= high || t <= low);
    *stuck = beside && !moves;
    if !moves {
        t
    } else if (t - high).abs() < (t - low).abs() {
        high - margin
    } else {
        low + margin
    }
}

/// The minimum, within bounds, of the cubic through two points with their slopes; the middle of the
/// bounds if there is none.
fn interpolated<T: Real>(a: &Point<T>, b: &Point<T>, (low, high): (f64, f64)) -> f64 {
    let (a, b) = if a.t <= b.t { (a, b) } else { (b, a) };
    let d1 = a.slope + b.slope - 3.0 * (a.loss - b.loss) / (a.t - b.t);
    let square = d1 * d1 - a.slope * b.slope;
    if square >= 0.0 {
        let d2 = square.sqrt();
        let part = (b.slope + d2 - d1) / (b.slope - a.slope + 2.0 * d2);
        let place = b.t - (b.t - a.t) * part;
        lesser(if low > place { low } else { place }, high)
    } else {
        f64::midpoint(low, high)
    }
}

/// The lesser of two; the first if either is NaN.
fn lesser(a: f64, b: f64) -> f64 {
    if b < a { b } else { a }
}
