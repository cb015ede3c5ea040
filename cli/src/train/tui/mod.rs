//! `train --tui`: curves, speed, and the gradient and dead units of each layer, live in the terminal.

mod curve;
mod view;

use std::time::{Duration, Instant};

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use wengert::nn::Sequential;
use wengert::train::{StepReport, StopHandle};

use super::display::Running;
use crate::run::Row;
use view::View;

/// Time between two pictures; drawing must not slow the training.
const PERIOD: Duration = Duration::from_millis(200);

/// The screen of a training run. Dropping it gives the terminal back.
pub struct Tui {
    terminal: DefaultTerminal,
    stop: StopHandle,
    drawn: Option<Instant>,
    view: View,
}

impl Tui {
    /// Takes the terminal; an error if there is none.
    pub fn new(title: &str, steps: u64, epochs: u64, stop: &StopHandle) -> Result<Self, String> {
        let terminal =
            ratatui::try_init().map_err(|error| format!("--tui needs a terminal: {error}"))?;
        Ok(Self {
            terminal,
            stop: stop.clone(),
            drawn: None,
            view: View::new(title, steps, epochs),
        })
    }

    /// After each batch.
    pub fn step(&mut self, step: &StepReport<'_, f32, Sequential>, now: Running) {
        self.view.step(step.epoch + 1, step.lr, now);
        if self.drawn.is_some_and(|drawn| drawn.elapsed() < PERIOD) {
            return;
        }
        let norms = step.gradients.iter().map(|(path, gradient)| {
            let norm = f64::from(gradient.norm2(..).item());
            (path, norm)
        });
        self.view.gradients(norms);
        self.read_keys();
        self.draw();
    }

    /// After each epoch.
    pub fn epoch(&mut self, row: &Row) {
        self.view.epoch(row);
        self.draw();
    }

    /// `q` and Ctrl-C stop the training. In raw mode the terminal sends no signal for Ctrl-C.
    fn read_keys(&mut self) {
        while event::poll(Duration::ZERO).unwrap_or(false) {
            let Ok(Event::Key(key)) = event::read() else {
                continue;
            };
            let is_interrupt =
                key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
            if key.kind == KeyEventKind::Press && (is_interrupt || key.code == KeyCode::Char('q')) {
                self.stop.stop();
                self.view.stopping = true;
            }
        }
    }

    fn draw(&mut self) {
        let view = &self.view;
        // A terminal that has gone away must not end the training.
        let _ = self.terminal.draw(|frame| view.draw(frame));
        self.drawn = Some(Instant::now());
    }
}

impl Drop for Tui {
    fn drop(&mut self) {
        ratatui::restore();
    }
}
