//! Large and tiny numbers, and numbers that are none.

use wengert_autograd::ops::{OpInfo, table};
use wengert_autograd::{Draw, Graph, LARGEST, Tape, Var, grad};
use wengert_tensor::{Dual, Real, Tensor};

use crate::quiet::quietly;

/// Functions whose rule is by convention not the derivative where numbers are tiny, and why.
const BY_CONVENTION: [(&str, &str); 1] = [(
    "binary_cross_entropy",
    "as in PyTorch, its slope is divided by 1e-12 at least",
)];

/// Inputs out of which a number that is none spreads further than the formula says, and why.
const SPREADING: [(&str, usize, &str); 3] = {
    let reason = "the kernels of plain numbers multiply padding by the filter as well";
    [
        ("conv_transpose1d", 1, reason),
        ("conv_transpose2d", 1, reason),
        ("conv_transpose3d", 1, reason),
    ]
};

/// Where values and exact forward mode are finite, so is reverse mode, and they agree.
fn agree(info: &OpInfo, seed: u64, scale: f64) -> Result<(), String> {
    let case = info.draw(&mut Draw::new(seed, 1 + seed as usize % LARGEST));
    let inputs: Vec<_> = case.inputs.iter().map(|x| x.map(|x| x * scale)).collect();
    let mut draw = Draw::new(seed ^ 0xd1ec, LARGEST);
    let tangents: Vec<_> = inputs.iter().map(|x| draw.normal(x.shape())).collect();
    let lifted: Vec<_> = inputs
        .iter()
        .zip(&tangents)
        .map(|(x, u)| Var::constant(x.zip(u, Dual::new)))
        .collect();
    let Ok(Some(duals)) = quietly(|| case.function.dual(&lifted)) else {
        return Ok(());
    };
    let numbers = || duals.iter().flat_map(|y| y.value().iter());
    if !numbers().all(|y| y.value.is_finite() && y.tangent.is_finite()) {
        return Ok(());
    }
    let tape = Tape::new();
    let x: Vec<_> = inputs.iter().map(|x| tape.leaf(x.clone())).collect();
    let y = case.function.f64(&x);
    let c: Vec<Tensor<f64>> = y.iter().map(|y| draw.normal(y.shape())).collect();
    let roots: Vec<_> = y
        .iter()
        .zip(&c)
        .map(|(y, c)| (y, Var::constant(c.clone())))
        .collect();
    let gradients = grad(&roots, &x.iter().collect::<Vec<_>>(), Graph::Skip);
    let (mut reverse, mut size) = (0.0, 0.0_f64);
    for (g, u) in gradients.iter().zip(&tangents) {
        let Some(g) = g else { continue };
        for (g, u) in g.value().iter().zip(u.iter()) {
            reverse += g * u;
            size += (g * u).abs();
        }
    }
    let mut forward = 0.0;
    for (y, c) in duals.iter().zip(&c) {
        for (y, c) in y.value().iter().zip(c.iter()) {
            forward += y.tangent * c;
            size += (y.tangent * c).abs();
        }
    }
    // Terms of the size of cotangent and direction may cancel, in the witness too: 1 − tanh² near 0.
    let cotangents: f64 = c.iter().flat_map(Tensor::iter).map(f64::abs).sum();
    let allowed = 1e-9 * size + 1e-15 * cotangents;
    if (reverse - forward).abs() <= allowed || reverse == forward {
        Ok(())
    } else {
        Err(format!(
            "{} at seed {seed} times {scale:.0e}: {case:?}: reverse mode {reverse:e}, forward mode {forward:e}",
            info.name()
        ))
    }
}

#[test]
fn gradients_are_right_where_numbers_are_large_or_tiny() {
    let mut wrong = Vec::new();
    for info in table() {
        let by_convention = BY_CONVENTION.iter().any(|(name, _)| *name == info.name());
        for scale in [1e-30, 1e-8, 1e-3, 30.0, 1e3, 1e8] {
            if by_convention && scale < 1e-10 {
                continue;
            }
            let failed = (0..4).find_map(|seed| agree(info, seed, scale).err());
            wrong.extend(failed);
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

/// Where the outputs are no numbers.
fn nans<T: Real>(y: &[Var<T>], is_nan: impl Fn(T) -> bool) -> Vec<Vec<bool>> {
    y.iter()
        .map(|y| y.value().iter().map(&is_nan).collect())
        .collect()
}

/// A value that is no number in one input, in every number type the same.
#[test]
fn what_is_no_number_passes_alike_through_every_number_type() {
    let mut wrong = Vec::new();
    for info in table() {
        for (seed, odd) in [
            (0, f64::NAN),
            (1, f64::NAN),
            (2, f64::INFINITY),
            (3, f64::NEG_INFINITY),
        ] {
            let case = info.draw(&mut Draw::new(seed, LARGEST));
            for i in 0..case.inputs.len() {
                let spreading = SPREADING
                    .iter()
                    .any(|(name, input, _)| *name == info.name() && *input == i);
                if spreading || case.inputs[i].is_empty() {
                    continue;
                }
                let mut inputs = case.inputs.clone();
                let place = inputs[i].len() / 2;
                let mut values = inputs[i].to_vec();
                values[place] = odd;
                inputs[i] = Tensor::from_vec(values, inputs[i].shape());
                let plain: Vec<_> = inputs.iter().cloned().map(Var::constant).collect();
                let lifted: Vec<_> = inputs
                    .iter()
                    .map(|x| Var::constant(x.map(|x| Dual::new(x, 0.0))))
                    .collect();
                let single: Vec<_> = inputs
                    .iter()
                    .map(|x| Var::constant(x.cast::<f32>()))
                    .collect();
                let (Ok(a), Ok(Some(b)), Ok(Some(c))) = (
                    quietly(|| case.function.f64(&plain)),
                    quietly(|| case.function.dual(&lifted)),
                    quietly(|| case.function.f32(&single)),
                ) else {
                    wrong.push(format!("{} panics at {odd}: {case:?}", info.name()));
                    continue;
                };
                let a = nans(&a, f64::is_nan);
                let b = nans(&b, |y| y.value.is_nan());
                let c = nans(&c, f32::is_nan);
                if a != b || a != c {
                    let count = |y: &[Vec<bool>]| y.iter().flatten().filter(|nan| **nan).count();
                    wrong.push(format!(
                        "{} with {odd} in input {i}: {case:?}: {} NaN in f64, {} on dual numbers, {} in f32",
                        info.name(),
                        count(&a),
                        count(&b),
                        count(&c)
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}
