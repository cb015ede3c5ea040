//! `.npz` files: written by `NumPy`, written here, malformed ones.

use std::fs;

use wengert::data::{Npy, Npz, NpzProblem};
use wengert::tensor::Tensor;

#[test]
fn archives_written_by_numpy_are_read_compressed_or_not() {
    // numpy.savez(.., x=arange(6, dtype=float32).reshape(2, 3) / 4, labels=[3, -1])
    let x = Tensor::from_vec(vec![0.0, 0.25, 0.5, 0.75, 1.0, 1.25], [2, 3]);
    let labels = Tensor::from_vec(vec![3_i64, -1], [2]);
    for name in ["arrays", "arrays_compressed"] {
        let arrays = Npz::load(format!("tests/suite/samples/{name}.npz")).expect(name);
        let names: Vec<_> = arrays.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["x", "labels"]);
        assert_eq!(arrays.get("x"), Some(&Npy::F32(x.clone())));
        assert_eq!(arrays.get("labels"), Some(&Npy::I64(labels.clone())));
        assert_eq!(arrays.get("y"), None);
    }
}

#[test]
fn arrays_are_read_back_as_written_and_equal_arrays_give_equal_files() {
    let directory = tempfile::tempdir().unwrap();
    let mut arrays = Npz::new();
    arrays.insert("weights/1", Tensor::<f64>::ones([100, 100]));
    arrays.insert("empty", Tensor::<f32>::zeros([0, 3]));
    arrays.insert("flag", Tensor::scalar(true));
    arrays.insert("flag", Tensor::scalar(false));
    assert_eq!((arrays.len(), arrays.is_empty()), (3, false));
    let [first, second] = ["a.npz", "b.npz"].map(|name| directory.path().join(name));
    arrays.save(&first).unwrap();
    arrays.save(&second).unwrap();
    assert_eq!(Npz::load(&first).unwrap(), arrays);
    let bytes = fs::read(&first).unwrap();
    assert_eq!(bytes, fs::read(second).unwrap());
    assert!(bytes.len() < 10_000, "it is compressed");
}

#[test]
fn an_archive_that_cannot_be_written_or_read_is_an_error_with_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let nowhere = directory.path().join("absent/a.npz");
    let error = Npz::new().save(&nowhere).unwrap_err().to_string();
    assert!(error.contains("absent/a.npz"), "{error}");
    // A directory can be opened, but not read.
    let error = Npz::load(directory.path()).unwrap_err().to_string();
    assert!(!error.contains("damaged"), "{error}");
}

#[test]
fn an_archive_with_other_files_than_arrays_is_an_error_that_names_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("other.npz");
    let mut arrays = Npz::new();
    arrays.insert("notes", Tensor::scalar(1.0_f32));
    arrays.save(&path).unwrap();
    // The name stands in front of the member and in the list at the end.
    let mut bytes = fs::read(&path).unwrap();
    while let Some(at) = bytes.windows(9).position(|name| name == b"notes.npy") {
        bytes[at + 6..at + 9].copy_from_slice(b"txt");
    }
    fs::write(&path, bytes).unwrap();
    let error = Npz::load(&path).unwrap_err().to_string();
    assert!(error.contains("notes.txt"), "{error}");
}

#[test]
fn a_malformed_archive_is_an_error_with_the_file_and_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("damaged.npz");
    let whole = fs::read("tests/suite/samples/arrays.npz").expect("the sample");
    let problem = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        Npz::load(&path).map_err(|error| error.to_string())
    };
    for bytes in [&b""[..], b"\x93NUMPY\x01\x00", &whole[..whole.len() / 2]] {
        let text = problem(bytes).unwrap_err();
        assert!(
            text.contains("damaged.npz: is not a .npz file, or is damaged"),
            "{text}"
        );
    }
    // A changed element: the checksum of the member does not fit.
    let place = whole
        .windows(4)
        .position(|bytes| bytes == 0.75_f32.to_le_bytes())
        .expect("x");
    let mut changed = whole.clone();
    changed[place] ^= 1;
    let text = problem(&changed).unwrap_err();
    assert!(
        text.contains("array \"x\"") && text.contains("damaged"),
        "{text}"
    );
    for place in (0..whole.len()).step_by(7) {
        let mut changed = whole.clone();
        changed[place] ^= 0x55;
        let _ = problem(&changed);
    }
    let missing = Npz::load(directory.path().join("no.npz")).unwrap_err();
    assert!(matches!(missing.problem, NpzProblem::Io(_)), "{missing}");
    assert!(
        missing.to_string().contains("no.npz: cannot be read"),
        "{missing}"
    );
}

#[test]
fn a_member_that_ends_beyond_the_file_is_damage_not_a_failed_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("beyond.npz");
    let mut bytes = fs::read("tests/suite/samples/arrays.npz").expect("the sample");
    // The last entry of the list of members says where the member begins, 42 bytes from its own beginning: 4 bytes
    // before the end of the file, where no header of 30 bytes fits.
    let entry = bytes.windows(4).rposition(|four| four == b"PK\x01\x02");
    let place = entry.expect("a list of members") + 42;
    let near_the_end = u32::try_from(bytes.len() - 4).unwrap();
    bytes[place..place + 4].copy_from_slice(&near_the_end.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    let error = Npz::load(&path).unwrap_err();
    assert!(matches!(error.problem, NpzProblem::Archive(_)), "{error}");
    assert!(error.to_string().contains("damaged"), "{error}");
}
