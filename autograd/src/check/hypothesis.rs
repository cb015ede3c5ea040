//! What may be wrong with a rule, from its wrong cotangents and the right ones.

use std::fmt::Write;

use wengert_tensor::{Dual, Tensor};

use super::Report;
use super::quiet::quietly;
use super::subject::Subject;
use crate::sample::{Draw, LARGEST};

/// Inputs with more elements are not compared as a whole.
const MOST: usize = 512;

/// The cotangent of one input by the rule, and the right one.
struct Pair {
    cotangents: Vec<Tensor<f64>>,
    wrong: Vec<f64>,
    right: Vec<f64>,
    size: f64,
}

/// A gradient that is wrong: that of one op, or of a whole function that records no ops.
pub(super) struct Suspect<'a> {
    pub(super) subject: &'a dyn Subject,
    /// All operands, of which the inputs are those in `tracked`.
    pub(super) operands: &'a [Tensor<f64>],
    pub(super) tracked: &'a [usize],
    /// Whether the rule sees NaN in place of an operand.
    pub(super) hides: bool,
    /// Whether forward mode gives the right numbers; else differences do.
    pub(super) exact: bool,
}

/// A sentence about the cotangent of input `slot`.
pub(super) fn explain(
    op: &Suspect<'_>,
    inputs: &[Tensor<f64>],
    slot: usize,
    report: &Report,
    seed: u64,
) -> String {
    if let Some(panic) = report.faults.iter().find(|f| f.contains("panics")) {
        return if panic.contains("wrong rule: the cotangent") {
            format!("a reduction over broadcast axes is missing: {panic}")
        } else {
            panic.clone()
        };
    }
    if let Some(fault) = report.faults.iter().find(|f| f.contains("deterministic")) {
        return fault.clone();
    }
    let find = |words: &str| report.faults.iter().find(|f| f.contains(words));
    let mut draw = Draw::new(seed ^ 0x3e9, LARGEST);
    let known = quietly(|| {
        let first = pair(op, inputs, slot, &mut draw)?;
        let second = pair(op, inputs, slot, &mut draw)?;
        Some((first, second))
    });
    if let Ok(Some((first, second))) = known {
        let contiguous_right = agree(&first.wrong, &first.right, first.size)
            && agree(&second.wrong, &second.right, second.size);
        if contiguous_right && let Some(fault) = find("layout in memory") {
            return format!("wrong for cotangents that are not contiguous: {fault}");
        }
        if !contiguous_right && let Some(text) = compare(op, inputs, slot, &first, &second) {
            return text;
        }
        if let Some(text) = not_linear(&find) {
            return text;
        }
        if !contiguous_right {
            return partly(inputs[slot].shape(), &first);
        }
    }
    if let Some(text) = not_linear(&find) {
        return text;
    }
    if let Some(fault) = report.faults.first() {
        return fault.clone();
    }
    "the rule is wrong".to_owned()
}

/// What the structure of the gradient says, if it is not linear in the cotangents.
fn not_linear<'a>(find: &dyn Fn(&str) -> Option<&'a String>) -> Option<String> {
    let zero = find("cotangents of zeros");
    if zero.is_some_and(|fault| fault.ends_with("NaN") || fault.ends_with("inf")) {
        return Some("not finite for cotangents of zeros: it divides by the cotangent".to_owned());
    }
    (zero.is_some() || find("not linear").is_some()).then(|| {
        "it clips, thresholds or rounds the cotangent, or adds to it: not linear in it".to_owned()
    })
}

/// Both cotangents of an input for random, contiguous cotangents of the outputs.
fn pair(op: &Suspect<'_>, inputs: &[Tensor<f64>], slot: usize, draw: &mut Draw) -> Option<Pair> {
    let outputs = op.subject.outputs(inputs);
    let cotangents: Vec<_> = outputs.iter().map(|y| draw.normal(y.shape())).collect();
    let right = right(op, inputs, slot, &cotangents)?;
    let wrong = op.subject.gradients(inputs, &cotangents).swap_remove(slot);
    let wrong = wrong.map_or_else(|| vec![0.0; right.len()], |g| g.to_vec());
    let size = right.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    Some(Pair {
        cotangents,
        wrong,
        right,
        size,
    })
}

/// The right cotangent of an input, by forward mode or differences along each element.
fn right(
    op: &Suspect<'_>,
    inputs: &[Tensor<f64>],
    slot: usize,
    cotangents: &[Tensor<f64>],
) -> Option<Vec<f64>> {
    let count = inputs.get(slot)?.len();
    if count > MOST {
        return None;
    }
    let product = |y: &[Tensor<f64>]| -> f64 {
        let pairs = y.iter().zip(cotangents);
        pairs
            .flat_map(|(y, c)| y.iter().zip(c.iter()))
            .map(|(y, c)| y * c)
            .sum()
    };
    let mut all = Vec::with_capacity(count);
    for k in 0..count {
        let mut lifted: Vec<Tensor<Dual>> = inputs
            .iter()
            .map(|x| x.contiguous().map(Dual::constant))
            .collect();
        lifted[slot].as_mut_slice()[k].tangent = 1.0;
        if let Some(y) = op.subject.duals(&lifted) {
            let tangents: Vec<_> = y.iter().map(|y| y.map(|d| d.tangent)).collect();
            all.push(product(&tangents));
        } else {
            let at = |h: f64| {
                let mut moved: Vec<Tensor<f64>> = inputs.iter().map(Tensor::contiguous).collect();
                moved[slot].as_mut_slice()[k] += h;
                product(&op.subject.outputs(&moved))
            };
            let h = 1e-4;
            let (wide, narrow) = (at(h) - at(-h), at(0.5 * h) - at(-0.5 * h));
            all.push((8.0 * narrow - wide) / (6.0 * h));
        }
    }
    Some(all)
}

/// Tolerance of a comparison that names a fault, relative to the largest entry: differences are accurate to this.
const ALIKE: f64 = 1e-7;

fn agree(a: &[f64], b: &[f64], size: f64) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-10 * size)
}

fn alike(a: &[f64], b: &[f64], size: f64) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() <= ALIKE * size)
}

/// Names the fault of a wrong cotangent.
fn compare(
    op: &Suspect<'_>,
    inputs: &[Tensor<f64>],
    slot: usize,
    first: &Pair,
    second: &Pair,
) -> Option<String> {
    let (wrong, right) = (&first.wrong, &first.right);
    let shape = inputs[slot].shape();
    if let Some(k) = wrong.iter().position(|x| !x.is_finite()) {
        return Some(if op.hides && wrong.iter().all(|x| x.is_nan()) {
            "NaN everywhere: it reads a value that it does not declare in reads(), or divides 0 by 0".to_owned()
        } else {
            format!(
                "not finite at element {k}, where forward mode gives {:e}",
                right[k]
            )
        });
    }
    if wrong.iter().chain(&second.wrong).all(|x| *x == 0.0) {
        return Some("the cotangent is missing: zero everywhere".to_owned());
    }
    // Before the scale: ones in place of the cotangent are no multiple.
    if alike(wrong, &second.wrong, first.size) && !alike(right, &second.right, first.size) {
        return Some("it ignores the cotangents of the outputs".to_owned());
    }
    if op.subject.epsilon() == f64::EPSILON && rounded(first) {
        return Some("rounded to f32".to_owned());
    }
    if let Some(text) = scale(op, first, second) {
        return Some(text);
    }
    if let Some(text) = precision(first) {
        return Some(text);
    }
    if let Some(text) = rearranged(shape, first, second) {
        return Some(text);
    }
    for other in 0..inputs.len() {
        if other != slot && inputs[other].len() == right.len() {
            let exchanged = self::right(op, inputs, other, &first.cotangents)?;
            if alike(wrong, &exchanged, first.size.max(f64::MIN_POSITIVE)) {
                return Some(format!(
                    "exchanged with the cotangent of input {}",
                    op.tracked[other]
                ));
            }
        }
    }
    reduction(op, inputs, slot, first)
}

/// Whether the wrong cotangent is the right one times a constant.
fn scale(op: &Suspect<'_>, first: &Pair, second: &Pair) -> Option<String> {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let of = |pair: &Pair| dot(&pair.wrong, &pair.right) / dot(&pair.right, &pair.right);
    let (c, again) = (of(first), of(second));
    let multiple = |pair: &Pair| {
        let scaled: Vec<_> = pair.right.iter().map(|x| c * x).collect();
        agree(&pair.wrong, &scaled, pair.size * c.abs().max(1e-3))
            || (!op.exact && alike(&pair.wrong, &scaled, pair.size * c.abs()))
    };
    if !(c.is_finite()
        && (c - again).abs() <= ALIKE * c.abs()
        && multiple(first)
        && multiple(second))
    {
        return None;
    }
    if (c + 1.0).abs() < 1e-9 {
        return Some("wrong sign: scaled by −1".to_owned());
    }
    // Differences are accurate to nine digits, sums of products to all but two or three.
    let unit = if op.exact { 1e13 } else { 1e9 };
    let c = (c * unit).round() / unit;
    let mut text = format!("scaled by {c}");
    let near = |x: f64| (x - x.round()).abs() < 1e-6 * x.abs() && x.round() > 1.0;
    if near(1.0 / c) {
        let n = (1.0 / c).round();
        let _ = write!(text, " = 1/{n}");
        let root = n.sqrt();
        if near(root) {
            let _ = write!(text, " = 1/{root}²");
        }
        text += &extent(op, n);
    } else if near(c) {
        text += &extent(op, c.round());
    }
    Some(text)
}

/// Which extents of the inputs a factor is.
fn extent(op: &Suspect<'_>, n: f64) -> String {
    for (i, x) in op.operands.iter().enumerate() {
        if let Some(axis) = x.shape().iter().position(|&extent| extent as f64 == n) {
            return format!(", where {n} is the extent of axis {axis} of input {i}");
        }
        if x.len() as f64 == n {
            return format!(", where {n} is the number of elements of input {i}");
        }
    }
    String::new()
}

/// Whether the wrong cotangent is the right one, rounded to `f32`.
fn rounded(pair: &Pair) -> bool {
    let near = |(wrong, right): (&f64, &f64)| (wrong - right).abs() <= 1e-7 * right.abs();
    let mut pairs = pair.wrong.iter().zip(&pair.right);
    pairs.all(near) && pair.wrong.iter().all(|x| f64::from(*x as f32) == *x)
}

/// Whether the wrong cotangent has the digits of `f32`.
fn precision(pair: &Pair) -> Option<String> {
    let errors = pair
        .wrong
        .iter()
        .zip(&pair.right)
        .map(|(a, b)| (a - b).abs());
    let off = errors.clone().fold(0.0, f64::max);
    let wrong = errors.filter(|error| *error > 1e-10 * pair.size).count();
    let one_of_many = wrong == 1 && pair.right.len() > 2;
    (off <= 1e-6 * pair.size && off > 1e-9 * pair.size && !one_of_many).then(|| {
        format!(
            "accurate to {:.0e} only: a part is computed in f32, or a constant has few digits",
            off / pair.size
        )
    })
}

/// Whether the elements are right but in other places.
fn rearranged(shape: &[usize], first: &Pair, second: &Pair) -> Option<String> {
    let n = first.right.len();
    // A small error in some elements is no other order.
    if n < 2 || alike(&first.wrong, &first.right, first.size) {
        return None;
    }
    let moved = |from: &dyn Fn(usize) -> usize| {
        [first, second].iter().all(|pair| {
            let moved: Vec<_> = (0..n).map(|k| pair.right[from(k)]).collect();
            alike(&pair.wrong, &moved, pair.size)
        })
    };
    if let [.., rows, columns] = *shape {
        // The places of the transposed matrices, as far as the shape allows them.
        let transposed = |k: usize| {
            let (block, k) = (k / (rows * columns), k % (rows * columns));
            block * rows * columns + (k % rows) * columns + k / rows
        };
        if rows > 1 && columns > 1 && moved(&transposed) {
            return Some("transposed".to_owned());
        }
    }
    if moved(&|k| n - 1 - k) {
        return Some("its elements are in reverse order".to_owned());
    }
    for shift in [1, n - 1] {
        if moved(&|k| (k + shift) % n) {
            return Some("shifted by one element".to_owned());
        }
    }
    let sorted = |x: &[f64]| {
        let mut x = x.to_vec();
        x.sort_by(f64::total_cmp);
        x
    };
    (alike(&sorted(&first.wrong), &sorted(&first.right), first.size)
        && alike(&sorted(&second.wrong), &sorted(&second.right), second.size))
    .then(|| "its elements are permuted".to_owned())
}

/// Whether a part of the cotangents counts only: a sum over an axis of the output is missing.
fn reduction(op: &Suspect<'_>, inputs: &[Tensor<f64>], slot: usize, pair: &Pair) -> Option<String> {
    for (k, c) in pair.cotangents.iter().enumerate() {
        for axis in 0..c.rank() {
            let extent = c.shape()[axis];
            for kept in [0, extent.saturating_sub(1)] {
                if extent < 2 {
                    continue;
                }
                let mut masked = c.clone();
                let inner: usize = c.shape()[axis + 1..].iter().product();
                for (place, value) in masked.as_mut_slice().iter_mut().enumerate() {
                    if place / inner % extent != kept {
                        *value = 0.0;
                    }
                }
                let mut cotangents = pair.cotangents.clone();
                cotangents[k] = masked;
                let part = right(op, inputs, slot, &cotangents)?;
                if alike(&pair.wrong, &part, pair.size) {
                    return Some(format!(
                        "the sum over axis {axis} of output {k} is missing: only index {kept} counts"
                    ));
                }
            }
        }
    }
    None
}

/// How many entries are wrong.
fn partly(shape: &[usize], pair: &Pair) -> String {
    let wrong: Vec<_> = (0..pair.right.len())
        .filter(|&k| (pair.wrong[k] - pair.right[k]).abs() > 1e-10 * pair.size)
        .collect();
    let n = pair.right.len();
    let Some(&first) = wrong.first() else {
        return "the rule is wrong".to_owned();
    };
    let mut index = Vec::new();
    let mut rest = first;
    for &extent in shape.iter().rev() {
        index.insert(0, rest % extent);
        rest /= extent;
    }
    let missing = wrong.iter().all(|&k| pair.wrong[k] == 0.0);
    if wrong.len() == n && n > 1 {
        return format!(
            "a term is missing or wrong: {:.6e} in place of {:.6e} at {index:?}",
            pair.wrong[first], pair.right[first]
        );
    }
    format!(
        "wrong in {} of {n} elements, first at {index:?}: {}{:.6e} in place of {:.6e}",
        wrong.len(),
        if missing { "dropped, " } else { "" },
        pair.wrong[first],
        pair.right[first]
    )
}
