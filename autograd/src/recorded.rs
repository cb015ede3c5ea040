//! What a tape that keeps every value has recorded, for audits.

use std::panic::Location;
use std::sync::Arc;

use wengert_tensor::{Real, Tensor};

use crate::attribute::Attributes;
use crate::tape::Tape;

/// A call on a tape that [keeps every value](Tape::keeping_all).
#[derive(Clone, Debug)]
pub struct RecordedCall<T: Real> {
    /// The entry of the tape.
    pub entry: usize,
    /// The name of the op.
    pub op: &'static str,
    /// The options of the op.
    pub attributes: Attributes,
    /// Where it was called.
    pub location: &'static Location<'static>,
    /// The path of the layer that called it, if it is known.
    pub layer: Option<Arc<str>>,
    /// The operands, with the entry of the tape that made each and the number of the result there; `None` for an
    /// operand that is not tracked.
    pub operands: Vec<(Tensor<T>, Option<(usize, usize)>)>,
    /// The results.
    pub results: Vec<Tensor<T>>,
}

impl<T: Real> Tape<T> {
    /// The calls of a tape that [keeps every value](Tape::keeping_all), in order, leaves left out.
    ///
    /// On another tape, values that no rule reads are NaN.
    ///
    /// ```
    /// use wengert_autograd::Tape;
    /// use wengert_tensor::Tensor;
    ///
    /// let tape = Tape::keeping_all();
    /// let x = tape.leaf(Tensor::from_vec(vec![1.0_f64, -2.0], [2]));
    /// let y = x.exp();
    /// let calls = tape.calls();
    /// assert_eq!(calls[0].op, "exp");
    /// assert_eq!(calls[0].operands[0].0.to_vec(), [1.0, -2.0]);
    /// assert_eq!(calls[0].results[0].to_vec(), y.value().to_vec());
    /// ```
    #[must_use]
    pub fn calls(&self) -> Vec<RecordedCall<T>> {
        let of_one = |(index, entry): (usize, &Option<crate::tape::Entry<T>>)| {
            let entry = entry.as_ref()?;
            let operands = entry.inputs.iter();
            let rule = entry.rule.as_ref()?;
            Some(RecordedCall {
                entry: index,
                op: rule.name(),
                attributes: rule.attributes(),
                location: entry.location,
                layer: self.layer(index),
                operands: operands.map(|x| (x.value.tensor(), x.source())).collect(),
                results: entry
                    .outputs
                    .iter()
                    .map(super::tape::Kept::tensor)
                    .collect(),
            })
        };
        self.with_entries(|entries| entries.iter().enumerate().filter_map(of_one).collect())
    }
}
