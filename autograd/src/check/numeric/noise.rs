//! The rounding noise of a function, from a table of differences.

/// The noise of `φ` near 0, the deviation of its rounding errors; infinite if a value is not finite. `unit` is the
/// distance over which `φ` is expected to vary.
///
/// It is the larger one of the noise at two spacings. If all values are equal, the spacing is less than the
/// rounding unit of a number on the way, and a wider one is taken: `(x + 10⁸) − 10⁸` is a staircase.
pub(in crate::check) fn noise(phi: &mut dyn FnMut(f64) -> f64, unit: f64) -> f64 {
    let mut sigma = 0.0_f64;
    let mut is_staircase = false;
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
            // If the spacing is a multiple of a stair's width, the values look exactly linear. A rectifier beside its
            // kink changes on one side only.
            let varies_on = |side: &[f64]| side.iter().any(|y| *y != values[POINTS / 2]);
            let on_both = varies_on(&values[..POINTS / 2]) && varies_on(&values[POINTS / 2 + 1..]);
            if is_staircase && on_both {
                sigma = sigma.max(ROUNDING * stair(phi, unit * 2.0_f64.powi(exponent)));
            }
            break;
        }
        is_staircase |= changes(values).any(|change| change == 0.0);
    }
    sigma
}

/// The deviation of rounding errors, which are uniform over the height of a stair, in units of that height.
const ROUNDING: f64 = 0.29;

/// The height of the stairs of `φ`: the largest change at the narrowest spacing at which the values change.
fn stair(phi: &mut dyn FnMut(f64) -> f64, spacing: f64) -> f64 {
    let mut height = 0.0;
    for halvings in 0..=16 {
        let values = equidistant(phi, spacing * 0.5_f64.powi(halvings));
        let largest = changes(values).fold(0.0, f64::max);
        if largest == 0.0 {
            break;
        }
        height = largest;
    }
    height
}

/// The distances of neighbouring values.
fn changes(values: [f64; POINTS]) -> impl Iterator<Item = f64> {
    (1..POINTS).map(move |k| (values[k] - values[k - 1]).abs())
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

    #[test]
    fn a_staircase_that_the_spacing_fits_is_not_exactly_linear() {
        // Stairs of a quarter of the second spacing.
        let stair = 2.0_f64.powi(-26);
        let sigma = noise(&mut |x| 0.7 * ((x / stair).round() * stair), 1.0);
        assert!((0.1 * stair..stair).contains(&sigma), "{sigma:e}");
    }
}
