//! Which op of a recorded function takes another branch between two points.
//!
//! An op need not tell that it is piecewise. Where it changes from one piece to the next, its rule jumps (`relu`, `max`,
//! `sort`, `max_pool`) or its value does without its rule saying so (`floor`). The rule of every recorded call is
//! evaluated at both ends of the interval, on what the tape recorded there; what is smooth changes with the length of the
//! interval, and a jump is what is left when the interval has been halved again and again.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use wengert_tensor::Tensor;

use super::local::LocalOp;
use super::locate::write_call;
use super::quiet::quietly;
use super::subject::Subject;
use super::witness::{moved, unravel};
use crate::function::Differentiable;
use crate::sample::{Draw, LARGEST};
use crate::tape::{Entry, Tape};

/// A relative change between the ends of an interval that may be a jump.
const CHANGE: f64 = 1e-3;

/// Halvings of the interval: what is smooth changes by less than [`CHANGE`] over what is left.
const HALVINGS: usize = 24;

/// Calls that are looked at closely.
const MOST: usize = 4;

/// The call that takes another branch.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Branch {
    op: &'static str,
    location: &'static Location<'static>,
    layer: Option<Arc<str>>,
    /// The element of an input whose slope jumps, or of an output that does.
    element: Vec<usize>,
    /// How far along the direction.
    distance: f64,
}

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            op,
            location,
            layer,
            element,
            distance,
        } = self;
        write_call(f, op, location, layer.as_deref())?;
        write!(
            f,
            " takes another branch at its element {element:?}, {distance:.1e} away"
        )
    }
}

/// What a recorded call did at one point.
struct Piece {
    op: &'static str,
    location: &'static Location<'static>,
    layer: Option<Arc<str>>,
    inputs: Vec<Tensor<f64>>,
    outputs: Vec<Tensor<f64>>,
    cotangents: Vec<Tensor<f64>>,
    /// The cotangents of the inputs, for cotangents of the outputs that are the same at every point.
    slopes: Vec<Tensor<f64>>,
}

impl Piece {
    fn of(entry: &Entry<f64>, index: usize, layer: Option<Arc<str>>) -> Option<Self> {
        let rule = entry.rule.as_deref()?;
        let recorded: Vec<_> = entry.inputs.iter().map(|x| x.value.tensor()).collect();
        let numbered = entry.inputs.iter().enumerate();
        let tracked: Vec<_> = numbered
            .filter(|(_, x)| x.source.is_some())
            .map(|(i, _)| i)
            .collect();
        let inputs: Vec<_> = tracked.iter().map(|&i| recorded[i].clone()).collect();
        let op = LocalOp {
            rule,
            dual: None,
            recorded,
            tracked,
        };
        let outputs = op.outputs(&inputs);
        // Of one sign, so that slopes do not cancel.
        let mut draw = Draw::new(index as u64, LARGEST);
        let cotangents: Vec<_> = outputs
            .iter()
            .map(|y| draw.uniform(y.shape(), 0.5, 1.5))
            .collect();
        let slopes = op.vjp(&inputs, &cotangents, None);
        let or_zeros = |(g, x): (Option<Tensor<f64>>, &Tensor<f64>)| {
            g.unwrap_or_else(|| Tensor::zeros(x.shape()))
        };
        let slopes = slopes.into_iter().zip(&inputs).map(or_zeros).collect();
        let (op, location) = (rule.name(), entry.location);
        Some(Self {
            op,
            location,
            layer,
            inputs,
            outputs,
            cotangents,
            slopes,
        })
    }

    /// The element with the largest jump between two points, if there is one.
    fn jump(&self, other: &Self) -> Option<Vec<usize>> {
        let slopes = self.slopes.iter().zip(&other.slopes);
        let found = slopes
            .filter(|(a, b)| a.shape() == b.shape())
            .find_map(|(a, b)| {
                let (change, k) = largest_change(a, b);
                let size = a
                    .iter()
                    .chain(b.iter())
                    .fold(0.0_f64, |m, x| m.max(x.abs()));
                (change > CHANGE * size).then(|| unravel(k, a.shape()))
            });
        found.or_else(|| self.unexplained(other))
    }

    /// The output's element that changes most, if the outputs change by more than the slopes at both ends say.
    fn unexplained(&self, other: &Self) -> Option<Vec<usize>> {
        if !self
            .outputs
            .iter()
            .zip(&other.outputs)
            .all(|(a, b)| a.shape() == b.shape())
        {
            return None;
        }
        let (mut seen, mut size, mut terms) = (0.0, 0.0, 0.0);
        for ((a, b), c) in self
            .outputs
            .iter()
            .zip(&other.outputs)
            .zip(&self.cotangents)
        {
            for ((a, b), c) in a.iter().zip(b.iter()).zip(c.iter()) {
                seen += c * (b - a);
                size += (c * (b - a)).abs();
                terms += (c * a).abs();
            }
        }
        let ends = self
            .slopes
            .iter()
            .zip(&other.slopes)
            .zip(self.inputs.iter().zip(&other.inputs));
        let explained: f64 = ends
            .flat_map(|((p, q), (x, y))| p.iter().zip(q.iter()).zip(x.iter().zip(y.iter())))
            .map(|((p, q), (x, y))| 0.5 * (p + q) * (y - x))
            .sum();
        if (seen - explained).abs() <= 0.5 * size || size <= 1e3 * f64::EPSILON * terms {
            return None;
        }
        let changes = self
            .outputs
            .iter()
            .zip(&other.outputs)
            .map(|(a, b)| (a, largest_change(a, b)));
        let (y, (_, k)) = changes.max_by(|(_, a), (_, b)| a.0.total_cmp(&b.0))?;
        Some(unravel(k, y.shape()))
    }
}

/// The largest distance between two elements, and their place.
fn largest_change(a: &Tensor<f64>, b: &Tensor<f64>) -> (f64, usize) {
    let distances = a.iter().zip(b.iter()).map(|(a, b)| (a - b).abs()).zip(0..);
    distances.fold(
        (0.0, 0),
        |most, here| if here.0 > most.0 { here } else { most },
    )
}

/// The recorded calls at one point, or one of them; `None` if the function panics there.
fn pieces(
    f: &dyn Differentiable,
    inputs: &[Tensor<f64>],
    only: Option<usize>,
) -> Option<Vec<Option<Piece>>> {
    quietly(|| {
        let tape = Tape::keeping_all();
        let x: Vec<_> = inputs.iter().map(|x| tape.leaf(x.clone())).collect();
        let outputs = f.f64(&x);
        let pieces = tape.with_entries(|entries| {
            let numbered = entries.iter().enumerate();
            let of_one = |(index, entry): (usize, &Option<Entry<f64>>)| {
                let chosen = only.is_none_or(|only| only == index);
                Piece::of(entry.as_ref().filter(|_| chosen)?, index, tape.layer(index))
            };
            numbered.map(of_one).collect()
        });
        drop(outputs);
        pieces
    })
    .ok()
}

/// The first call that takes another branch between `inputs − h·tangents` and `inputs + h·tangents`.
pub(super) fn branch(
    f: &dyn Differentiable,
    inputs: &[Tensor<f64>],
    tangents: &[Tensor<f64>],
    h: f64,
) -> Option<Branch> {
    let at = |h: f64, only| pieces(f, &moved(inputs, tangents, h), only);
    let (low, high) = (at(-h, None)?, at(h, None)?);
    if low.len() != high.len() {
        return None;
    }
    let ends = low.into_iter().zip(high).enumerate();
    let pairs = ends.filter_map(|(k, (low, high))| Some((k, low?, high?)));
    let candidates = pairs
        .filter(|(_, low, high)| low.jump(high).is_some())
        .take(MOST);
    let mut candidates = candidates.into_iter();
    candidates.find_map(|(k, low, high)| {
        closest(&|h| at(h, Some(k))?.swap_remove(k), (-h, low), (h, high))
    })
}

/// Halves the interval, keeping the half in which the call jumps.
fn closest(
    at: &dyn Fn(f64) -> Option<Piece>,
    low: (f64, Piece),
    high: (f64, Piece),
) -> Option<Branch> {
    let ((mut from, mut low), (mut to, mut high)) = (low, high);
    for _ in 0..HALVINGS {
        let middle = 0.5 * (from + to);
        let here = at(middle)?;
        if low.jump(&here).is_some() {
            (to, high) = (middle, here);
        } else {
            here.jump(&high)?;
            (from, low) = (middle, here);
        }
    }
    let element = low.jump(&high)?;
    let Piece {
        op,
        location,
        layer,
        ..
    } = high;
    Some(Branch {
        op,
        location,
        layer,
        element,
        distance: 0.5 * (from + to),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generic;

    /// The op that takes another branch within `h` of the second of two numbers.
    fn at_second(f: &dyn Differentiable, x: [f64; 2], h: f64) -> Option<Branch> {
        let of = |x: [f64; 2]| Tensor::from_vec(x.to_vec(), [2]);
        branch(f, &[of(x)], &[of([0.0, 1.0])], h)
    }

    #[test]
    fn a_jump_of_a_slope_or_of_a_value_is_traced_to_its_op_and_place() {
        let functions: [(&dyn Differentiable, &str); 4] = [
            (&generic!(|x| (x.exp() - 1.0).relu().sin()), "relu"),
            (&generic!(|x| (x * 3.0).abs() + x.exp()), "abs"),
            (&generic!(|x| x.floor() + x * x), "floor"),
            (&generic!(|x| x.round() * x.sin()), "round"),
        ];
        for (f, op) in functions {
            let kink = if op == "round" { 0.5 } else { 0.0 };
            let found = at_second(f, [0.3, kink + 1e-5], 1e-3).expect(op);
            assert_eq!((found.op, &found.element[..]), (op, &[1][..]));
            assert!(
                (found.distance + 1e-5).abs() < 1e-9,
                "{op}: {}",
                found.distance
            );
            assert!(found.to_string().contains(file!()), "{found}");
        }
    }

    #[test]
    fn of_many_steps_of_a_staircase_one_is_found() {
        let found = at_second(&generic!(|x| x.floor()), [0.5, 1e4 + 0.3], 990.0);
        assert_eq!(found.expect("there are 1980").op, "floor");
    }

    #[test]
    fn what_is_smooth_or_takes_its_branch_elsewhere_is_not_named() {
        let smooth = generic!(|x| (x * 50.0).tanh() * x.exp() + (x * 1e3).sin());
        assert_eq!(at_second(&smooth, [0.3, 0.01], 1e-2), None);
        let elsewhere = generic!(|x| x.relu());
        assert_eq!(at_second(&elsewhere, [0.3, 0.1], 1e-2), None);
    }
}
