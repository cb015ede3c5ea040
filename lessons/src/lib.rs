//! A course on convolutional networks: seventeen lessons, each a file that can be read and run.
//!
//! A lesson prints its numbers, writes a picture and ends with one sentence to remember. The text of the
//! course is in `docs/primer`.
//!
//! ```
//! use wengert_lessons::{Options, lesson};
//!
//! let mut text = Vec::new();
//! let options = Options { pictures: std::env::temp_dir(), ..Options::default() };
//! lesson("conv_channels")?.run(&options, &mut text)?;
//! assert!(String::from_utf8_lossy(&text).contains("Remember:"));
//! # Ok::<(), wengert_lessons::LessonError>(())
//! ```
#![forbid(unsafe_code)]
// `map(format!).collect()` is what a reader of a lesson understands at once; nothing there is hot.
#![allow(clippy::format_collect)]

mod course;
mod data;
mod error;
mod fit;
mod run;

pub use course::LESSONS;
pub use data::{CIFAR_10, FASHION_MNIST};
pub use error::LessonError;
pub use run::{Length, Options, Run};

/// A lesson of the course.
#[derive(Clone, Copy, Debug)]
pub struct Lesson {
    /// The name, that of its file and of its page.
    pub name: &'static str,
    /// What it shows, in one sentence.
    pub about: &'static str,
    run: fn(&mut Run<'_>) -> Result<(), LessonError>,
}

impl Lesson {
    /// Runs the lesson: prints to `out`, and writes the picture `NAME.svg`.
    ///
    /// # Errors
    /// If the output or the picture cannot be written, or a given data set cannot be read.
    pub fn run(&self, options: &Options, out: &mut dyn std::io::Write) -> Result<(), LessonError> {
        let mut run = Run::new(self.name, options, out);
        run.require_picture()?;
        (self.run)(&mut run)?;
        run.finish()
    }
}

/// The lesson of this name.
///
/// # Errors
/// If there is none; the message lists all names.
pub fn lesson(name: &str) -> Result<&'static Lesson, LessonError> {
    let found = LESSONS.iter().find(|lesson| lesson.name == name);
    found.ok_or_else(|| LessonError::Unknown { name: name.to_owned() })
}
