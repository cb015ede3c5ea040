//! The types of number that the format has.

use crate::values::Values;

/// The names of the types with the bits of an element, in the order in which tensors are written: wide ones first, as
/// the format's own writer does, so that all are aligned.
const TYPES: [(&str, usize); 22] = [
    ("F64", 64),
    ("I64", 64),
    ("U64", 64),
    ("C64", 64),
    ("F32", 32),
    ("I32", 32),
    ("U32", 32),
    ("F16", 16),
    ("BF16", 16),
    ("I16", 16),
    ("U16", 16),
    ("U8", 8),
    ("I8", 8),
    ("BOOL", 8),
    ("F8_E4M3", 8),
    ("F8_E5M2", 8),
    ("F8_E8M0", 8),
    ("F8_E4M3FNUZ", 8),
    ("F8_E5M2FNUZ", 8),
    ("F6_E2M3", 6),
    ("F6_E3M2", 6),
    ("F4", 4),
];

/// A type of number, by its index in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DataType(usize);

impl DataType {
    pub(super) fn named(name: &str) -> Option<Self> {
        TYPES.iter().position(|(known, _)| *known == name).map(Self)
    }

    /// All names.
    pub(super) fn names() -> String {
        TYPES.map(|(name, _)| name).join(", ")
    }

    pub(crate) const fn name(self) -> &'static str {
        TYPES[self.0].0
    }

    /// The bits of an element.
    pub(super) const fn bits(self) -> usize {
        TYPES[self.0].1
    }

    /// Whether that many elements end with a byte; they lie without gaps.
    pub(super) const fn fills_bytes(self, elements: usize) -> bool {
        (elements % 8 * self.bits()).is_multiple_of(8)
    }

    /// The bytes of that many elements; `None` if there are too many.
    pub(super) fn bytes(self, elements: usize) -> Option<usize> {
        let rest = (elements % 8 * self.bits()).div_ceil(8);
        (elements / 8).checked_mul(self.bits())?.checked_add(rest)
    }

    pub(super) fn of(values: &Values) -> Self {
        Self::named(values.type_name()).expect("every variant is a type of the format")
    }
}
