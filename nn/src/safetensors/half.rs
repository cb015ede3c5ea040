//! Numbers of 16 bits, which files have and we do not compute with.

/// The value of an IEEE 754 binary16: 1 bit of sign, 5 of exponent, 10 of fraction.
pub(super) fn f32_of_f16(bytes: [u8; 2]) -> f32 {
    let bits = u32::from(u16::from_le_bytes(bytes));
    let (sign, exponent, fraction) = (bits >> 15, bits >> 10 & 0x1f, bits & 0x3ff);
    let magnitude = match exponent {
        // Below the normal numbers: a multiple of 2⁻²⁴, exact in f32.
        0 => fraction as f32 * 2.0_f32.powi(-24),
        0x1f => f32::from_bits(0x7f80_0000 | fraction << 13),
        _ => f32::from_bits(((exponent + 127 - 15) << 23) | (fraction << 13)),
    };
    f32::from_bits(magnitude.to_bits() | sign << 31)
}

/// The value of a bfloat16: the upper half of an `f32`.
pub(super) fn f32_of_bf16(bytes: [u8; 2]) -> f32 {
    f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_f16_is_its_sign_exponent_and_fraction() {
        for bits in 0..=u16::MAX {
            let value = f64::from(f32_of_f16(bits.to_le_bytes()));
            let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
            let magnitude = match exponent {
                0 => fraction / 1024.0 * 2.0_f64.powi(-14),
                0x1f if fraction == 0.0 => f64::INFINITY,
                0x1f => f64::NAN,
                _ => (1.0 + fraction / 1024.0) * 2.0_f64.powi(exponent - 15),
            };
            let expected = if bits >> 15 == 1 {
                -magnitude
            } else {
                magnitude
            };
            assert!(
                value.to_bits() == expected.to_bits() || value.is_nan() && expected.is_nan(),
                "{bits:04x}: {value} is not {expected}"
            );
        }
    }

    #[test]
    fn a_bf16_is_half_an_f32() {
        for value in [0.0, -0.0, 1.0, -2.5, f32::INFINITY, f32::MIN_POSITIVE] {
            let [_, _, upper @ ..] = value.to_le_bytes();
            assert_eq!(f32_of_bf16(upper).to_bits(), value.to_bits());
        }
        let [_, _, upper @ ..] = f32::NAN.to_le_bytes();
        assert!(f32_of_bf16(upper).is_nan());
    }
}
