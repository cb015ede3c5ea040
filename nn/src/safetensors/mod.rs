//! The safetensors format, in and out: eight bytes of length, a header in JSON, raw numbers.

mod data_type;
mod error;
mod half;
mod header;

pub(crate) use data_type::DataType;
pub use error::{FormatError, TensorProblem};

use std::fmt::Write;

use wengert_tensor::{Element, Tensor, require_memory};

use crate::state_dict::StateDict;
use crate::values::{RawValues, Values};
use header::{Header, TensorInfo};

/// The name under which the format keeps text.
pub(crate) const METADATA: &str = "__metadata__";

/// The limit that the format sets.
const LONGEST_HEADER: usize = 100_000_000;

/// Paths in models are far below it.
const LONGEST_NAME: usize = 1024;

/// Whether a tensor may have this name.
pub(crate) fn is_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME && name != METADATA && !name.contains(|c: char| c.is_control())
}

/// The tensors of a file.
pub(crate) fn decode(bytes: &[u8]) -> Result<StateDict, FormatError> {
    let Some((length, rest)) = bytes.split_first_chunk() else {
        return Err(FormatError::Short {
            length: bytes.len(),
        });
    };
    let claimed = u64::from_le_bytes(*length);
    let length = usize::try_from(claimed)
        .ok()
        .filter(|&length| length <= LONGEST_HEADER);
    let Some((header, data)) = length.and_then(|length| rest.split_at_checked(length)) else {
        let (available, most) = (rest.len(), LONGEST_HEADER);
        return Err(FormatError::HeaderLength {
            claimed,
            available,
            most,
        });
    };
    let text = std::str::from_utf8(header).map_err(|error| FormatError::Utf8 {
        at: error.valid_up_to(),
    })?;
    let Header { entries, metadata } = Header::parse(text, data.len())?;
    let mut state = StateDict::new();
    for entry in entries {
        let values = values(&entry, &data[entry.bytes.clone()]);
        state.insert(entry.name, values);
    }
    state.metadata = metadata;
    Ok(state)
}

/// The numbers of one tensor; its bytes need no alignment.
fn values(entry: &TensorInfo, bytes: &[u8]) -> Values {
    let shape = &entry.shape;
    match entry.data_type.name() {
        "F64" => Values::F64(numbers(bytes, shape, f64::from_le_bytes)),
        "I64" => Values::I64(numbers(bytes, shape, i64::from_le_bytes)),
        "F32" => Values::F32(numbers(bytes, shape, f32::from_le_bytes)),
        "F16" => Values::F32(numbers(bytes, shape, half::f32_of_f16)),
        "BF16" => Values::F32(numbers(bytes, shape, half::f32_of_bf16)),
        "U8" => Values::U8(Tensor::from_slice(bytes, shape)),
        _ => Values::Raw(RawValues {
            data_type: entry.data_type,
            shape: shape.clone(),
            bytes: bytes.to_vec(),
        }),
    }
}

fn numbers<T: Element, const N: usize>(
    bytes: &[u8],
    shape: &[usize],
    number: fn([u8; N]) -> T,
) -> Tensor<T> {
    let (chunks, _) = bytes.as_chunks();
    Tensor::from_vec(chunks.iter().map(|&chunk| number(chunk)).collect(), shape)
}

/// The bytes of a file with these tensors. The same tensors always give the same bytes.
#[track_caller]
pub(crate) fn encode(state: &StateDict) -> Vec<u8> {
    let mut order: Vec<_> = state.iter().collect();
    order.sort_by_key(|(_, values)| DataType::of(values));

    let mut header = String::from("{");
    if !state.metadata.is_empty() {
        let texts = state
            .metadata
            .iter()
            .map(|(key, value)| format!("{}:{}", quoted(key), quoted(value)));
        let texts = texts.collect::<Vec<_>>().join(",");
        let _ = write!(header, "\"{METADATA}\":{{{texts}}},");
    }
    let mut end = 0_usize;
    for (name, values) in &order {
        let (data_type, begin) = (DataType::of(values), end);
        // Views may count more elements than memory holds.
        end = end.saturating_add(data_type.bytes(values.len()).unwrap_or(usize::MAX));
        let shape = values
            .shape()
            .iter()
            .map(usize::to_string)
            .collect::<Vec<_>>()
            .join(",");
        let _ = write!(
            header,
            "{}:{{\"dtype\":\"{}\",\"shape\":[{shape}],\"data_offsets\":[{begin},{end}]}},",
            quoted(name),
            data_type.name()
        );
    }
    if header.len() > 1 {
        header.pop();
    }
    header.push('}');
    while header.len() % 8 != 0 {
        header.push(' ');
    }

    let length = end.saturating_add(8 + header.len());
    require_memory::<u8>("to_bytes", &[length], length);
    let mut bytes = Vec::with_capacity(length);
    bytes.extend((header.len() as u64).to_le_bytes());
    bytes.extend(header.as_bytes());
    for (_, values) in order {
        match values {
            Values::F32(x) => bytes.extend(x.iter().flat_map(f32::to_le_bytes)),
            Values::F64(x) => bytes.extend(x.iter().flat_map(f64::to_le_bytes)),
            Values::I64(x) => bytes.extend(x.iter().flat_map(i64::to_le_bytes)),
            Values::U8(x) => bytes.extend(x.iter()),
            Values::Raw(x) => bytes.extend(x.bytes()),
        }
    }
    bytes
}

/// A text as JSON.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c < ' ' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
