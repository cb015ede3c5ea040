//! Damaged and hostile safetensors files, and agreement with the format's own crate.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use safetensors::tensor::{Dtype, TensorView};
use wengert_nn::{FormatError, Linear, StateDict, StateError, TensorProblem, Values, rng};
use wengert_tensor::Tensor;

#[path = "../../../tests/suite/counting.rs"]
mod counting;

/// A file of any header and data.
pub fn file(header: impl AsRef<[u8]>, data: &[u8]) -> Vec<u8> {
    let header = header.as_ref();
    [&(header.len() as u64).to_le_bytes(), header, data].concat()
}

/// Why a file is refused; it may use little memory and time for that.
fn refusal(bytes: &[u8]) -> Option<FormatError> {
    let start = Instant::now();
    let (result, peak) = counting::peak_of(|| StateDict::from_bytes(bytes));
    assert!(
        peak <= 2 * bytes.len() + (1 << 16),
        "{peak} bytes for a file of {}",
        bytes.len()
    );
    // Far more than it takes, so that a busy machine does not fail the test.
    assert!(start.elapsed() < Duration::from_secs(2));
    match result {
        Ok(_) => None,
        Err(StateError::Format { path: None, error }) => Some(error),
        Err(other) => panic!("another error: {other:?}"),
    }
}

fn small() -> Vec<u8> {
    let mut state = StateDict::of(&Linear::<f32>::new(2, 1, &mut rng(0)));
    state.metadata.insert("format".to_owned(), "pt".to_owned());
    state.insert("steps", Values::I64(Tensor::scalar(3)));
    state.to_bytes()
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let whole = small();
    assert_eq!(refusal(&whole), None);
    for length in 0..whole.len() {
        assert!(
            refusal(&whole[..length]).is_some(),
            "cut at {length} of {}",
            whole.len()
        );
    }
    assert!(
        refusal(&[&whole[..], &[0]].concat()).is_some(),
        "one byte more"
    );
    assert!(
        refusal(&[&whole[..], b"PK\x03\x04"].concat()).is_some(),
        "an archive appended"
    );
}

#[test]
fn a_file_with_any_byte_changed_is_refused_or_read() {
    let whole = small();
    for at in 0..whole.len() {
        for value in [
            0x00,
            0x01,
            0x7f,
            0x80,
            0xff,
            whole[at] ^ 1,
            b'"',
            b'9',
            b'{',
        ] {
            let mut damaged = whole.clone();
            damaged[at] = value;
            refusal(&damaged);
        }
    }
}

#[test]
fn absurd_header_lengths_are_refused() {
    for claimed in [
        1_u64 << 63,
        u64::MAX,
        100_000_001,
        100_000_000,
        1000,
        3,
        1,
        0,
    ] {
        let bytes = [&claimed.to_le_bytes()[..], b"{}"].concat();
        assert!(refusal(&bytes).is_some(), "{claimed}");
    }
    let exact = [&2_u64.to_le_bytes()[..], b"{}"].concat();
    assert_eq!(refusal(&exact), None, "no tensors are a file too");
}

#[test]
fn headers_that_are_not_the_one_kind_of_json_are_refused() {
    let one = r#"{"dtype":"U8","shape":[1],"data_offsets":[0,1]}"#;
    let two = r#"{"dtype":"U8","shape":[1],"data_offsets":[1,2]}"#;
    let cases: &[(&str, String, usize)] = &[
        ("a byte order mark", format!("\u{feff}{{\"a\":{one}}}"), 1),
        ("space in front", format!(" {{\"a\":{one}}}"), 1),
        ("a list", "[]".to_owned(), 0),
        ("a number", "7".to_owned(), 0),
        ("nothing", String::new(), 0),
        ("unclosed", format!("{{\"a\":{one}"), 1),
        ("text behind", format!("{{\"a\":{one}}}x"), 1),
        ("two documents", format!("{{\"a\":{one}}}{{}}"), 1),
        ("a comma at the end", format!("{{\"a\":{one},}}"), 1),
        ("no comma", format!("{{\"a\":{one}\"b\":{two}}}"), 2),
        ("no quotes", format!("{{a:{one}}}"), 1),
        ("deep lists", "[".repeat(100_000), 0),
        (
            "deep lists inside",
            format!("{{\"a\":{}", "[".repeat(100_000)),
            0,
        ),
        ("deep objects", "{\"a\":".repeat(100_000), 0),
        (
            "a wide list",
            format!("{{\"a\":[{}0]}}", "0,".repeat(100_000)),
            0,
        ),
        ("a null", r#"{"a":null}"#.to_owned(), 0),
        (
            "a string in the place of a tensor",
            r#"{"a":"b"}"#.to_owned(),
            0,
        ),
        ("a control character", format!("{{\"a\nb\":{one}}}"), 1),
        (
            "an escaped control character",
            format!("{{\"a\\u0000b\":{one}}}"),
            1,
        ),
        ("half a pair", format!("{{\"\\ud800\":{one}}}"), 1),
        ("the wrong half", format!("{{\"\\ud800\\u0041\":{one}}}"), 1),
        ("the second half first", format!("{{\"\\udc00\":{one}}}"), 1),
        ("an unknown escape", format!("{{\"\\x41\":{one}}}"), 1),
        ("an escape cut short", "{\"\\u00".to_owned(), 0),
        ("an escape of two bytes", "{\"\\é\":0}".to_owned(), 0),
        ("digits of two bytes", "{\"\\u00é0\":0}".to_owned(), 0),
        ("a backslash at the end", "{\"\\".to_owned(), 0),
        (
            "a name of a million letters",
            format!("{{\"{}\":{one}}}", "n".repeat(1 << 20)),
            1,
        ),
        (
            "metadata as a tensor",
            format!("{{\"__metadata__\":{one}}}"),
            1,
        ),
        (
            "metadata of numbers",
            r#"{"__metadata__":{"a":1}}"#.to_owned(),
            0,
        ),
        (
            "metadata twice",
            r#"{"__metadata__":{},"__metadata__":{}}"#.to_owned(),
            0,
        ),
        (
            "metadata of equal keys",
            r#"{"__metadata__":{"a":"","a":""}}"#.to_owned(),
            0,
        ),
    ];
    for (what, header, data) in cases {
        assert!(refusal(&file(header, &vec![0; *data])).is_some(), "{what}");
    }
    let at = file(b"{\"\xff\":0}", &[]);
    assert_eq!(refusal(&at), Some(FormatError::Utf8 { at: 2 }));
}

/// A header of one tensor `a`.
fn tensor(dtype: &str, shape: &str, offsets: &str) -> String {
    format!(r#"{{"a":{{"dtype":{dtype},"shape":{shape},"data_offsets":{offsets}}}}}"#)
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn tensors_that_cannot_be_are_refused() {
    let max = usize::MAX;
    let cases: &[(&str, String, usize)] = &[
        ("a negative extent", tensor("\"U8\"", "[-1]", "[0,1]"), 1),
        ("a fraction", tensor("\"U8\"", "[1.0]", "[0,1]"), 1),
        ("an exponent", tensor("\"U8\"", "[1e30]", "[0,1]"), 1),
        ("a text", tensor("\"U8\"", "[\"1\"]", "[0,1]"), 1),
        ("a leading zero", tensor("\"U8\"", "[01]", "[0,1]"), 1),
        (
            "2^64",
            tensor("\"U8\"", "[18446744073709551616]", "[0,1]"),
            1,
        ),
        ("no list", tensor("\"U8\"", "1", "[0,1]"), 1),
        (
            "nine axes",
            tensor("\"U8\"", "[1,1,1,1,1,1,1,1,1]", "[0,1]"),
            1,
        ),
        (
            "thousands of axes",
            tensor("\"U8\"", &format!("[{}1]", "1,".repeat(9999)), "[0,1]"),
            1,
        ),
        (
            "an overflow",
            tensor("\"U8\"", "[2147483648,2147483648,4]", "[0,0]"),
            0,
        ),
        (
            "an overflow beside a zero",
            tensor("\"U8\"", &format!("[0,{max},2]"), "[0,0]"),
            0,
        ),
        (
            "an overflow in bytes",
            tensor("\"F64\"", "[2305843009213693952]", "[0,0]"),
            0,
        ),
        (
            "a size that is not the shape's",
            tensor("\"F32\"", "[2]", "[0,7]"),
            7,
        ),
        (
            "a size that is not the type's",
            tensor("\"F64\"", "[2]", "[0,8]"),
            8,
        ),
        ("reversed offsets", tensor("\"U8\"", "[1]", "[1,0]"), 1),
        ("one offset", tensor("\"U8\"", "[0]", "[0]"), 0),
        ("three offsets", tensor("\"U8\"", "[0]", "[0,0,0]"), 0),
        ("a gap in front", tensor("\"U8\"", "[1]", "[1,2]"), 2),
        ("data behind", tensor("\"U8\"", "[1]", "[0,1]"), 2),
        ("beyond the end", tensor("\"U8\"", "[4]", "[0,4]"), 3),
        (
            "far beyond the end",
            tensor("\"U8\"", "[1]", &format!("[{},{max}]", max - 1)),
            3,
        ),
        (
            "nothing, beyond the end",
            tensor("\"U8\"", "[0]", "[9,9]"),
            1,
        ),
        ("an unknown type", tensor("\"F128\"", "[1]", "[0,16]"), 16),
        (
            "a size that is not that of a type which no tensor has",
            tensor("\"I32\"", "[2]", "[0,7]"),
            7,
        ),
        (
            "a size that is not that of half bytes",
            tensor("\"F4\"", "[4]", "[0,4]"),
            4,
        ),
        ("half a byte", tensor("\"F4\"", "[3]", "[0,2]"), 2),
        (
            "three quarters of a byte",
            tensor("\"F6_E2M3\"", "[1]", "[0,1]"),
            1,
        ),
        (
            "an overflow in half bytes",
            tensor("\"F4\"", &format!("[{max}]"), "[0,0]"),
            0,
        ),
        (
            "a type in small letters",
            tensor("\"u8\"", "[1]", "[0,1]"),
            1,
        ),
        ("a number as type", tensor("8", "[1]", "[0,1]"), 1),
        (
            "no type",
            r#"{"a":{"shape":[1],"data_offsets":[0,1]}}"#.to_owned(),
            1,
        ),
        (
            "no shape",
            r#"{"a":{"dtype":"U8","data_offsets":[0,1]}}"#.to_owned(),
            1,
        ),
        (
            "no offsets",
            r#"{"a":{"dtype":"U8","shape":[1]}}"#.to_owned(),
            1,
        ),
        ("no field", r#"{"a":{}}"#.to_owned(), 0),
        (
            "a field too many",
            r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"more":0}}"#.to_owned(),
            1,
        ),
        (
            "a field twice",
            r#"{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#.to_owned(),
            1,
        ),
    ];
    for (what, header, data) in cases {
        assert!(refusal(&file(header, &vec![0; *data])).is_some(), "{what}");
    }
}

#[test]
fn tensors_that_share_bytes_or_names_are_refused() {
    let pair = |a: &str, b: &str, first: &str, second: &str| {
        let of = |offsets| format!(r#"{{"dtype":"U8","shape":[2],"data_offsets":{offsets}}}"#);
        format!(r#"{{"{a}":{},"{b}":{}}}"#, of(first), of(second))
    };
    let read = |header: String| refusal(&file(header, &[0; 4]));
    assert_eq!(read(pair("a", "b", "[0,2]", "[2,4]")), None);
    assert_eq!(read(pair("a", "b", "[2,4]", "[0,2]")), None, "any order");
    for (first, second) in [("[0,2]", "[1,3]"), ("[0,2]", "[0,2]"), ("[0,2]", "[3,5]")] {
        let error = read(pair("a", "b", first, second)).unwrap();
        let place = matches!(
            &error,
            FormatError::Tensor {
                problem: TensorProblem::Place { .. },
                ..
            }
        );
        assert!(place, "{error:?}");
    }
    // What a general JSON reader would take as one tensor.
    for (a, b) in [("a", "a"), ("a", "\\u0061")] {
        let error = read(pair(a, b, "[0,2]", "[2,4]")).unwrap();
        assert_eq!(error.to_string(), "tensor \"a\": the name occurs twice");
    }
}

#[test]
fn a_million_tensors_are_too_many() {
    let one = |i| format!(r#""{i}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#);
    let header = (0..1_000_000).map(one).collect::<Vec<_>>().join(",");
    let error = StateDict::from_bytes(&file(format!("{{{header}}}"), &[])).unwrap_err();
    assert_eq!(error.to_string(), "more than 100000 tensors");
}

#[test]
fn a_type_that_the_format_has_not_is_refused_by_name() {
    let error = refusal(&file(tensor("\"F128\"", "[1]", "[0,16]"), &[0; 16])).unwrap();
    let text = error.to_string();
    let start = "tensor \"a\": is of type \"F128\"; the format has F64, I64, U64, ";
    assert!(text.starts_with(start), "{text}");
}

#[test]
fn half_precision_becomes_single() {
    let f16 = file(
        tensor("\"F16\"", "[3]", "[0,6]"),
        &[0x00, 0x3c, 0x00, 0xc1, 0x01, 0x00],
    );
    let bf16 = file(
        tensor("\"BF16\"", "[2]", "[0,4]"),
        &[0x80, 0x3f, 0x20, 0xc0],
    );
    let values = |bytes: &[u8]| match StateDict::from_bytes(bytes).unwrap().get("a") {
        Some(Values::F32(x)) => x.to_vec(),
        other => panic!("{other:?}"),
    };
    assert_eq!(values(&f16), [1.0, -2.5, 2.0_f32.powi(-24)]);
    assert_eq!(values(&bf16), [1.0, -2.5]);
}

#[test]
fn numbers_need_no_alignment() {
    for pad in 0..8 {
        let header = tensor("\"F64\"", "[1]", "[0,8]") + &" ".repeat(pad);
        let state = StateDict::from_bytes(&file(header, &1.5_f64.to_le_bytes())).unwrap();
        assert_eq!(
            state.get("a"),
            Some(&Values::F64(Tensor::from_slice(&[1.5], [1])))
        );
    }
}

#[test]
fn space_and_escapes_are_read_as_json_has_them() {
    let header = concat!(
        "{ \"a\\u00e9\\ud83d\\ude00\\/\\\\\" :\n{\t\"shape\" : [ 2 , 0 ] ,",
        "\"data_offsets\":[0 ,0],\r\"dtype\":\"F32\" } }  \n"
    );
    let state = StateDict::from_bytes(&file(header, &[])).unwrap();
    assert_eq!(state.get("aé😀/\\").unwrap().shape(), [2, 0]);
    let header = r#"{"__metadata__":{"\b\f\n\r\t\"":"\u0007\u007F", "plain" : "text"}}"#;
    let state = StateDict::from_bytes(&file(header, &[])).unwrap();
    assert_eq!(state.metadata["\u{8}\u{c}\n\r\t\""], "\u{7}\u{7f}");
    assert_eq!(state.metadata["plain"], "text");
    let written = StateDict::from_bytes(&state.to_bytes()).unwrap();
    assert_eq!(written.metadata, state.metadata);
}

#[test]
fn fields_of_a_tensor_are_there_once_and_numbers_are_whole() {
    for entry in [
        r#"{"shape":[1],"data_offsets":[0,1]}"#,
        r#"{"dtype":"U8","data_offsets":[0,1]}"#,
        r#"{"dtype":"U8","shape":[1]}"#,
        r#"{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}"#,
        r#"{"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]}"#,
        r#"{"dtype":"U8","shape":[1],"data_offsets":[0,1],"data_offsets":[0,1]}"#,
        r#"{"dtype":"U8","shape":[1],"data_offsets":[0,1],"strides":[1]}"#,
        r#"{"dtype":8,"shape":[1],"data_offsets":[0,1]}"#,
        r#"{"dtype":"U8","shape":1,"data_offsets":[0,1]}"#,
        r#"{"dtype":"U8","shape":[1 1],"data_offsets":[0,1]}"#,
        r#"{"dtype":"U8","shape":[1],"data_offsets":[1]}"#,
        r#"{"dtype":"U8","shape":[1],"data_offsets":[0,1,1]}"#,
        r#"{"dtype":"U8","shape":[1],"data_offsets":[]}"#,
        r#"{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}"#,
        r#"{"dtype":"U8","shape":[1e0],"data_offsets":[0,1]}"#,
        r#"{"dtype":"U8","shape":[1E0],"data_offsets":[0,1]}"#,
        r#"{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}"#,
        r#"{"dtype":"U8","shape":[01],"data_offsets":[0,1]}"#,
        r#"{"dtype":"U8","shape":[99999999999999999999],"data_offsets":[0,1]}"#,
        r#"{"dtype":"U8","shape":[1],"data_offsets":[1,0]}"#,
        r#"{"dtype":"U8","shape":[1]"#,
    ] {
        let header = format!("{{\"a\":{entry}}}");
        assert!(refusal(&file(header, &[0])).is_some(), "{entry}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_formats_own_crate_agrees(
        tensors in prop::collection::btree_map(
            "[ -~é😀]{0,12}",
            (prop::collection::vec(0_usize..4, 0..4), any::<bool>(), any::<u8>()),
            0..6,
        ),
        metadata in prop::collection::btree_map("\\PC{0,4}", "\\PC{0,8}\\n?", 0..3),
    ) {
        let mut state = StateDict::new();
        state.metadata = metadata.clone();
        for (name, (shape, wide, value)) in &tensors {
            state.insert(name, if *wide {
                Values::F64(Tensor::full(shape, f64::from(*value)))
            } else {
                Values::U8(Tensor::full(shape, *value))
            });
        }
        // Ours, read by it.
        let bytes = state.to_bytes();
        let read = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        prop_assert_eq!(read.len(), tensors.len());
        for (name, (shape, wide, value)) in &tensors {
            let view = read.tensor(name).unwrap();
            prop_assert_eq!(view.shape(), &shape[..]);
            let one = if *wide { f64::from(*value).to_le_bytes().to_vec() } else { vec![*value] };
            prop_assert_eq!(view.data(), one.repeat(shape.iter().product()));
        }
        // Its, read by us.
        let data: Vec<_> = tensors.iter().map(|(name, (shape, wide, value))| {
            let one = if *wide { f64::from(*value).to_le_bytes().to_vec() } else { vec![*value] };
            let dtype = if *wide { Dtype::F64 } else { Dtype::U8 };
            (name.clone(), dtype, shape.clone(), one.repeat(shape.iter().product()))
        }).collect();
        let views = data.iter().map(|(name, dtype, shape, bytes)| {
            (name, TensorView::new(*dtype, shape.clone(), bytes).unwrap())
        });
        // Text without a key is none: of an empty map and no tensors it makes broken JSON.
        let text = (!metadata.is_empty()).then(|| metadata.into_iter().collect());
        let theirs = safetensors::serialize(views, text).unwrap();
        let loaded = StateDict::from_bytes(&theirs).unwrap();
        prop_assert_eq!(&loaded.metadata, &state.metadata);
        for (name, values) in state.iter() {
            prop_assert_eq!(loaded.get(name), Some(values));
        }
    }

    #[test]
    fn noise_is_refused_calmly(
        length in 0_u64..64,
        header in "[\\[\\]{}:,\"0-9a-z_ ]{0,64}",
        data in prop::collection::vec(any::<u8>(), 0..16),
    ) {
        refusal(&file(&header, &data));
        refusal(&[&length.to_le_bytes()[..], header.as_bytes()].concat());
    }
}
