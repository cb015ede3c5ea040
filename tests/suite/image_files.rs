//! Images that stay in their files: the same samples as in memory, read when they are asked for.

use std::fs;
use std::path::Path;

use image::RgbImage;
use wengert::data::{
    DataError, Dataset, FolderOptions, ImageFiles, Loader, LoaderOptions, Normalize, Problem,
    Split, UnusableFiles,
};

use crate::samples::{gzip, idx};

/// A file's bytes that are not all alike.
fn pattern(count: usize) -> Vec<u8> {
    (0..count).map(|i| (i * 7 + i / 13) as u8).collect()
}

/// 50 images of 3×5 to train on and 20 to test with.
fn write_mnist(directory: &Path) {
    for (name, count) in [("train", 50_u32), ("t10k", 20)] {
        let labels: Vec<u8> = (0..count).map(|i| (i % 10) as u8).collect();
        let images = idx(8, &[count, 3, 5], &pattern(15 * count as usize));
        fs::write(directory.join(format!("{name}-images-idx3-ubyte")), images).unwrap();
        let labels = idx(8, &[count], &labels);
        fs::write(directory.join(format!("{name}-labels-idx1-ubyte")), labels).unwrap();
    }
}

fn write_cifar(directory: &Path, names: &[&str], labels: usize) {
    for (file, name) in names.iter().enumerate() {
        let mut bytes = Vec::new();
        for record in 0..3 {
            bytes.extend(vec![(file + record) as u8; labels]);
            bytes.extend(pattern(3072).iter().map(|x| x ^ (3 * file + record) as u8));
        }
        fs::write(directory.join(name), bytes).unwrap();
    }
}

fn write_folder(directory: &Path) {
    for (class, shade) in [("cat", 10_u8), ("dog", 200)] {
        fs::create_dir_all(directory.join(class)).unwrap();
        for index in 0..10_u8 {
            let color = image::Rgb([shade, index * 20, 7]);
            let image = RgbImage::from_pixel(5, 4, color);
            image
                .save(directory.join(class).join(format!("{index}.png")))
                .unwrap();
        }
    }
}

/// Asserts that both have the same samples, and returns the bytes of the images of one.
fn assert_same(files: &Split<ImageFiles>, memory: &Split) {
    for (files, memory) in [(&files.train, &memory.train), (&files.test, &memory.test)] {
        assert_eq!(files.shape(), memory.shape());
        assert_eq!(files.labels(), memory.labels());
        assert_eq!(files.class_names(), memory.classes());
        let expected = Dataset::fingerprint(memory).unwrap();
        assert_eq!(files.fingerprint().unwrap(), expected);
        assert_eq!(files.scale(), memory.scale());
        for index in (0..files.len()).rev() {
            assert_eq!(files.image(index).unwrap(), memory.image(index), "{index}");
            assert_eq!(files.example(index), memory.example(index));
        }
        assert_eq!(&files.load().unwrap(), memory);
        assert_eq!(Normalize::of(files), Normalize::of(memory));
        assert_eq!(
            Normalize::of_shared(files, None).unwrap(),
            Normalize::of(memory)
        );
        let rows = [4, 0, 4];
        assert_eq!(files.select(rows).load().unwrap(), memory.select(rows));
    }
}

#[test]
fn every_kind_of_file_gives_the_samples_that_it_has_in_memory() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    write_mnist(path);
    assert_same(
        &Split::open_mnist(path).unwrap(),
        &Split::mnist(path).unwrap(),
    );
    assert_same(
        &Split::open_fashion_mnist(path).unwrap(),
        &Split::fashion_mnist(path).unwrap(),
    );
    for name in ["train-images-idx3-ubyte", "t10k-images-idx3-ubyte"] {
        let bytes = fs::read(path.join(name)).unwrap();
        fs::write(path.join(format!("{name}.gz")), gzip(&bytes)).unwrap();
        fs::remove_file(path.join(name)).unwrap();
    }
    assert_same(
        &Split::open_mnist(path).unwrap(),
        &Split::mnist(path).unwrap(),
    );
    let batches: Vec<String> = (1..=5).map(|n| format!("data_batch_{n}.bin")).collect();
    let mut names: Vec<&str> = batches.iter().map(String::as_str).collect();
    names.push("test_batch.bin");
    names.swap(0, 5);
    write_cifar(path, &names, 1);
    fs::copy(path.join(&batches[1]), path.join("test_batch.bin")).unwrap();
    write_cifar(path, &["train.bin", "test.bin"], 2);
    // Five images at least, for the selection.
    let twice = fs::read(path.join("train.bin")).unwrap().repeat(2);
    for name in ["train.bin", "test.bin"] {
        fs::write(path.join(name), &twice).unwrap();
    }
    let twice = fs::read(path.join("test_batch.bin")).unwrap().repeat(2);
    fs::write(path.join("test_batch.bin"), twice).unwrap();
    assert_same(
        &Split::open_cifar10(path).unwrap(),
        &Split::cifar10(path).unwrap(),
    );
    assert_same(
        &Split::open_cifar100(path).unwrap(),
        &Split::cifar100(path).unwrap(),
    );
}

#[test]
fn a_folder_is_split_alike_and_decoded_alike() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    write_folder(path);
    let options = FolderOptions {
        size: [3, 6],
        test_share: 0.5,
        ..FolderOptions::default()
    };
    let files = Split::open_folder(path, &options).unwrap();
    assert_same(&files, &Split::folder(path, &options).unwrap().0);
    for part in ["train", "val"] {
        write_folder(&path.join("both").join(part));
    }
    let both = path.join("both");
    let files = Split::open_folder(&both, &options).unwrap();
    assert_same(&files, &Split::folder(&both, &options).unwrap().0);
}

#[test]
fn opening_reads_no_image_and_a_batch_reads_its_own() {
    let directory = tempfile::tempdir().unwrap();
    write_mnist(directory.path());
    let split = Split::open_mnist(directory.path()).unwrap();
    assert_eq!(split.train.bytes_read(), 0);
    let _ = split.train.select(0..40).select([7]);
    assert_eq!(split.train.bytes_read(), 0);
    let options = LoaderOptions {
        batch: 8,
        ..LoaderOptions::default()
    };
    let loader = Loader::new(&split.train, options);
    let batch = loader.epoch::<f32>(0).next().unwrap();
    assert_eq!(batch.len(), 8);
    assert_eq!(split.train.bytes_read(), 8 * 15);
    assert_eq!(split.test.bytes_read(), 0);
}

#[test]
fn damaged_files_are_found_when_they_are_opened() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    write_mnist(path);
    let file = path.join("train-images-idx3-ubyte");
    let whole = fs::read(&file).unwrap();
    let mut long = whole.clone();
    long.push(0);
    let damaged: [&[u8]; 7] = [
        &[],
        &whole[..3],
        &whole[..15],
        &whole[..whole.len() - 1],
        &long,
        &gzip(&whole)[..60],
        &idx(8, &[50, 15], &whole[16..]),
    ];
    for bytes in damaged {
        fs::write(&file, bytes).unwrap();
        let expected = Split::mnist(path).unwrap_err().to_string();
        let found = Split::open_mnist(path).unwrap_err().to_string();
        assert_eq!(found, expected);
    }
    write_cifar(path, &["train.bin", "test.bin"], 2);
    let file = path.join("train.bin");
    let whole = fs::read(&file).unwrap();
    let mut label = whole.clone();
    label[1] = 100;
    for bytes in [&[][..], &whole[1..], &whole[..3073], &label] {
        fs::write(&file, bytes).unwrap();
        let expected = Split::cifar100(path).unwrap_err().to_string();
        let found = Split::open_cifar100(path).unwrap_err().to_string();
        assert_eq!(found, expected);
    }
}

#[test]
fn a_damaged_image_of_a_folder_is_found_at_the_latest_when_it_is_read() {
    let directory = tempfile::tempdir().unwrap();
    write_folder(directory.path());
    let options = FolderOptions::default();
    let image = directory.path().join("cat/3.png");
    let whole = fs::read(&image).unwrap();
    fs::write(&image, &whole[..whole.len() - 20]).unwrap();
    let files = ImageFiles::folder(directory.path(), &options).unwrap();
    let error = files.image(3).unwrap_err();
    assert!(matches!(error.problem, Problem::DamagedImage(_)), "{error}");
    assert_eq!(error.file, image);
    // A hash of what is left would be that of other data.
    let error = files.fingerprint().unwrap_err();
    assert_eq!(error.file, image);
    for bytes in [&whole[..12], b"text"] {
        fs::write(&image, bytes).unwrap();
        let error = ImageFiles::folder(directory.path(), &options).unwrap_err();
        assert_eq!(error.file, image);
    }
}

/// Opens a compressed file; [`a_compressed_file_without_room_to_unpack_says_what_to_do`] runs it without room.
#[test]
#[ignore = "a helper process of another test"]
fn opens_a_compressed_file() {
    if let Some(path) = std::env::var_os("WENGERT_OPEN_MNIST") {
        let error = Split::open_mnist(path).unwrap_err();
        println!("{error}");
    }
}

#[cfg(unix)]
#[test]
fn a_compressed_file_without_room_to_unpack_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    write_mnist(directory.path());
    let file = directory.path().join("train-images-idx3-ubyte");
    let packed = directory.path().join("train-images-idx3-ubyte.gz");
    fs::write(&packed, gzip(&fs::read(&file).unwrap())).unwrap();
    fs::remove_file(file).unwrap();
    // No directory for temporary files, and then none that may have a byte in it.
    for (place, limit) in [("/nowhere", "unlimited"), ("/tmp", "0")] {
        let output = std::process::Command::new("sh")
            .args([
                "-c",
                "trap '' XFSZ; ulimit -f $1; shift; \"$@\" | cat",
                "sh",
                limit,
            ])
            .arg(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "--ignored",
                "--nocapture",
                "image_files::opens_a_compressed_file",
            ])
            .env("WENGERT_OPEN_MNIST", directory.path())
            .env("TMPDIR", place)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let expected = format!(
            "{}: cannot be unpacked to a temporary file",
            packed.display()
        );
        assert!(
            text.contains(&expected) && text.contains("gunzip -k"),
            "{text}"
        );
    }
}

#[test]
fn a_compressed_file_that_is_too_short_or_too_long_is_found_while_it_is_unpacked() {
    let directory = tempfile::tempdir().unwrap();
    write_mnist(directory.path());
    let file = directory.path().join("train-images-idx3-ubyte");
    let whole = fs::read(&file).unwrap();
    fs::remove_file(file).unwrap();
    let packed = directory.path().join("train-images-idx3-ubyte.gz");
    for (bytes, reason) in [
        (whole[..whole.len() - 1].to_vec(), "cut short"),
        (whole[..16].to_vec(), "cut short"),
        ([&whole[..], &[0]].concat(), "has more bytes"),
    ] {
        fs::write(&packed, gzip(&bytes)).unwrap();
        let opened = Split::open_mnist(directory.path()).unwrap_err().to_string();
        assert!(opened.contains(reason), "{opened}");
        let read = Split::mnist(directory.path()).unwrap_err().to_string();
        assert_eq!(opened, read);
    }
}

#[test]
fn a_file_that_shrinks_is_an_error_of_the_image_that_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    write_mnist(directory.path());
    let train = Split::open_mnist(directory.path()).unwrap().train;
    let path = directory.path().join("train-images-idx3-ubyte");
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_len(16 + 15 * 10 + 4).unwrap();
    assert!(train.image(9).is_ok());
    let error: DataError = train.image(10).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{}: has 170 bytes now, but needed 766 when it was opened: it was changed during the run; restore it, \
             and resume the run",
            path.display()
        )
    );
    // A file that is replaced is not the one that is read.
    fs::remove_file(&path).unwrap();
    assert!(train.image(9).is_ok());
}

#[test]
#[should_panic(expected = "needed 766 when it was opened")]
fn a_loop_over_batches_panics_if_a_sample_cannot_be_read() {
    let directory = tempfile::tempdir().unwrap();
    write_mnist(directory.path());
    let train = Split::open_mnist(directory.path()).unwrap().train;
    fs::write(directory.path().join("train-images-idx3-ubyte"), "").unwrap();
    let loader = Loader::new(&train, LoaderOptions::default());
    let _ = loader.epoch::<f32>(0).next();
}

#[test]
#[should_panic(expected = "use `ImageSet::folder`")]
fn files_of_a_folder_cannot_be_left_out_without_decoding_them() {
    let options = FolderOptions {
        unusable: UnusableFiles::Skip,
        ..FolderOptions::default()
    };
    let _ = ImageFiles::folder("nowhere", &options);
}
