//! [`Progress`]: a bar while something takes its time.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

/// How often the bar is redrawn at most: faster than the eye reads only costs time.
const REDRAW: Duration = Duration::from_millis(50);
const WIDTH: usize = 24;
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// A progress bar on the standard error, one line that is overwritten.
///
/// Where the standard error is no terminal nothing is drawn but the line that [`finish`](Self::finish) leaves.
///
/// ```
/// use wengert::report::Progress;
///
/// let mut progress = Progress::new("epoch 1", 90);
/// for step in 0..90 {
///     progress.advance(1, || format!("loss {:.3}", 1.0 / f64::from(step + 1)));
/// }
/// progress.finish("loss 0.011, accuracy 98.9 %");
/// ```
#[derive(Debug)]
pub struct Progress {
    label: String,
    total: usize,
    done: usize,
    start: Instant,
    drawn: Option<Instant>,
    terminal: bool,
}

impl Progress {
    /// A bar for a number of steps; the clock starts.
    #[must_use]
    pub fn new(label: impl Into<String>, total: usize) -> Self {
        Self {
            label: label.into(),
            total,
            done: 0,
            start: Instant::now(),
            drawn: None,
            terminal: stderr().is_terminal(),
        }
    }

    /// Some steps are done; `message` is asked only when the bar is drawn.
    pub fn advance(&mut self, steps: usize, message: impl FnOnce() -> String) {
        self.done += steps;
        let due = self.drawn.is_none_or(|at| at.elapsed() >= REDRAW);
        if self.terminal && due {
            self.drawn = Some(Instant::now());
            self.line(&format!("{} {}", bar(self.done, self.total), message()), "");
        }
    }

    /// The time since the beginning.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Steps per second so far.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.done as f64 / self.elapsed().as_secs_f64().max(1e-9)
    }

    /// Replaces the bar by a last line.
    pub fn finish(self, message: &str) {
        self.line(message, "\n");
    }

    fn line(&self, text: &str, end: &str) {
        let clear = if self.terminal { "\r\x1b[2K" } else { "" };
        // Progress is a courtesy: a closed standard error must not end a run.
        let _ =
            write!(stderr(), "{clear}{} {text}{end}", self.label).and_then(|()| stderr().flush());
    }
}

/// The bar itself, in steps of an eighth of a character.
fn bar(done: usize, total: usize) -> String {
    let full = 8 * WIDTH;
    let eighths = (done * full).checked_div(total).unwrap_or(full).min(full);
    let drawn = "█".repeat(eighths / 8) + EIGHTHS[eighths % 8];
    format!("▕{drawn:<WIDTH$}▏{done}/{total}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_has_one_width_from_empty_to_full() {
        assert_eq!(bar(0, 3), format!("▕{}▏0/3", " ".repeat(WIDTH)));
        assert_eq!(bar(3, 3), format!("▕{}▏3/3", "█".repeat(WIDTH)));
        for done in 0..100 {
            let drawn = bar(done, 99);
            let inside = drawn.trim_start_matches('▕').chars().take(WIDTH + 1);
            assert_eq!(inside.last(), Some('▏'), "{drawn}");
        }
        assert!(
            bar(0, 0).contains(&"█".repeat(WIDTH)),
            "nothing to do is done"
        );
    }
}
