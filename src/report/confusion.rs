//! [`Confusion`]: a confusion matrix.

use std::fmt;

use wengert_tensor::require;

/// A confusion matrix: the number of images of each class (row) by predicted class (column).
///
/// ```
/// use wengert::report::Confusion;
///
/// let mut confusion = Confusion::new(["cat", "dog"]);
/// confusion.add_all(&[0, 0, 1, 1], &[0, 1, 1, 1]);
/// assert_eq!(confusion.count(0, 1), 1);
/// assert_eq!(confusion.accuracy(), 0.75);
/// println!("{confusion}");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    classes: Vec<String>,
    counts: Vec<usize>,
}

impl Confusion {
    /// A matrix of zeros for classes with these names.
    #[must_use]
    pub fn new(classes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let classes: Vec<String> = classes.into_iter().map(Into::into).collect();
        let counts = vec![0; classes.len() * classes.len()];
        Self { classes, counts }
    }

    /// Counts one image.
    ///
    /// # Panics
    /// If a class does not exist.
    #[track_caller]
    pub fn add(&mut self, truth: usize, predicted: usize) {
        let index = self.index(truth, predicted);
        self.counts[index] += 1;
    }

    /// Counts a batch of images.
    ///
    /// # Panics
    /// If the lengths differ or a class does not exist.
    #[track_caller]
    pub fn add_all(&mut self, truth: &[i64], predicted: &[i64]) {
        require!(
            truth.len() == predicted.len(),
            "confusion: {} labels and {} predictions",
            truth.len(),
            predicted.len()
        );
        for (&truth, &predicted) in truth.iter().zip(predicted) {
            // A negative number becomes an index out of range, which `add` rejects.
            self.add(truth as usize, predicted as usize);
        }
    }

    /// The counts, row by row.
    pub(crate) fn counts(&self) -> &[usize] {
        &self.counts
    }

    /// Adds the counts of images that were counted elsewhere, row by row.
    pub(crate) fn add_counts(&mut self, counts: impl IntoIterator<Item = usize>) {
        for (sum, more) in self.counts.iter_mut().zip(counts) {
            *sum += more;
        }
    }

    /// The names of the classes.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The number of images of class `truth` that were predicted as `predicted`.
    ///
    /// # Panics
    /// If a class does not exist.
    #[must_use]
    #[track_caller]
    pub fn count(&self, truth: usize, predicted: usize) -> usize {
        self.counts[self.index(truth, predicted)]
    }

    /// The number of images.
    #[must_use]
    pub fn total(&self) -> usize {
        self.counts.iter().sum()
    }

    /// The number of correct predictions.
    #[must_use]
    pub fn correct(&self) -> usize {
        self.counts.iter().step_by(self.classes.len() + 1).sum()
    }

    /// The fraction of correct predictions, 0 to 1; NaN without images.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        self.correct() as f64 / self.total() as f64
    }

    /// The fraction of the images of a class that were predicted as it; NaN if there are none.
    ///
    /// # Panics
    /// If there is no such class.
    #[must_use]
    #[track_caller]
    pub fn recall(&self, class: usize) -> f64 {
        let hits = self.count(class, class);
        let n = self.classes.len();
        hits as f64
            / self.counts[class * n..(class + 1) * n]
                .iter()
                .sum::<usize>() as f64
    }

    /// The fraction of the predictions of a class that are correct; NaN if there are none.
    ///
    /// # Panics
    /// If there is no such class.
    #[must_use]
    #[track_caller]
    pub fn precision(&self, class: usize) -> f64 {
        let hits = self.count(class, class);
        let column = self.counts[class..].iter().step_by(self.classes.len());
        hits as f64 / column.sum::<usize>() as f64
    }

    #[track_caller]
    fn index(&self, truth: usize, predicted: usize) -> usize {
        let n = self.classes.len();
        require!(
            truth < n && predicted < n,
            "confusion: class {truth} predicted as {predicted}: there are {n} classes, numbered from 0"
        );
        truth * n + predicted
    }
}

impl fmt::Display for Confusion {
    /// A table: rows are the truth, columns the prediction, a dot means 0.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.classes.len();
        let names = self.classes.iter().map(|name| name.chars().count());
        let margin = names.max().unwrap_or(0);
        let digits = self
            .counts
            .iter()
            .max()
            .map_or(1, |count| count.to_string().len());
        // Columns are headed by the class name if it is as short as the counts, otherwise by the index.
        let by_name = margin <= digits.max(2);
        let heading = |class: usize| {
            if by_name {
                self.classes[class].clone()
            } else {
                class.to_string()
            }
        };
        let column = (0..n).map(|class| heading(class).chars().count()).max();
        let width = column.unwrap_or(0).max(digits) + 1;

        let side = |class: usize| {
            if by_name {
                self.classes[class].clone()
            } else {
                format!("{class} {}", self.classes[class])
            }
        };
        let margin = (0..n).map(|class| side(class).chars().count()).max();
        let margin = margin.unwrap_or(0);
        write!(f, "{:margin$} │", "")?;
        for class in 0..n {
            write!(f, "{:>width$}", heading(class))?;
        }
        writeln!(f, "  recall")?;
        writeln!(f, "{}─┼{}", "─".repeat(margin), "─".repeat(n * width + 8))?;
        for class in 0..n {
            write!(f, "{:margin$} │", side(class))?;
            for predicted in 0..n {
                match self.count(class, predicted) {
                    0 => write!(f, "{:>width$}", "·")?,
                    count => write!(f, "{count:>width$}")?,
                }
            }
            let recall = 100.0 * self.recall(class);
            if recall.is_nan() {
                writeln!(f, "       –")?;
            } else {
                writeln!(f, " {recall:>5.1} %")?;
            }
        }
        Ok(())
    }
}
