//! The progress line of a training run, on the standard error.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar with the latest numbers, at most 80 columns; drawn on a terminal only.
pub fn bar(steps: u64, target: ProgressDrawTarget) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:12} {percent:>3} %  {msg}  {eta} left")
        .expect("the template is valid");
    ProgressBar::with_draw_target(Some(steps), target).with_style(style)
}

/// The numbers of one step.
pub fn message(epoch: u64, epochs: u64, loss: f64, accuracy: f64) -> String {
    let width = epochs.to_string().len();
    let accuracy = 100.0 * accuracy;
    format!("epoch {epoch:>width$}/{epochs}  loss {loss:.4}  accuracy {accuracy:.1} %")
}

/// Whether a log, which has no bar, shows the numbers of this epoch: some ten lines, the first and the last among them.
pub fn is_logged(epoch: u64, epochs: u64) -> bool {
    let done = epoch + 1;
    epoch == 0 || done == epochs || done.is_multiple_of(epochs.div_ceil(10))
}

#[cfg(test)]
mod tests {
    use super::*;
    use indicatif::InMemoryTerm;

    #[test]
    fn the_line_fits_into_80_columns() {
        let term = InMemoryTerm::new(3, 200);
        let bar = bar(
            400_000,
            ProgressDrawTarget::term_like(Box::new(term.clone())),
        );
        bar.set_message(message(1000, 1000, 12.345_678, 1.0));
        bar.set_position(399_999);
        bar.tick();
        let line = term.contents();
        assert!(
            line.contains("epoch 1000/1000  loss 12.3457  accuracy 100.0 %"),
            "{line}"
        );
        assert!(
            line.lines().all(|line| line.chars().count() <= 80),
            "{line}"
        );
    }

    #[test]
    fn a_log_has_the_first_and_the_last_epoch_and_few_others() {
        for epochs in 1..200 {
            let logged: Vec<_> = (0..epochs)
                .filter(|&epoch| is_logged(epoch, epochs))
                .collect();
            assert_eq!(
                (logged.first(), logged.last()),
                (Some(&0), Some(&(epochs - 1)))
            );
            assert!(logged.len() <= 12, "{epochs}: {logged:?}");
        }
    }
}
