//! `train --tui`: curves, speed, and the gradient and dead units of each layer, live in the terminal.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style};
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::{
    Axis, Block, Chart, Dataset, Gauge, GraphType, Paragraph, Row as Cells, Table,
};
use ratatui::{DefaultTerminal, Frame};
use wengert::nn::Sequential;
use wengert::train::{StepReport, StopHandle};

use super::display::Running;
use crate::run::{LayerRow, Row};

/// Time between two pictures; drawing must not slow the training.
const PERIOD: Duration = Duration::from_millis(200);

/// The most points of a curve; more than a terminal has columns.
const POINTS: usize = 1024;

/// The screen of a training run. Dropping it gives the terminal back.
pub struct Tui {
    terminal: DefaultTerminal,
    stop: StopHandle,
    drawn: Option<Instant>,
    view: View,
}

/// What the screen shows.
struct View {
    title: String,
    start: Instant,
    /// Steps of the whole run, and those done.
    steps: u64,
    done: u64,
    epochs: u64,
    epoch: u64,
    images_per_second: f64,
    lr: f64,
    loss: Curve,
    accuracy: Curve,
    validation_loss: Curve,
    validation_accuracy: Curve,
    layers: Vec<LayerRow>,
    stopping: bool,
}

/// A curve of at most [`POINTS`] points: when it is full, every second one goes.
#[derive(Default)]
struct Curve {
    points: Vec<(f64, f64)>,
    every: u64,
    seen: u64,
}

impl Curve {
    fn push(&mut self, x: f64, y: f64) {
        self.every = self.every.max(1);
        if self.seen.is_multiple_of(self.every) && y.is_finite() {
            self.points.push((x, y));
        }
        self.seen += 1;
        if self.points.len() == POINTS {
            let mut keep = false;
            self.points.retain(|_| {
                keep = !keep;
                keep
            });
            self.every *= 2;
        }
    }

    fn last(&self) -> Option<f64> {
        self.points.last().map(|point| point.1)
    }
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
            view: View {
                title: title.to_owned(),
                start: Instant::now(),
                steps,
                done: 0,
                epochs,
                epoch: 0,
                images_per_second: 0.0,
                lr: 0.0,
                loss: Curve::default(),
                accuracy: Curve::default(),
                validation_loss: Curve::default(),
                validation_accuracy: Curve::default(),
                layers: Vec::new(),
                stopping: false,
            },
        })
    }

    /// After each batch.
    pub fn step(&mut self, step: &StepReport<'_, f32, Sequential>, now: Running) {
        let Running {
            position,
            loss,
            accuracy,
            images_per_second,
        } = now;
        let view = &mut self.view;
        let x = position as f64 / view.steps as f64 * view.epochs as f64;
        view.done = position;
        view.epoch = step.epoch + 1;
        view.lr = step.lr;
        view.images_per_second = images_per_second;
        view.loss.push(x, loss);
        view.accuracy.push(x, 100.0 * accuracy);
        if self.drawn.is_some_and(|drawn| drawn.elapsed() < PERIOD) {
            return;
        }
        view.gradients(step);
        self.read_keys();
        self.draw();
    }

    /// After each epoch.
    pub fn epoch(&mut self, row: &Row) {
        let x = row.epoch as f64;
        let view = &mut self.view;
        if let Some(loss) = row.validation_loss {
            view.validation_loss.push(x, loss);
        }
        if let Some(accuracy) = row.validation_accuracy {
            view.validation_accuracy.push(x, 100.0 * accuracy);
        }
        view.layers.clone_from(&row.layers);
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

impl View {
    /// The gradient of each layer in this batch, where the last epoch has told the layers.
    fn gradients(&mut self, step: &StepReport<'_, f32, Sequential>) {
        let mut squares: BTreeMap<&str, f64> = BTreeMap::new();
        for (path, gradient) in step.gradients.iter() {
            let layer = path.rsplit_once('.').map_or("", |(layer, _)| layer);
            let norm = f64::from(gradient.norm2(..).item());
            *squares.entry(layer).or_default() += norm * norm;
        }
        if self.layers.is_empty() {
            let layers = squares.keys().map(|path| LayerRow {
                path: (*path).to_owned(),
                ..LayerRow::default()
            });
            self.layers = layers.collect();
        }
        for layer in &mut self.layers {
            if let Some(square) = squares.get(layer.path.as_str()) {
                layer.gradient = square.sqrt();
            }
        }
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        let rows = Layout::vertical([
            Constraint::Length(3),
            Constraint::Length(1),
            Constraint::Min(8),
            Constraint::Length((self.layers.len() as u16 + 3).min(14)),
            Constraint::Length(1),
        ]);
        let [gauge, numbers, curves, layers, help] = rows.areas(frame.area());
        self.draw_progress(frame, gauge, numbers);
        let [left, right] = Layout::horizontal([Constraint::Fill(1); 2]).areas(curves);
        self.draw_curve(frame, left, "loss", &self.loss, &self.validation_loss);
        self.draw_curve(
            frame,
            right,
            "accuracy in %",
            &self.accuracy,
            &self.validation_accuracy,
        );
        self.draw_layers(frame, layers);
        let text = if self.stopping {
            "finishing the step and writing a checkpoint …"
        } else {
            "q or Ctrl-C: finish the step, write a checkpoint and stop"
        };
        frame.render_widget(Paragraph::new(text).style(Style::new().dim()), help);
    }

    fn draw_progress(&self, frame: &mut Frame<'_>, gauge: Rect, numbers: Rect) {
        let part = (self.done as f64 / self.steps.max(1) as f64).clamp(0.0, 1.0);
        let bar = Gauge::default()
            .block(Block::bordered().title(format!(" {} ", self.title)))
            .gauge_style(Style::new().fg(Color::Cyan))
            .ratio(part)
            .label(format!(
                "epoch {}/{}, {:.0} %",
                self.epoch,
                self.epochs,
                100.0 * part
            ));
        frame.render_widget(bar, gauge);
        let seconds = self.start.elapsed().as_secs_f64();
        let left = if part > 0.0 {
            seconds / part - seconds
        } else {
            0.0
        };
        let text = format!(
            "loss {:.4}  accuracy {:.1} %  {:.0} images/s  learning rate {:.2e}  {seconds:.0} s, {left:.0} s left",
            self.loss.last().unwrap_or(f64::NAN),
            self.accuracy.last().unwrap_or(f64::NAN),
            self.images_per_second,
            self.lr
        );
        frame.render_widget(Line::from(text), numbers);
    }

    fn draw_curve(
        &self,
        frame: &mut Frame<'_>,
        area: Rect,
        title: &str,
        training: &Curve,
        validation: &Curve,
    ) {
        let points = || {
            training
                .points
                .iter()
                .chain(&validation.points)
                .map(|point| point.1)
        };
        let low = points().fold(f64::INFINITY, f64::min);
        let high = points().fold(f64::NEG_INFINITY, f64::max);
        let [low, high] = if high > low { [low, high] } else { [0.0, 1.0] };
        let line = |name, curve, color| {
            Dataset::default()
                .name(name)
                .marker(Marker::Braille)
                .graph_type(GraphType::Line)
                .style(Style::new().fg(color))
                .data(curve)
        };
        let mut lines = vec![line("training", &training.points[..], Color::Cyan)];
        if !validation.points.is_empty() {
            lines.push(line("validation", &validation.points[..], Color::Yellow));
        }
        let chart = Chart::new(lines)
            .block(Block::bordered().title(format!(" {title} ")))
            .x_axis(
                Axis::default()
                    .bounds([0.0, self.epochs as f64])
                    .labels(["0".to_owned(), format!("{} epochs", self.epochs)]),
            )
            .y_axis(
                Axis::default()
                    .bounds([low, high])
                    .labels([format!("{low:.2}"), format!("{high:.2}")]),
            );
        frame.render_widget(chart, area);
    }

    fn draw_layers(&self, frame: &mut Frame<'_>, area: Rect) {
        let most = self
            .layers
            .iter()
            .map(|layer| layer.gradient)
            .fold(0.0, f64::max);
        let rows = self.layers.iter().map(|layer| {
            let length = if most > 0.0 {
                (20.0 * layer.gradient / most).round() as usize
            } else {
                0
            };
            let dead = layer
                .dead
                .map_or_else(|| "–".to_owned(), |share| format!("{:.1} %", 100.0 * share));
            Cells::new([
                layer.path.clone(),
                format!("{:.3e}", layer.gradient),
                "█".repeat(length),
                dead,
            ])
        });
        let widths = [
            Constraint::Fill(2),
            Constraint::Length(10),
            Constraint::Fill(2),
            Constraint::Length(8),
        ];
        let table = Table::new(rows, widths)
            .header(Cells::new(["layer", "gradient", "", "dead"]).style(Style::new().bold()))
            .block(Block::bordered().title(" gradient norm and dead units of each layer "));
        frame.render_widget(table, area);
    }
}
