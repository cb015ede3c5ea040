//! Every lesson runs, and the course text says what the lessons print.

use std::path::Path;

use wengert_lessons::{LESSONS, Length, LessonError, Options, lesson};

fn run(name: &str, length: Length, pictures: &Path) -> String {
    let mut text = Vec::new();
    let options = Options { pictures: pictures.to_owned(), length, ..Options::default() };
    lesson(name).and_then(|lesson| lesson.run(&options, &mut text)).expect(name);
    String::from_utf8(text).expect("lessons print text")
}

#[test]
fn every_lesson_prints_writes_a_picture_and_ends_with_a_sentence() {
    let directory = tempfile::tempdir().expect("a directory");
    for lesson in LESSONS {
        let text = run(lesson.name, Length::Short, directory.path());
        let last = text.lines().last().expect("it prints");
        assert!(last.starts_with("Remember: ") && last.ends_with('.'), "{}: {last}", lesson.name);
        let picture = directory.path().join(format!("{}.svg", lesson.name));
        let picture = std::fs::read_to_string(&picture).expect("the picture");
        assert!(
            picture.starts_with("<svg") && picture.len() < 400_000,
            "{}: {} bytes",
            lesson.name,
            picture.len()
        );
    }
}

#[test]
fn an_unknown_lesson_is_an_error_that_lists_them_all() {
    let error = lesson("convolution").expect_err("there is none of this name").to_string();
    assert!(error.contains("\"convolution\"") && error.contains("conv_arithmetic, conv_channels"), "{error}");
}

#[test]
fn a_picture_that_cannot_be_written_is_an_error_that_names_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("file");
    std::fs::write(&file, "").expect("a file");
    let options = Options { pictures: file.join("below"), length: Length::Short, ..Options::default() };
    let error = lesson("conv_channels").and_then(|lesson| lesson.run(&options, &mut Vec::new()));
    let error = error.expect_err("a file is no directory");
    assert!(matches!(error, LessonError::Picture { .. }), "{error}");
    assert!(error.to_string().contains("conv_channels.svg"), "{error}");
}

#[test]
fn a_closed_output_is_an_error() {
    struct Closed;
    impl std::io::Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let directory = tempfile::tempdir().expect("a directory");
    let options = Options { pictures: directory.path().into(), length: Length::Short, ..Options::default() };
    let error = lesson("conv_channels").and_then(|lesson| lesson.run(&options, &mut Closed));
    assert!(matches!(error, Err(LessonError::Output(_))));
}

#[test]
fn a_given_directory_without_the_data_is_an_error_and_a_missing_default_is_not() {
    let directory = tempfile::tempdir().expect("a directory");
    for name in ["feature_maps", "fashion"] {
        let options = Options {
            pictures: directory.path().into(),
            length: Length::Short,
            fashion: Some(directory.path().join("nowhere")),
            ..Options::default()
        };
        let error = lesson(name).and_then(|lesson| lesson.run(&options, &mut Vec::new()));
        let error = error.expect_err("no data").to_string();
        assert!(error.contains("apt-get install dataset-fashion-mnist"), "{error}");
    }
}
