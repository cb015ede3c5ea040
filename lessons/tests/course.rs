//! Every lesson runs, and the course text says what the lessons print.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use regex::Regex;
use wengert_lessons::{LESSONS, Length, Lesson, LessonError, Options, lesson};

/// Lessons that take no time: their full form runs in every test, and its numbers must be those of the page.
const QUICK: [&str; 4] = ["conv_arithmetic", "conv_channels", "backprop_by_hand", "receptive_field"];

/// Lessons that need data which may be missing; without it they print other numbers.
const NEED_DATA: [&str; 3] = ["feature_maps", "fashion", "resnet_cifar"];

/// What the environment asks for: `WENGERT_FULL=1` runs every lesson in full, `WENGERT_BLESS=1` also writes
/// what it prints into its page.
fn asked(name: &str) -> bool {
    std::env::var_os(name).is_some()
}

fn pages() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/primer")
}

fn page(name: &str) -> String {
    let file = pages().join(format!("{name}.md"));
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn run(name: &str, length: Length, pictures: &Path) -> String {
    let mut text = Vec::new();
    let options = Options { pictures: pictures.to_owned(), length, ..Options::default() };
    lesson(name).and_then(|lesson| lesson.run(&options, &mut text)).expect(name);
    String::from_utf8(text).expect("lessons print text")
}

#[test]
fn every_lesson_prints_writes_a_picture_and_ends_with_a_sentence() {
    let directory = tempfile::tempdir().expect("a directory");
    // Lessons compute on one thread for the most part, so one runs on each processor.
    let next = AtomicUsize::new(0);
    let lessons = || std::iter::from_fn(|| LESSONS.get(next.fetch_add(1, Ordering::Relaxed)));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(|| lessons().for_each(|lesson| prints_and_draws(lesson, directory.path())));
        }
    });
}

fn prints_and_draws(lesson: &Lesson, directory: &Path) {
    let text = run(lesson.name, Length::Short, directory);
    let last = text.lines().last().expect("it prints");
    assert!(last.starts_with("Remember: ") && last.ends_with('.'), "{}: {last}", lesson.name);
    let picture = directory.join(format!("{}.svg", lesson.name));
    let picture = std::fs::read_to_string(&picture).expect("the picture");
    assert!(picture.starts_with("<svg") && picture.len() < 400_000, "{}: {} bytes", lesson.name, picture.len());
}

#[test]
fn the_course_has_seventeen_lessons_of_at_most_130_lines() {
    assert_eq!(LESSONS.len(), 17);
    for lesson in LESSONS {
        let file = format!("{}/src/course/{}.rs", env!("CARGO_MANIFEST_DIR"), lesson.name);
        let lines = std::fs::read_to_string(file).expect("the lesson").lines().count();
        assert!(lines <= 130, "{}: {lines} lines", lesson.name);
    }
}

/// The block after the line `## What the lesson prints`.
fn printed(page: &str) -> &str {
    let after = page.split("## What the lesson prints\n").nth(1).expect("a section of what it prints");
    after.split("```text\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block of text")
}

fn numbers(text: &str) -> Vec<String> {
    let number = Regex::new(r"\d+(?:[.,]\d+)*(?:e-?\d+)?").expect("a pattern");
    number.find_iter(text).map(|found| found.as_str().replace(',', "")).collect()
}

#[test]
fn every_number_of_the_course_text_is_one_that_the_lesson_prints() {
    let link = Regex::new(r"\]\([^)]*\)").expect("a pattern");
    let mut wrong = Vec::new();
    for lesson in LESSONS {
        let page = page(lesson.name);
        let known: BTreeSet<String> = numbers(printed(&page)).into_iter().collect();
        let text = page.split("## What the lesson prints").next().expect("the text");
        let source = text.lines().filter(|line| !line.starts_with("Source:"));
        let text = source.collect::<Vec<_>>().join("\n");
        let text = link.replace_all(&text, "]");
        for number in numbers(&text) {
            // The numbers that count things in a sentence are words.
            if number.len() > 1 && !known.contains(&number) {
                wrong.push(format!("{}: {number}", lesson.name));
            }
        }
    }
    assert!(wrong.is_empty(), "the lessons do not print these numbers of their pages: {wrong:#?}");
}

/// Whether two texts differ in words, or in numbers by more than the last printed digits can: training on
/// another processor rounds differently.
fn differs(page: &str, output: &str) -> Option<String> {
    let number = Regex::new(r"\d+(?:\.\d+)?(?:e-?\d+)?").expect("a pattern");
    let words = |line: &str| number.replace_all(line, "#").split_whitespace().collect::<Vec<_>>().join(" ");
    let (page, output): (Vec<_>, Vec<_>) = (page.lines().collect(), output.lines().collect());
    if page.len() != output.len() {
        return Some(format!("{} lines on the page, {} printed", page.len(), output.len()));
    }
    for (a, b) in page.iter().zip(&output) {
        let values = |line: &str| -> Vec<f64> {
            number.find_iter(line).map(|n| n.as_str().parse().expect("a number")).collect()
        };
        let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 0.2 * a.abs().max(b.abs()) + 0.01;
        let timed = a.contains("time ");
        if words(a) != words(b) || (!timed && !values(a).iter().zip(&values(b)).all(close)) {
            return Some(format!("page:   {a}\nprinted: {b}"));
        }
    }
    None
}

#[test]
fn pages_show_what_the_lessons_print() {
    let directory = tempfile::tempdir().expect("a directory");
    let have_data = Path::new(wengert_lessons::FASHION_MNIST).is_dir();
    for lesson in LESSONS {
        let quick = QUICK.contains(&lesson.name);
        let possible = have_data || !NEED_DATA.contains(&lesson.name);
        if !possible || !(quick || asked("WENGERT_FULL")) {
            continue;
        }
        let blessed = asked("WENGERT_BLESS");
        let pictures = if blessed { pages() } else { directory.path().to_owned() };
        let output = run(lesson.name, Length::Full, &pictures);
        let page = page(lesson.name);
        if blessed {
            let new = page.replace(printed(&page), &output);
            std::fs::write(pages().join(format!("{}.md", lesson.name)), new).expect("the page");
        } else if quick {
            assert_eq!(printed(&page), output, "{}: WENGERT_BLESS=1 rewrites the page", lesson.name);
        } else if let Some(difference) = differs(printed(&page), &output) {
            panic!("{}: WENGERT_FULL=1 WENGERT_BLESS=1 rewrites the page\n{difference}", lesson.name);
        }
    }
}

#[test]
fn pages_show_their_pictures_and_the_index_lists_all_lessons_in_order() {
    let index = std::fs::read_to_string(pages().join("README.md")).expect("the index");
    let mut at = 0;
    for lesson in LESSONS {
        let name = lesson.name;
        let page = page(name);
        assert!(page.contains(&format!("]({name}.svg)")), "{name}.md shows its picture");
        assert!(pages().join(format!("{name}.svg")).exists(), "{name}.svg");
        let place = index.find(&format!("({name}.md)")).unwrap_or_else(|| panic!("{name} is not in the index"));
        assert!(place > at, "{name} is out of order");
        at = place;
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
    let mut text = Vec::new();
    let error = lesson("conv_channels").and_then(|lesson| lesson.run(&options, &mut text));
    let error = error.expect_err("a file is no directory");
    assert!(text.is_empty(), "a lesson must not train before it finds out");
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
