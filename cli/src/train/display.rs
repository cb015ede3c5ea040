//! What shows the progress of a training: a line, or with `--tui` the whole screen.

use indicatif::{ProgressBar, ProgressDrawTarget};
use wengert::nn::Sequential;
use wengert::train::{StepReport, StopHandle};

use crate::progress;
use crate::run::Row;

/// The line or the screen.
pub enum Display {
    Line(ProgressBar),
    #[cfg(feature = "tui")]
    Screen(Box<super::tui::Tui>),
}

/// The running numbers of a training.
#[derive(Clone, Copy)]
pub struct Running {
    /// The number of finished steps.
    pub position: u64,
    pub loss: f64,
    pub accuracy: f64,
    #[cfg_attr(
        not(feature = "tui"),
        expect(dead_code, reason = "the line does not show it")
    )]
    pub images_per_second: f64,
}

impl Display {
    /// A progress line on the standard error, drawn on a terminal only.
    pub fn line(steps: u64) -> Self {
        Self::Line(progress::bar(steps, ProgressDrawTarget::stderr()))
    }

    /// The whole screen.
    #[cfg(feature = "tui")]
    pub fn screen(title: &str, steps: u64, epochs: u64, stop: &StopHandle) -> Result<Self, String> {
        super::tui::Tui::new(title, steps, epochs, stop).map(|tui| Self::Screen(Box::new(tui)))
    }

    /// The whole screen, which this build does not have.
    #[cfg(not(feature = "tui"))]
    pub fn screen(
        _title: &str,
        _steps: u64,
        _epochs: u64,
        _stop: &StopHandle,
    ) -> Result<Self, String> {
        Err(crate::extras::missing_text("--tui", "tui"))
    }

    pub fn step(&mut self, step: &StepReport<'_, f32, Sequential>, now: Running) {
        match self {
            Self::Line(bar) => {
                bar.set_message(progress::message(
                    step.epoch + 1,
                    step.epochs,
                    now.loss,
                    now.accuracy,
                ));
                bar.set_position(now.position);
            }
            #[cfg(feature = "tui")]
            Self::Screen(tui) => {
                tui.step(step, now);
            }
        }
    }

    #[cfg_attr(
        not(feature = "tui"),
        allow(unused_variables, reason = "a line shows no row")
    )]
    pub fn epoch(&mut self, row: &Row) {
        match self {
            Self::Line(_) => {}
            #[cfg(feature = "tui")]
            Self::Screen(tui) => tui.epoch(row),
        }
    }

    /// Whether lines of a log may be written to the standard error.
    pub fn is_line(&self) -> bool {
        matches!(self, Self::Line(_))
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        match self {
            Self::Line(bar) => bar.finish_and_clear(),
            #[cfg(feature = "tui")]
            Self::Screen(_) => {}
        }
    }
}
