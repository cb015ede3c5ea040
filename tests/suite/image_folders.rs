//! Folders of images: order, colours, sizes, and everything that can be wrong with them.

use std::fs;
use std::path::Path;

use image::{DynamicImage, GrayImage, ImageFormat, RgbImage};
use wengert::data::{
    FolderOptions, ImageColor, ImageSet, Problem, Split, UnusableFiles, read_image,
};

/// Writes an image of one colour.
fn write(path: &Path, color: [u8; 3], [height, width]: [u32; 2]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let image = RgbImage::from_pixel(width, height, image::Rgb(color));
    image.save(path).unwrap();
}

fn options(size: [usize; 2]) -> FolderOptions {
    FolderOptions {
        size,
        ..FolderOptions::default()
    }
}

#[test]
fn classes_and_images_are_in_the_order_of_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    // Written in another order than read.
    write(&at("dog/b.png"), [0, 0, 30], [4, 6]);
    write(&at("cat/2.png"), [20, 0, 0], [4, 6]);
    write(&at("dog/a.jpg"), [200, 200, 200], [8, 8]);
    write(&at("cat/10.png"), [10, 0, 0], [4, 6]);
    fs::write(at("README.txt"), "not a class").unwrap();
    fs::write(at("cat/.hidden"), "not an image").unwrap();
    let (set, skipped) = ImageSet::folder(folder.path(), &options([4, 6])).unwrap();
    assert!(skipped.is_empty());
    assert_eq!(set.shape(), [4, 3, 4, 6]);
    assert_eq!(set.classes(), ["cat", "dog"]);
    assert_eq!(set.labels(), [0, 0, 1, 1]);
    // cat/10, cat/2, dog/a, dog/b: bytes, not numbers, are compared.
    assert_eq!([set.image(0)[0], set.image(1)[0]], [10, 20]);
    // Channel by channel: the blue plane is the last.
    assert_eq!(set.image(3)[..48], [0; 48]);
    assert_eq!(set.image(3)[48..], [30; 24]);
    // JPEG is lossy.
    assert!(set.image(2).iter().all(|&x| x.abs_diff(200) <= 3));
    assert_eq!(
        ImageSet::folder(folder.path(), &options([4, 6])).unwrap().0,
        set
    );
}

#[test]
fn images_are_resized_and_converted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("halves.png");
    // The left half black, the right half white.
    let halves = GrayImage::from_fn(8, 4, |x, _| image::Luma([if x < 4 { 0 } else { 255 }]));
    halves.save(&path).unwrap();
    let small = read_image(&path, [2, 2], ImageColor::Grey).unwrap();
    assert_eq!(small.len(), 4);
    assert!(
        small[0] < 40 && small[1] > 215 && small[..2] == small[2..],
        "{small:?}"
    );
    let colored = read_image(&path, [4, 8], ImageColor::Rgb).unwrap();
    assert_eq!(colored[..32], colored[32..64]);
    assert_eq!(
        colored[..32],
        read_image(&path, [4, 8], ImageColor::Grey).unwrap()
    );
    // 16 bits per channel, transparency and a palette are converted by the decoder.
    let deep = DynamicImage::from(halves).to_rgba16();
    deep.save_with_format(&path, ImageFormat::Png).unwrap();
    assert_eq!(read_image(&path, [4, 8], ImageColor::Rgb).unwrap(), colored);
}

/// A folder with two good images in each of two classes.
fn good_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (class, red) in [("cat", 10), ("dog", 200)] {
        for n in 0..2 {
            let path = folder.path().join(format!("{class}/{n}.png"));
            write(&path, [red + n, 0, 0], [5, 5]);
        }
    }
    folder
}

#[test]
fn unusable_files_are_errors_or_left_out_and_reported() {
    let whole = {
        let folder = good_folder();
        let noise = RgbImage::from_fn(40, 40, |x, y| {
            image::Rgb([
                (x * 37 % 251) as u8,
                (y * 91 % 241) as u8,
                (x * y % 239) as u8,
            ])
        });
        let [png, jpeg] = ["n.png", "n.jpg"].map(|name| folder.path().join(name));
        noise.save(&png).unwrap();
        noise.save(&jpeg).unwrap();
        [fs::read(png).unwrap(), fs::read(jpeg).unwrap()]
    };
    let gif = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;".to_vec();
    let cases = [
        (b"just text".to_vec(), "is not a PNG or JPEG image"),
        (Vec::new(), "is not a PNG or JPEG image"),
        (gif, "is not a PNG or JPEG image"),
        (
            whole[0][..whole[0].len() / 2].to_vec(),
            "is a damaged or truncated image",
        ),
        (whole[0][..20].to_vec(), "is a damaged or truncated image"),
        (whole[1][..30].to_vec(), "is a damaged or truncated image"),
    ];
    for (bytes, reason) in cases {
        let folder = good_folder();
        let file = folder.path().join("cat/1b.png");
        fs::write(&file, bytes).unwrap();
        let error = ImageSet::folder(folder.path(), &options([5, 5])).unwrap_err();
        assert_eq!(error.file, file);
        let text = error.to_string();
        assert!(
            text.contains(reason) && text.contains("UnusableFiles::Skip"),
            "{text}"
        );
        let skip = FolderOptions {
            unusable: UnusableFiles::Skip,
            ..options([5, 5])
        };
        let (set, skipped) = ImageSet::folder(folder.path(), &skip).unwrap();
        assert_eq!((set.len(), skipped.len()), (4, 1));
        assert_eq!(skipped[0].file, file);
    }
    // A directory among the images.
    let folder = good_folder();
    fs::create_dir(folder.path().join("cat/more")).unwrap();
    let error = ImageSet::folder(folder.path(), &options([5, 5])).unwrap_err();
    assert!(matches!(error.problem, Problem::NotAFile), "{error}");
}

#[test]
fn a_folder_without_two_classes_of_images_is_refused_with_the_remedy() {
    let folder = good_folder();
    let error = |path: &Path| {
        ImageSet::folder(path, &options([5, 5]))
            .unwrap_err()
            .to_string()
    };
    let text = error(&folder.path().join("absent"));
    assert!(
        text.contains("there is no such directory; give one that has a directory"),
        "{text}"
    );
    let text = error(&folder.path().join("cat"));
    assert!(
        text.contains("has no directories; a folder of images has one directory per class"),
        "{text}"
    );
    let one = tempfile::tempdir().unwrap();
    write(&one.path().join("only/a.png"), [0; 3], [2, 2]);
    let text = error(one.path());
    assert!(
        text.contains("has one class only, \"only\"; a classifier needs at least two"),
        "{text}"
    );
    fs::create_dir(folder.path().join("bird")).unwrap();
    let text = error(folder.path());
    assert!(
        text.contains("bird: is the directory of a class, but has no usable"),
        "{text}"
    );
    // A class whose only image is left out is empty too.
    fs::write(folder.path().join("bird/a.png"), "text").unwrap();
    let skip = FolderOptions {
        unusable: UnusableFiles::Skip,
        ..options([5, 5])
    };
    let error = ImageSet::folder(folder.path(), &skip).unwrap_err();
    assert!(matches!(error.problem, Problem::EmptyClass), "{error}");
}

#[test]
fn a_folder_with_train_and_test_directories_is_split_so_and_another_by_share() {
    let folder = tempfile::tempdir().unwrap();
    for (part, count) in [("train", 3), ("val", 2)] {
        for class in ["cat", "dog"] {
            for n in 0..count {
                let path = folder.path().join(format!("{part}/{class}/{n}.png"));
                write(&path, [n as u8, 0, 0], [2, 2]);
            }
        }
    }
    let (split, _) = Split::folder(folder.path(), &options([2, 2])).unwrap();
    assert_eq!((split.train.len(), split.test.len()), (6, 4));
    assert_eq!(split.train.classes(), ["cat", "dog"]);
    write(&folder.path().join("val/bird/0.png"), [0; 3], [2, 2]);
    let text = Split::folder(folder.path(), &options([2, 2]))
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("[\"bird\", \"cat\", \"dog\"] in its test directory"),
        "{text}"
    );

    let plain = tempfile::tempdir().unwrap();
    for class in ["cat", "dog"] {
        for n in 0..10 {
            write(
                &plain.path().join(format!("{class}/{n}.png")),
                [n, 0, 0],
                [2, 2],
            );
        }
    }
    let share = FolderOptions {
        test_share: 0.3,
        seed: 5,
        ..options([2, 2])
    };
    let (split, _) = Split::folder(plain.path(), &share).unwrap();
    assert_eq!(split.train.labels(), [[0; 7], [1; 7]].concat());
    assert_eq!(split.test.labels(), [[0; 3], [1; 3]].concat());
    assert_eq!(Split::folder(plain.path(), &share).unwrap().0, split);
}
