//! The logarithm to base 10 in single precision, computed in double precision without branches or calls.

use crate::elementwise::elementary::f64::ln;

/// The logarithm to base 10, within 1 ulp.
#[inline(always)]
pub(crate) fn log10(x: f32) -> f32 {
    (ln(f64::from(x)) * std::f64::consts::LOG10_E) as f32
}

#[cfg(test)]
mod tests {
    use super::log10;

    #[test]
    fn logarithms_of_powers_of_ten_are_whole() {
        for n in -37..=38 {
            assert_eq!(log10(10_f64.powi(n) as f32), n as f32);
        }
        assert_eq!(log10(0.0), f32::NEG_INFINITY);
        assert!(log10(-1.0).is_nan());
    }
}
