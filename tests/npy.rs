//! Arrays that `NumPy` wrote, what we write, and files that are no arrays.

use proptest::prelude::*;
use wengert::data::{Npy, NpyProblem};
use wengert::tensor::Tensor;

#[test]
fn numpys_own_files_are_read() {
    let read = |name: &str| Npy::load(format!("tests/samples/{name}.npy")).expect(name);
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
    let theirs = std::fs::read("tests/samples/f32.npy").expect("the sample");
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
fn what_is_no_array_is_refused_with_the_reason() {
    let whole = std::fs::read("tests/samples/f32.npy").expect("the sample");
    let plain =
        |shape: &str| format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}");
    let cases: [(Vec<u8>, &str); 17] = [
        (b"PK\x03\x04".to_vec(), "not a .npy file"),
        (Vec::new(), "not a .npy file"),
        (b"\x93NUMPY".to_vec(), "the file ends there"),
        (
            b"\x93NUMPY\x01\x00\xff\xff{".to_vec(),
            "the file ends there",
        ),
        (b"\x93NUMPY\x04\x00".to_vec(), "version 4.0"),
        (
            whole[..whole.len() - 1].to_vec(),
            "has 23 bytes of elements, and its shape needs 24",
        ),
        ([&whole[..], &[0]].concat(), "has 25 bytes"),
        (
            with_header(
                1,
                "{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}",
                &[0; 8],
            ),
            "\"<c8\"",
        ),
        (
            with_header(
                1,
                "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}",
                &[0; 4],
            ),
            "a record",
        ),
        (
            with_header(1, "{'descr': '<f4', 'shape': (1,)}", &[0; 4]),
            "an entry is missing",
        ),
        (
            with_header(2, &plain("(1, -1)"), &[0; 4]),
            "no tuple of extents",
        ),
        (
            with_header(2, &plain("(99999999999999999999,)"), &[]),
            "no tuple of extents",
        ),
        (
            with_header(2, &plain("(4294967296, 4294967296, 4)"), &[]),
            "more elements than memory",
        ),
        (
            with_header(2, &plain("(0, 9223372036854775808)"), &[]),
            "more elements than memory",
        ),
        (
            with_header(2, &plain("(9223372036854775808, 0)"), &[]),
            "more elements than memory",
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
            "has 2 for a bool",
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

proptest! {
    #[test]
    fn nothing_that_a_file_may_hold_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Npy::parse(&bytes);
        let _ = Npy::parse(&[b"\x93NUMPY\x01\x00".as_slice(), &bytes].concat());
    }

    #[test]
    fn a_header_with_one_byte_changed_never_panics(place in 6..128_usize, byte in any::<u8>()) {
        let mut whole = std::fs::read("tests/samples/f32.npy").expect("the sample");
        whole[place] = byte;
        let _ = Npy::parse(&whole);
    }
}
