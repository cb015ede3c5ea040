//! The rounding noise of a function, from a table of differences.

/// The noise of `φ` near 0, the deviation of its rounding errors; infinite if a value is not finite. `unit` is the
/// distance over which `φ` is expected to vary.
///
/// It is the larger one of the noise at two spacings. If all values are equal, the spacing is less than the
/// rounding unit of a number on the way, and a wider one is taken: `(x + 10⁸) − 10⁸` is a staircase.
pub(in crate::check) fn noise(phi: &mut dyn FnMut(f64) -> f64, unit: f64) -> f64 {
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

#[cfg(test)]
mod tests {
    use super::noise;

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
