//! Weights and inputs from a hash of their names, as `zoo.py` draws them.

use wengert::nn::{Parameters, ParametersExt, SlotMut};
use wengert::tensor::{Real, Tensor};

/// Numbers in `[0, 1)`: `SplitMix64` (Steele, Lea & Flood 2014) of the FNV-1a hash of a name and a counter.
fn draws(name: &str) -> impl FnMut() -> f64 {
    let mut state = name.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 * 2f64.powi(-53)
    }
}

/// Rounded to `f32`, so that all number types have the same values.
pub fn drawn<T: Real>(name: &str, shape: &[usize], low: f64, high: f64) -> Tensor<T> {
    let mut next = draws(name);
    let count = shape.iter().product();
    let values: Vec<T> = (0..count)
        .map(|_| T::of(f64::from((low + (high - low) * next()) as f32)))
        .collect();
    Tensor::from_vec(values, shape)
}

fn bounds(name: &str, shape: &[usize]) -> (f64, f64) {
    match shape {
        _ if name.ends_with("running_mean") || name.ends_with("bias") => (-0.1, 0.1),
        [_] => (0.5, 1.5),
        [_, _, _] => (-0.5, 0.5),
        _ => {
            let fan_in: usize = shape[1..].iter().product();
            let bound = (6.0 / fan_in as f64).sqrt();
            (-bound, bound)
        }
    }
}

pub fn set_weights<T: Real>(model: &mut (impl Parameters<T> + ?Sized)) {
    model.each_mut(|path, slot| {
        let value = match slot {
            SlotMut::Param(param) => param.value_mut(),
            SlotMut::Buffer(buffer) => buffer.value_mut(),
            SlotMut::Counter(_) => return,
        };
        let shape = value.shape().to_vec();
        let (low, high) = bounds(path, &shape);
        *value = drawn(path, &shape, low, high);
    });
}
