//! `.npy` files: written by `NumPy`, written here, unsupported and malformed ones.

use proptest::prelude::*;
use wengert::data::{Npy, NpyProblem};
use wengert::tensor::Tensor;

#[test]
fn files_written_by_numpy_are_read() {
    let read = |name: &str| Npy::load(format!("tests/suite/samples/{name}.npy")).expect(name);
    let expected = Tensor::from_vec(vec![0.0, 0.25, 0.5, 0.75, 1.0, 1.25], [2, 3]);
    assert_eq!(read("f32"), Npy::F32(expected));
    let expected = Tensor::from_vec(vec![-1.5, -0.5, 0.5, 1.5, 2.5, 3.5], [2, 3]);
    assert_eq!(read("f64_big_endian_fortran"), Npy::F64(expected));
    let expected = Tensor::from_vec(vec![-1, i64::from(i32::MAX)], [1, 2]);
    assert_eq!(read("i32_version_2"), Npy::I64(expected));
    assert_eq!(read("bool_scalar"), Npy::Bool(Tensor::scalar(true)));
    assert_eq!(read("u8_empty"), Npy::U8(Tensor::from_vec(vec![], [0, 3])));
}

#[test]
fn every_type_of_elements_is_saved_and_read_back_with_its_shape() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("array.npy");
    for array in [
        Npy::F32(Tensor::from_vec(vec![1.0, -0.5], [2, 1])),
        Npy::F64(Tensor::from_vec(vec![1e300, 0.1], [2, 1])),
        Npy::I64(Tensor::from_vec(vec![i64::MIN, i64::MAX], [2, 1])),
        Npy::U8(Tensor::from_vec(vec![0, 255], [2, 1])),
        Npy::Bool(Tensor::from_vec(vec![true, false], [2, 1])),
    ] {
        array.save(&path).expect("a directory that can be written");
        let read = Npy::load(&path).expect("what was written can be read");
        assert_eq!((read.shape(), &read), (&[2, 1][..], &array));
    }
    let nowhere = directory.path().join("absent/array.npy");
    let error = Npy::U8(Tensor::scalar(1)).save(&nowhere).unwrap_err();
    assert!(error.to_string().contains("absent/array.npy"), "{error}");
}

#[test]
fn a_matrix_is_written_as_numpy_writes_it() {
    let x = Tensor::from_vec(vec![0.0_f32, 0.25, 0.5, 0.75, 1.0, 1.25], [2, 3]);
    let ours = Npy::from(x.permute([1, 0])).to_bytes();
    assert_eq!(
        ours.len() % 64,
        24,
        "the elements start at a multiple of 64 bytes"
    );
    assert_eq!(
        Npy::parse(&ours).expect("our own"),
        Npy::F32(x.permute([1, 0]))
    );
    let theirs = std::fs::read("tests/suite/samples/f32.npy").expect("the sample");
    assert_eq!(Npy::from(x).to_bytes().len(), theirs.len());
}

fn with_header(version: u8, header: &str, data: &[u8]) -> Vec<u8> {
    let mut file = b"\x93NUMPY".to_vec();
    file.extend([version, 0]);
    if version == 1 {
        file.extend((header.len() as u16).to_le_bytes());
    } else {
        file.extend((header.len() as u32).to_le_bytes());
    }
    file.extend(header.bytes());
    file.extend(data);
    file
}

#[test]
fn a_file_that_is_not_an_array_is_an_error_with_the_reason() {
    let whole = std::fs::read("tests/suite/samples/f32.npy").expect("the sample");
    let plain =
        |shape: &str| format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}");
    let cases: [(Vec<u8>, &str); 17] = [
        (b"PK\x03\x04".to_vec(), "not a .npy file"),
        (Vec::new(), "not a .npy file"),
        (b"\x93NUMPY".to_vec(), "the file ends in it"),
        (
            b"\x93NUMPY\x01\x00\xff\xff{".to_vec(),
            "the file ends in it",
        ),
        (b"\x93NUMPY\x04\x00".to_vec(), "version 4.0"),
        (
            whole[..whole.len() - 1].to_vec(),
            "has 23 bytes of elements, but its shape needs 24",
        ),
        ([&whole[..], &[0]].concat(), "has 25 bytes"),
        (
            with_header(
                1,
                "{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}",
                &[0; 8],
            ),
            "unsupported type <c8",
        ),
        (
            with_header(
                1,
                "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}",
                &[0; 4],
            ),
            "record (several fields)",
        ),
        (
            with_header(1, "{'descr': '<f4', 'shape': (1,)}", &[0; 4]),
            "an entry is missing",
        ),
        (
            with_header(2, &plain("(1, -1)"), &[0; 4]),
            "not a tuple of integers",
        ),
        (
            with_header(2, &plain("(99999999999999999999,)"), &[]),
            "not a tuple of integers",
        ),
        (
            with_header(2, &plain("(4294967296, 4294967296, 4)"), &[]),
            "more than memory can address",
        ),
        (
            with_header(2, &plain("(0, 9223372036854775808)"), &[]),
            "more than memory can address",
        ),
        (
            with_header(2, &plain("(9223372036854775808, 0)"), &[]),
            "more than memory can address",
        ),
        (
            with_header(3, &plain("(1,1,1,1,1,1,1,1,1)"), &[0; 4]),
            "9 axes",
        ),
        (
            with_header(
                1,
                "{'descr': '|b1', 'fortran_order': False, 'shape': ()}",
                &[2],
            ),
            "has the byte 2 as a bool",
        ),
    ];
    for (bytes, reason) in cases {
        let problem = Npy::parse(&bytes).expect_err(reason).to_string();
        assert!(
            problem.contains(reason),
            "{problem:?}, {reason:?} is expected"
        );
    }
    let error = Npy::load("no/such.npy").expect_err("there is none");
    assert!(
        error.to_string().starts_with("no/such.npy: cannot be read"),
        "{error}"
    );
    assert!(matches!(error.problem, NpyProblem::Io(_)));
}

#[test]
fn a_header_that_is_no_dictionary_of_an_array_is_damaged() {
    for (header, reason) in [
        ("", "not a dictionary"),
        ("['descr']", "not a dictionary"),
        ("{'descr' '<f4'}", "not a dictionary"),
        ("{'descr': '<f4' 'shape': ()}", "not a dictionary"),
        ("{descr: '<f4'}", "a quote is missing"),
        ("{'descr: <f4}", "a quote is missing"),
        ("{'descr': 4}", "a quote is missing"),
        ("{'descr': '<f4}", "a quote is missing"),
        ("{'order': 'C'}", "unknown entry"),
        ("{'fortran_order': 0}", "neither True nor False"),
        ("{'shape': 1}", "not a dictionary"),
        ("{'shape': (1", "not a tuple of integers"),
        ("{'shape': (1 1)}", "not a dictionary"),
        ("{'shape': (x,)}", "not a tuple of integers"),
        ("{}", "an entry is missing"),
        ("{'shape': ()}", "an entry is missing"),
        (
            "{'fortran_order': True, 'shape': ()}",
            "an entry is missing",
        ),
        (
            "{'descr': '<f4', 'fortran_order': True, 'shape': ()} x",
            "text follows",
        ),
        (
            "{'descr': '<f4', 'fortran_order': True, 'shape': ()}}",
            "text follows",
        ),
    ] {
        for version in 1..=3 {
            let problem = Npy::parse(&with_header(version, header, &[0; 4])).expect_err(header);
            assert!(
                matches!(problem, NpyProblem::Header(_)),
                "{header}: {problem}"
            );
            let text = problem.to_string();
            assert!(
                text.contains(reason),
                "{header}: {text:?}, {reason:?} is expected"
            );
        }
    }
    let mut latin = with_header(1, "{'descr': 'x'}", &[]);
    latin[12] = 0xe9;
    let problem = Npy::parse(&latin).expect_err("Latin-1").to_string();
    assert!(problem.contains("not UTF-8"), "{problem}");
    // Cut inside of what stands before the header, for each version.
    for start in [
        &b"\x93NUMPY\x01"[..],
        b"\x93NUMPY\x01\x00\x10",
        b"\x93NUMPY\x02\x00\x10\0\0",
        b"\x93NUMPY\x03",
    ] {
        let problem = Npy::parse(start).expect_err("cut").to_string();
        assert!(problem.contains("the file ends in it"), "{problem}");
    }
}

#[test]
fn headers_of_other_writers_are_read() {
    // Python 2 wrote long integers with an L; any order, any quotes, with a comma at the end or without.
    for header in [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 1L)}",
        "{\"shape\": (2, 1), \"fortran_order\": False, \"descr\": \"f4\", }",
        "  { 'shape' :(2 ,1,) ,'fortran_order': True,'descr': '=f4' }  \n",
    ] {
        let read = Npy::parse(&with_header(1, header, &[0; 8])).expect(header);
        assert_eq!(read, Npy::F32(Tensor::zeros([2, 1])), "{header}");
    }
}

fn array(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}}}");
    with_header(1, &header, data)
}

#[test]
fn half_precision_and_all_integers_are_converted_exactly() {
    // 1, −2, the largest number, the smallest above 0, −0, ∞
    let halves = [0x3c00_u16, 0xc000, 0x7bff, 0x0001, 0x8000, 0x7c00];
    let expected = [1.0, -2.0, 65504.0, 2_f32.powi(-24), -0.0, f32::INFINITY];
    for (descr, bytes) in [
        ("<f2", halves.map(u16::to_le_bytes)),
        (">f2", halves.map(u16::to_be_bytes)),
    ] {
        let read = Npy::parse(&array(descr, "(6,)", &bytes.concat())).expect(descr);
        let Npy::F32(read) = read else {
            panic!("{descr}: {read:?}")
        };
        let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&read.to_vec()), bits(&expected), "{descr}");
    }
    let nan = Npy::parse(&array("<f2", "()", &[0x01, 0x7e])).expect("NaN");
    assert!(matches!(nan, Npy::F32(x) if x.item().is_nan()));
    for (descr, bytes, expected) in [
        ("|i1", &[0xff][..], -1),
        ("<i2", &[0xfe, 0xff], -2),
        (">u2", &[0x01, 0x00], 256),
        ("<u4", &[0xff; 4], i64::from(u32::MAX)),
        (">i4", &[0x80, 0, 0, 0], i64::from(i32::MIN)),
        (
            "<u8",
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
            i64::MAX,
        ),
    ] {
        let read = Npy::parse(&array(descr, "()", bytes)).expect(descr);
        assert_eq!(read, Npy::I64(Tensor::scalar(expected)), "{descr}");
    }
    let problem = Npy::parse(&array("<u8", "()", &[0xff; 8])).expect_err("2⁶⁴ − 1");
    assert!(matches!(problem, NpyProblem::Integer(u64::MAX)));
}

#[test]
fn a_valid_type_that_no_tensor_holds_is_called_unsupported_not_damaged() {
    for (descr, bytes) in [
        ("<U2", 8),
        ("|S3", 3),
        ("<c16", 16),
        ("<f16", 16),
        ("|O", 8),
        ("<M8[ns]", 8),
    ] {
        let problem = Npy::parse(&array(descr, "()", &vec![0; bytes])).expect_err(descr);
        let text = problem.to_string();
        assert!(
            text.contains(&format!("unsupported type {descr};")),
            "{text}"
        );
    }
}

#[test]
fn absurd_shapes_are_errors_with_zero_extents_too() {
    for shape in [
        "(0, 9223372036854775808)",
        "(9223372036854775808, 0)",
        "(0, 4294967296, 4294967296)",
        "(18446744073709551615, 0, 2)",
    ] {
        let problem = Npy::parse(&array("<f8", shape, &[])).expect_err(shape);
        assert!(matches!(problem, NpyProblem::Size(_)), "{shape}: {problem}");
    }
    let empty = Npy::parse(&array("<f8", "(0, 1000000)", &[])).expect("no elements");
    assert_eq!(empty.shape(), [0, 1_000_000]);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Npy::parse(&bytes);
        let _ = Npy::parse(&[b"\x93NUMPY\x01\x00".as_slice(), &bytes].concat());
    }

    #[test]
    fn a_header_with_one_byte_changed_never_panics(place in 6..128_usize, byte in any::<u8>()) {
        let mut whole = std::fs::read("tests/suite/samples/f32.npy").expect("the sample");
        whole[place] = byte;
        let _ = Npy::parse(&whole);
    }
}
