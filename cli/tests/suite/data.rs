//! `wengert train` on data sets of the user: folders of images, CIFAR-100, damaged and unusable data.

use std::fs;
use std::path::Path;

use image::{Rgb, RgbImage};

use super::command::{fails, number, run, scratch, succeeds, text};

/// `count` images of one colour in the directory of a class.
fn class(directory: &Path, count: u8, color: [u8; 3]) {
    fs::create_dir_all(directory).expect("a directory");
    for index in 0..count {
        let shade = color.map(|c| c.saturating_sub(index));
        RgbImage::from_pixel(9, 12, Rgb(shade))
            .save(directory.join(format!("{index}.png")))
            .expect("a file");
    }
}

/// A folder of two classes that one look at the colour tells apart.
fn photos(directory: &Path) {
    class(&directory.join("photos/sky"), 20, [40, 90, 220]);
    class(&directory.join("photos/grass"), 20, [60, 200, 50]);
}

const FOLDER: [&str; 7] = ["train", "folder", "photos", "--size", "8", "--epochs", "4"];

#[test]
fn a_folder_of_images_is_learned_and_its_classes_are_predicted_by_name() {
    let directory = scratch();
    photos(directory.path());
    let text = succeeds(&[&FOLDER[..], &["--batch", "8"]].concat(), directory.path());
    assert_eq!(number(&text, "test accuracy"), 100.0, "{text}");
    let predicted = succeeds(
        &["predict", "photos/sky/3.png", "--run", "runs/folder"],
        directory.path(),
    );
    assert!(predicted.contains("3.png: sky "), "{predicted}");
}

#[test]
fn a_file_that_is_no_image_is_an_error_unless_it_may_be_left_out() {
    let directory = scratch();
    photos(directory.path());
    let sky = directory.path().join("photos/sky");
    let whole = fs::read(sky.join("0.png")).expect("the image");
    fs::write(sky.join("cut.png"), &whole[..whole.len() / 2]).expect("a file");
    let small = [&FOLDER[..], &["--batch", "8"]].concat();
    let remedy = &["cut.png", "damaged or truncated", "--skip-unusable"];
    fails(&small, directory.path(), 1, remedy);
    fs::write(sky.join("notes.txt"), "not an image").expect("a file");
    fs::remove_file(sky.join("cut.png")).expect("the file");
    let remedy = &["notes.txt", "is not a PNG or JPEG image", "--skip-unusable"];
    fails(&small, directory.path(), 1, remedy);
    assert!(
        !directory.path().join("runs").exists(),
        "nothing is written"
    );

    fs::write(sky.join("cut.png"), &whole[..whole.len() / 2]).expect("a file");
    let text = succeeds(
        &[&small[..], &["--skip-unusable"]].concat(),
        directory.path(),
    );
    for left_out in [
        "cut.png: a damaged image",
        "notes.txt: not a PNG or JPEG image",
    ] {
        assert!(text.contains(left_out), "{left_out}: {text}");
    }
    // The run can be looked at later, with the same files left out.
    let tested = succeeds(&["evaluate", "runs/folder"], directory.path());
    assert_eq!(
        number(&tested, "test accuracy"),
        number(&text, "test accuracy")
    );
    fails(
        &["train", "digits", "--skip-unusable"],
        directory.path(),
        2,
        &["--skip-unusable is for folder"],
    );
}

#[test]
fn a_folder_without_two_classes_of_images_is_explained() {
    let directory = scratch();
    let path = directory.path();
    fs::create_dir_all(path.join("empty")).expect("a directory");
    class(&path.join("one/cat"), 4, [9; 3]);
    class(&path.join("hollow/cat"), 4, [9; 3]);
    fs::create_dir_all(path.join("hollow/dog")).expect("a directory");
    class(&path.join("few/cat"), 2, [9; 3]);
    class(&path.join("few/dog"), 2, [200; 3]);
    class(&path.join("apart/train/cat"), 2, [9; 3]);
    class(&path.join("apart/train/dog"), 2, [9; 3]);
    class(&path.join("apart/test/cat"), 2, [9; 3]);
    class(&path.join("apart/test/cow"), 2, [9; 3]);
    for (folder, part) in [
        ("missing", "there is no such directory"),
        ("empty", "one directory per class"),
        ("one", "has one class only, \"cat\""),
        ("hollow", "no usable PNG or JPEG image"),
        ("few", "no test images"),
        ("apart", "they must be the same"),
    ] {
        let args = ["train", "folder", folder, "--batch", "2"];
        fails(&args, path, 1, &[folder, part]);
    }
    assert!(!path.join("runs").exists(), "nothing is written");
}

/// CIFAR-100 files of `counts` training and test images, in two classes that brightness tells apart.
fn cifar100(directory: &Path, counts: [usize; 2]) {
    fs::create_dir_all(directory).expect("a directory");
    for (file, count) in ["train.bin", "test.bin"].into_iter().zip(counts) {
        let records = (0..count).flat_map(|index| {
            let fine = if index % 2 == 0 { 7 } else { 93 };
            let brightness = if fine == 7 { 30 } else { 220 };
            [0, fine].into_iter().chain([brightness; 3 * 32 * 32])
        });
        fs::write(directory.join(file), records.collect::<Vec<u8>>()).expect("a file");
    }
}

#[test]
fn cifar100_is_read_and_learned_with_its_fine_classes() {
    let directory = scratch();
    cifar100(&directory.path().join("cifar"), [64, 20]);
    let args = [
        "train", "cifar100", "--data", "cifar", "--epochs", "3", "--batch", "16", "--model",
        "lenet",
    ];
    let text = succeeds(&args, directory.path());
    assert!(number(&text, "test accuracy") > 99.0, "{text}");
    assert!(text.contains("among the best 5 100.0 %"), "{text}");
    let page = fs::read_to_string(directory.path().join("runs/cifar100/report.html"));
    // Class 7 is the beetle, class 93 the turtle.
    let page = page.expect("the report");
    assert!(page.contains("beetle") && page.contains("turtle"));
}

#[test]
fn damaged_files_of_a_data_set_are_named_with_what_is_wrong() {
    let directory = scratch();
    let path = directory.path();
    cifar100(&path.join("cifar"), [4, 4]);
    let train = path.join("cifar/train.bin");
    let bytes = fs::read(&train).expect("the file");
    let cifar = ["train", "cifar100", "--data", "cifar", "--batch", "2"];
    fs::write(&train, &bytes[..bytes.len() - 1]).expect("a file");
    fails(&cifar, path, 1, &["train.bin", "a multiple of 3074"]);
    let mut wrong = bytes;
    wrong[1] = 100;
    fs::write(&train, wrong).expect("a file");
    fails(
        &cifar,
        path,
        1,
        &["train.bin", "the label 100", "100 classes"],
    );

    let idx = |name: &str, shape: &[u32], value: u8| {
        let mut bytes = vec![0, 0, 8, shape.len() as u8];
        bytes.extend(shape.iter().flat_map(|extent| extent.to_be_bytes()));
        let count = shape.iter().product::<u32>() as usize;
        bytes.extend(vec![value; count]);
        fs::write(path.join("clothes").join(name), bytes).expect("a file");
    };
    fs::create_dir(path.join("clothes")).expect("a directory");
    let clothes = [
        "train",
        "fashion-mnist",
        "--data",
        "clothes",
        "--batch",
        "2",
    ];
    for part in ["train", "t10k"] {
        idx(&format!("{part}-images-idx3-ubyte"), &[4, 28, 28], 9);
        idx(&format!("{part}-labels-idx1-ubyte"), &[4], 3);
    }
    idx("train-labels-idx1-ubyte", &[4], 10);
    fails(
        &clothes,
        path,
        1,
        &["train-labels", "the label 10", "10 classes"],
    );
    idx("train-labels-idx1-ubyte", &[5], 3);
    fails(
        &clothes,
        path,
        1,
        &["train-labels", "5 labels for 4 images"],
    );
    idx("train-labels-idx1-ubyte", &[0], 3);
    idx("train-images-idx3-ubyte", &[0, 28, 28], 3);
    fails(&clothes, path, 1, &["train-images", "no images"]);
    fs::remove_file(path.join("clothes/train-images-idx3-ubyte")).expect("the file");
    fails(&clothes, path, 1, &["clothes", "there is no train-images"]);
    assert!(!path.join("runs").exists(), "nothing is written");
}

#[test]
fn a_model_of_other_images_is_refused_with_one_that_fits() {
    let directory = scratch();
    photos(directory.path());
    let args = [&FOLDER[..5], &["--model", "vgg11"]].concat();
    let output = run(&args, directory.path());
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(
        text(&output).contains("at least 32×32 pixels"),
        "{}",
        text(&output)
    );
}
