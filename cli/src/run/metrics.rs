//! `metrics.csv` and `metrics.jsonl`: a line per epoch.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

pub const CSV: &str = "metrics.csv";
pub const JSON: &str = "metrics.jsonl";

/// The numbers of an epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The number of finished epochs.
    pub epoch: u64,
    /// The number of finished steps.
    pub step: u64,
    /// Mean loss of the epoch's training images, as they were trained on.
    pub loss: f64,
    /// Accuracy on them, 0 to 1.
    pub accuracy: f64,
    /// Mean loss of the validation images, if there are some.
    pub validation_loss: Option<f64>,
    /// Accuracy on them.
    pub validation_accuracy: Option<f64>,
    /// The learning rate of the last step.
    pub lr: f64,
    /// Seconds since the start, without interruptions.
    pub seconds: f64,
    /// Training images per second in this epoch.
    pub images_per_second: f64,
    /// Per layer; only in `metrics.jsonl`.
    #[serde(default)]
    pub layers: Vec<LayerRow>,
}

/// A layer on the batch that is looked at after each epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LayerRow {
    pub path: String,
    /// The norm of the gradient of the layer's parameters.
    pub gradient: f64,
    /// The norm of the parameters.
    pub weight: f64,
    /// The share of channels or units that are above 0 for no image: a rectifier returns 0 for all of them.
    pub dead: Option<f64>,
}

const COLUMNS: &str =
    "epoch,step,loss,accuracy,validation_loss,validation_accuracy,lr,seconds,images_per_second";

impl Row {
    fn csv(&self) -> String {
        let optional = |number: Option<f64>| number.map_or_else(String::new, |x| x.to_string());
        let Self {
            epoch,
            step,
            loss,
            accuracy,
            lr,
            seconds,
            images_per_second,
            ..
        } = self;
        let validation_loss = optional(self.validation_loss);
        let validation_accuracy = optional(self.validation_accuracy);
        format!(
            "{epoch},{step},{loss},{accuracy},{validation_loss},{validation_accuracy},{lr},{seconds:.3},\
             {images_per_second:.1}"
        )
    }

    /// The numbers with the names that `TensorBoard` shows.
    pub fn scalars(&self) -> Vec<(String, f64)> {
        let mut all = vec![
            ("loss/training".to_owned(), self.loss),
            ("accuracy/training".to_owned(), self.accuracy),
            ("learning rate".to_owned(), self.lr),
            ("images per second".to_owned(), self.images_per_second),
        ];
        all.extend(
            self.validation_loss
                .map(|x| ("loss/validation".to_owned(), x)),
        );
        all.extend(
            self.validation_accuracy
                .map(|x| ("accuracy/validation".to_owned(), x)),
        );
        for layer in &self.layers {
            all.push((format!("gradient norm/{}", layer.path), layer.gradient));
            all.extend(
                layer
                    .dead
                    .map(|x| (format!("dead units/{}", layer.path), x)),
            );
        }
        all
    }
}

/// Appends a line to both files.
pub fn append(directory: &Path, row: &Row) -> io::Result<()> {
    let append = |name: &str, line: String| {
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(directory.join(name))?;
        // One call, so that a reader never sees a part of a line.
        file.write_all(format!("{line}\n").as_bytes())
    };
    append(CSV, row.csv())?;
    append(JSON, serde_json::to_string(row)?)
}

/// Writes both files anew: at the start, and on resuming, when lines after the checkpoint go.
pub fn write_rows(directory: &Path, rows: &[Row]) -> io::Result<()> {
    std::fs::write(directory.join(CSV), format!("{COLUMNS}\n"))?;
    std::fs::write(directory.join(JSON), "")?;
    rows.iter().try_for_each(|row| append(directory, row))
}

/// The rows of a run. A last line that is not complete is left out: the process was killed while writing it.
pub fn read_rows(directory: &Path) -> Result<Vec<Row>, String> {
    let file = directory.join(JSON);
    let name = file.display();
    let text = std::fs::read_to_string(&file).map_err(|error| format!("{name}: {error}"))?;
    let complete = text.rfind('\n').map_or("", |end| &text[..end]);
    complete
        .lines()
        .enumerate()
        .map(|(line, text)| {
            serde_json::from_str(text)
                .map_err(|error| format!("{name}: line {}: {error}", line + 1))
        })
        .collect()
}
