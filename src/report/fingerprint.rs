//! [`Fingerprint`]: a hash to compare two runs bit by bit.

use std::fmt;

use wengert_tensor::Number;

/// A 64-bit hash of names, shapes and the bits of numbers: FNV-1a (G. Fowler, L. C. Noll, K.-P. Vo, 1991).
///
/// Numbers are hashed as `f64`, so `f32` weights and their exact copies in `f64` have the same hash; −0 and
/// 0 differ. The hash is not cryptographic.
///
/// ```
/// use wengert::report::Fingerprint;
///
/// let mut fingerprint = Fingerprint::new();
/// fingerprint.add("weight", &[2, 1], &[0.5_f32, -1.0]);
/// assert_eq!(fingerprint.to_string().len(), 16);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(u64);

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

impl Default for Fingerprint {
    fn default() -> Self {
        Self(OFFSET)
    }
}

impl Fingerprint {
    /// The hash without input.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a named tensor: its name, its shape and its elements, row-major.
    pub fn add<T: Number>(&mut self, name: &str, shape: &[usize], elements: &[T]) {
        self.bytes(name.as_bytes());
        self.bytes(&(shape.len() as u64).to_le_bytes());
        for &extent in shape {
            self.bytes(&(extent as u64).to_le_bytes());
        }
        for element in elements {
            self.bytes(&element.to_f64().to_bits().to_le_bytes());
        }
    }

    /// Adds bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(PRIME);
        }
    }

    /// The hash.
    #[must_use]
    pub fn value(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Fingerprint {
    /// Sixteen hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
