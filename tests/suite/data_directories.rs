//! Data sets from directories: the accepted file names, and the errors.

use std::fs;
use std::path::Path;

use crate::counting::peak_of;
use crate::samples::{OVERHEAD, gzip, idx};
use wengert::data::{ImageSet, Split};

/// Three images of 2×4 to train on and two to test with, labels 0 to 9.
fn write_mnist(directory: &Path) {
    let image_bytes =
        |count: u32| idx(8, &[count, 2, 4], &(0..8 * count as u8).collect::<Vec<_>>());
    for (name, bytes) in [
        ("train-images-idx3-ubyte", image_bytes(3)),
        ("train-labels-idx1-ubyte", idx(8, &[3], &[0, 9, 5])),
        ("t10k-images-idx3-ubyte", image_bytes(2)),
        ("t10k-labels-idx1-ubyte", idx(8, &[2], &[1, 1])),
    ] {
        fs::write(directory.join(name), bytes).unwrap();
    }
}

#[test]
fn a_directory_of_four_files_is_read_under_any_of_their_names() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    write_mnist(directory.path());
    let plain = Split::mnist(directory.path()).unwrap();
    assert_eq!(plain.train.shape(), [3, 1, 2, 4]);
    assert_eq!(plain.test.shape(), [2, 1, 2, 4]);
    assert_eq!(plain.train.labels(), [0, 9, 5]);
    assert_eq!(plain.train.image(1), [8, 9, 10, 11, 12, 13, 14, 15]);

    // Gzipped; gzipped without the suffix; plain with the suffix; with a dot in the name.
    let bytes = fs::read(path("train-images-idx3-ubyte")).unwrap();
    fs::remove_file(path("train-images-idx3-ubyte")).unwrap();
    fs::write(path("train-images-idx3-ubyte.gz"), gzip(&bytes)).unwrap();
    let labels = fs::read(path("train-labels-idx1-ubyte")).unwrap();
    fs::write(path("train-labels-idx1-ubyte"), gzip(&labels)).unwrap();
    fs::rename(
        path("t10k-images-idx3-ubyte"),
        path("t10k-images-idx3-ubyte.gz"),
    )
    .unwrap();
    fs::rename(
        path("t10k-labels-idx1-ubyte"),
        path("t10k-labels.idx1-ubyte"),
    )
    .unwrap();
    assert_eq!(Split::mnist(directory.path()).unwrap(), plain);

    let clothes = Split::fashion_mnist(directory.path()).unwrap();
    assert_eq!(clothes.train.classes()[9], "Ankle boot");
}

#[test]
fn a_missing_directory_or_file_says_how_to_get_the_data() {
    let directory = tempfile::tempdir().unwrap();
    let absent = directory.path().join("absent");
    let error = Split::fashion_mnist(&absent).unwrap_err().to_string();
    assert!(error.starts_with(&absent.display().to_string()), "{error}");
    assert!(
        error.contains("apt-get install dataset-fashion-mnist"),
        "{error}"
    );
    assert!(!error.contains('\n'), "one sentence: {error}");

    write_mnist(directory.path());
    fs::remove_file(directory.path().join("t10k-labels-idx1-ubyte")).unwrap();
    let error = Split::mnist(directory.path()).unwrap_err().to_string();
    assert!(
        error.contains("there is no t10k-labels-idx1-ubyte(.gz) in it"),
        "{error}"
    );

    for absent in [absent.as_path(), directory.path()] {
        let error = Split::cifar10(absent).unwrap_err().to_string();
        assert!(error.contains("cifar-10-binary.tar.gz"), "{error}");
    }
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    let cases: [(&str, Vec<u8>, &str, &str); 8] = [
        (
            "train-labels-idx1-ubyte",
            idx(8, &[2], &[0, 1]),
            "train-labels",
            "2 labels for 3 images",
        ),
        (
            "train-labels-idx1-ubyte",
            idx(8, &[3], &[0, 10, 1]),
            "train-labels",
            "gives image 1 the label 10",
        ),
        (
            "t10k-labels-idx1-ubyte",
            idx(8, &[2], &[255, 0]),
            "t10k-labels",
            "gives image 0 the label 255",
        ),
        (
            "train-images-idx3-ubyte",
            idx(8, &[3], &[0; 3]),
            "train-images",
            "are two files swapped?",
        ),
        (
            "train-images-idx3-ubyte",
            idx(9, &[3, 1, 1], &[0; 3]),
            "train-images",
            "has i8 elements of shape [3, 1, 1]",
        ),
        (
            "t10k-images-idx3-ubyte",
            idx(8, &[2, 3, 4], &[0; 24]),
            "",
            "the sizes differ",
        ),
        (
            "t10k-images-idx3-ubyte",
            idx(8, &[2, 0, 4], &[]),
            "t10k-images",
            "has no images",
        ),
        (
            "t10k-images-idx3-ubyte",
            idx(8, &[2, 2, 4], &[0; 15]),
            "t10k-images",
            "cut short",
        ),
    ];
    for (name, bytes, file, cause) in cases {
        let directory = tempfile::tempdir().unwrap();
        write_mnist(directory.path());
        fs::write(directory.path().join(name), bytes).unwrap();
        let error = Split::mnist(directory.path()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(cause), "`{text}` does not say `{cause}`");
        assert!(error.file.to_string_lossy().contains(file), "{text}");
    }
}

/// Batches of CIFAR-10 as the authors packed them: a label, then three planes.
fn cifar_record(label: u8) -> Vec<u8> {
    let planes = (0..3072).map(|pixel| (pixel / 1024 * 80 + pixel % 1024 % 80) as u8);
    [label].into_iter().chain(planes).collect()
}

#[test]
fn cifar_batches_are_read_in_order() {
    let directory = tempfile::tempdir().unwrap();
    for batch in 1..=5 {
        let bytes = [cifar_record(batch), cifar_record(9 - batch)].concat();
        fs::write(
            directory.path().join(format!("data_batch_{batch}.bin")),
            bytes,
        )
        .unwrap();
    }
    fs::write(directory.path().join("test_batch.bin"), cifar_record(6)).unwrap();
    let cifar = Split::cifar10(directory.path()).unwrap();
    assert_eq!(cifar.train.shape(), [10, 3, 32, 32]);
    assert_eq!(cifar.train.labels(), [1, 8, 2, 7, 3, 6, 4, 5, 5, 4]);
    assert_eq!(cifar.test.shape(), [1, 3, 32, 32]);
    assert_eq!(cifar.test.classes()[6], "frog");
    // Row 1, column 2 of each plane.
    let image = cifar.test.image(0);
    let pixel = 32 + 2;
    assert_eq!(
        [0, 1, 2].map(|channel| image[channel * 1024 + pixel]),
        [34, 114, 194]
    );
}

#[test]
fn cifar_100_is_read_with_its_fine_classes() {
    let directory = tempfile::tempdir().unwrap();
    // The coarse label 3 must not be taken for the class.
    let record = |fine: u8| [&[3], &cifar_record(fine)[..]].concat();
    let train = [record(99), record(0), record(57)].concat();
    fs::write(directory.path().join("train.bin"), train).unwrap();
    let error = Split::cifar100(directory.path()).unwrap_err().to_string();
    assert!(
        error.contains("there is no test.bin in it; CIFAR-100 is cifar-100-binary.tar.gz"),
        "{error}"
    );
    fs::write(directory.path().join("test.bin"), record(7)).unwrap();
    let cifar = Split::cifar100(directory.path()).unwrap();
    assert_eq!(cifar.train.labels(), [99, 0, 57]);
    let name = |label: usize| cifar.test.classes()[label].as_str();
    assert_eq!([name(99), name(0), name(57)], ["worm", "apple", "pear"]);
    assert_eq!(cifar.train.image(2), &cifar_record(57)[1..]);
    for (bytes, cause) in [
        (
            record(100),
            "gives image 0 the label 100, but there are 100 classes",
        ),
        (
            cifar_record(5),
            "this is a CIFAR-10 file, whose records have one label",
        ),
        (
            record(5)[1..].repeat(2)[1..].to_vec(),
            "a multiple of 3074 (two labels and 32×32×3 bytes",
        ),
    ] {
        fs::write(directory.path().join("test.bin"), bytes).unwrap();
        let error = Split::cifar100(directory.path()).unwrap_err().to_string();
        assert!(
            error.contains(cause) && error.contains("test.bin"),
            "{error}"
        );
    }
}

#[test]
fn what_is_no_cifar_10_batch_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("batch.bin");
    let record = cifar_record(3);
    let coarse_and_fine = [&[7][..], &record].concat();
    let cases = [
        (vec![], "has 0 bytes"),
        (record[..3072].to_vec(), "is a multiple of 3073"),
        ([&record[..], &[0]].concat(), "this is a CIFAR-100 file"),
        (coarse_and_fine.repeat(5), "this is a CIFAR-100 file"),
        ([&record[..], &[0, 0]].concat(), "is a multiple of 3073"),
        (cifar_record(10), "gives image 0 the label 10"),
        (
            [record.clone(), cifar_record(255)].concat(),
            "gives image 1 the label 255",
        ),
        (gzip(&record), "is a multiple of 3073"),
    ];
    for (bytes, cause) in cases {
        fs::write(&file, &bytes).unwrap();
        let (result, peak) = peak_of(|| ImageSet::cifar10_batches([&file]));
        let text = result.unwrap_err().to_string();
        assert!(text.contains(cause), "`{text}` does not say `{cause}`");
        assert!(text.contains("batch.bin"), "{text}");
        assert!(peak <= 2 * bytes.len() + OVERHEAD, "{peak}");
    }
    for label in 10..=255 {
        fs::write(&file, cifar_record(label)).unwrap();
        ImageSet::cifar10_batches([&file]).unwrap_err();
    }
    for end in (0..record.len()).step_by(13) {
        fs::write(&file, &record[..end]).unwrap();
        ImageSet::cifar10_batches([&file]).unwrap_err();
    }
    fs::write(&file, record.repeat(40)).unwrap();
    let (result, peak) = peak_of(|| ImageSet::cifar10_batches([&file]));
    assert_eq!(result.unwrap().len(), 40);
    assert!(peak <= 2 * 40 * record.len() + OVERHEAD, "{peak}");
    ImageSet::cifar10_batches([directory.path()]).unwrap_err();
}
