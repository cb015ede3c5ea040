//! [`Run`]: what a lesson gets: where to print, where to draw, how long to train.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use crate::LessonError;

/// How long a lesson trains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Length {
    /// As long as the numbers of the course need.
    #[default]
    Full,
    /// The same code with fewer steps, for tests.
    Short,
}

/// Where a lesson writes and reads.
#[derive(Clone, Debug)]
pub struct Options {
    /// The directory of the pictures; it is created if it is missing.
    pub pictures: PathBuf,
    /// How long the lesson trains.
    pub length: Length,
    /// The directory of Fashion-MNIST; `None`: [`FASHION_MNIST`](crate::FASHION_MNIST) if it is there.
    pub fashion: Option<PathBuf>,
    /// The directory of CIFAR-10; `None`: [`CIFAR_10`](crate::CIFAR_10) if it is there.
    pub cifar: Option<PathBuf>,
}

impl Default for Options {
    /// Pictures in `out`, the full length, data sets where they usually are.
    fn default() -> Self {
        Self { pictures: "out".into(), length: Length::Full, fashion: None, cifar: None }
    }
}

/// One run of a lesson.
pub struct Run<'a> {
    name: &'static str,
    pub(crate) options: &'a Options,
    out: &'a mut dyn Write,
    /// The first error of `out`, reported at the end, so that lessons need no code for it.
    failure: Option<io::Error>,
}

/// Prints a line of a lesson.
macro_rules! say {
    ($run:expr) => { $run.line(format_args!("")) };
    ($run:expr, $($text:tt)+) => { $run.line(format_args!($($text)+)) };
}
pub(crate) use say;

impl<'a> Run<'a> {
    pub(crate) fn new(name: &'static str, options: &'a Options, out: &'a mut dyn Write) -> Self {
        Self { name, options, out, failure: None }
    }

    pub(crate) fn line(&mut self, text: fmt::Arguments<'_>) {
        if self.failure.is_none() {
            self.failure = writeln!(self.out, "{text}").and_then(|()| self.out.flush()).err();
        }
    }

    /// `full`, or `short` in the short form.
    pub(crate) fn pick<N>(&self, full: N, short: N) -> N {
        match self.options.length {
            Length::Full => full,
            Length::Short => short,
        }
    }

    fn picture_file(&self) -> PathBuf {
        self.options.pictures.join(format!("{}.svg", self.name))
    }

    /// An error now if the picture could not be written later: a lesson may train for minutes.
    pub(crate) fn require_picture(&self) -> Result<(), LessonError> {
        let file = self.picture_file();
        let is_there = file.exists();
        std::fs::create_dir_all(&self.options.pictures)
            .and_then(|()| File::options().append(true).create(true).open(&file))
            .and_then(|_| if is_there { Ok(()) } else { std::fs::remove_file(&file) })
            .map_err(|source| LessonError::Picture { file, source })
    }

    /// Writes the lesson's picture.
    pub(crate) fn picture(&mut self, svg: &str) -> Result<(), LessonError> {
        let file = self.picture_file();
        std::fs::write(&file, svg).map_err(|source| LessonError::Picture { file, source })
    }

    /// The lesson's last words.
    pub(crate) fn remember(&mut self, sentence: &str) {
        say!(self, "\nRemember: {sentence}");
    }

    pub(crate) fn finish(self) -> Result<(), LessonError> {
        self.failure.map_or(Ok(()), |error| Err(LessonError::Output(error)))
    }
}
