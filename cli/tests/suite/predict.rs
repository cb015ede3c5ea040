//! `wengert predict`.

use image::{GrayImage, Luma};
use wengert::data::Split;

use super::command::{fails, scratch, succeeds};

#[test]
fn an_image_file_gets_the_class_of_its_digit() {
    let directory = scratch();
    succeeds(
        &["train", "digits", "--epochs", "8", "--model", "digits"],
        directory.path(),
    );
    let test = Split::digits().test;
    let mut right = 0;
    for row in 0..20 {
        // Larger than the network's images, as a photograph is, and on white paper.
        let image = GrayImage::from_fn(64, 64, |x, y| {
            let pixel = test.image(row)[(y / 8 * 8 + x / 8) as usize];
            Luma([255 - (u32::from(pixel) * 255 / 16) as u8])
        });
        image
            .save(directory.path().join("digit.png"))
            .expect("a file");
        let text = succeeds(
            &["predict", "digit.png", "--invert", "--json"],
            directory.path(),
        );
        let line: serde_json::Value = serde_json::from_str(text.trim()).expect("JSON");
        let classes = line["classes"].as_array().expect("a list");
        assert_eq!(classes.len(), 3);
        let sure: f64 = classes
            .iter()
            .filter_map(|class| class["probability"].as_f64())
            .sum();
        assert!(sure > 0.3 && sure <= 1.0 + 1e-6, "{text}");
        let label = usize::try_from(test.labels()[row]).expect("a class");
        right += usize::from(classes[0]["class"] == test.classes()[label].as_str());
    }
    assert!(right >= 16, "{right} of 20");
}

#[test]
fn a_file_that_is_no_image_is_named_and_the_others_are_predicted() {
    let directory = scratch();
    succeeds(&super::command::QUICK, directory.path());
    GrayImage::new(5, 9)
        .save(directory.path().join("black.png"))
        .expect("a file");
    let whole = std::fs::read(directory.path().join("black.png")).expect("the file");
    std::fs::write(directory.path().join("cut.png"), &whole[..whole.len() / 2]).expect("a file");
    std::fs::write(directory.path().join("text.png"), "text").expect("a file");
    for bad in ["cut.png", "text.png", "missing.png", "."] {
        let output = super::command::run(&["predict", bad, "black.png"], directory.path());
        let text = super::command::text(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains("black.png: ") && text.contains(bad), "{text}");
        assert!(text.contains("1 of 2 images"), "{text}");
    }
    fails(
        &["predict", "black.png", "--run", "nowhere"],
        directory.path(),
        1,
        &["nowhere"],
    );
}
