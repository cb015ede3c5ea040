//! The options of a training run: of the command line, of a configuration file, and those in effect.
//!
//! Each is declared once, in [`Settings`]. A file is read by turning its keys into a command line, so both have
//! the same names, the same ranges and the same messages.

use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory, Parser, ValueEnum};
use serde::Serialize;
use toml::{Table, Value};

use crate::model::ModelName;
use crate::suggest::nearest;
use crate::toml_file;

/// What to train on, and how. What is not given is taken from the configuration file, then from the defaults of
/// the data set.
#[derive(Args, Clone, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(allow_negative_numbers = true)]
pub struct Settings {
    /// What to train on
    #[arg(value_enum)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<DatasetName>,
    /// Directory of the data set's files; for folder: one directory of PNG or JPEG images per class [default for
    /// fashion-mnist: where Debian's package dataset-fashion-mnist puts them]
    #[arg(long, value_name = "DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    /// Side of the square that images of a folder are scaled to, in pixels [default: 32]
    #[arg(long, value_name = "PIXELS", value_parser = count::<1024>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Leave out files of folder that are damaged or no images, and name them; otherwise such a file is an error
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub skip_unusable: bool,
    /// Network: a name (see `wengert summary --list`) or a TOML file of layers [default: cnn]
    #[arg(long, value_name = "NAME|FILE", value_parser = model_name)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Passes over the training images [default: depends on the data set]
    #[arg(long, value_name = "N", value_parser = count::<1_000_000>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u64>,
    /// Images per step [default: 32]
    #[arg(long, value_name = "N", value_parser = count::<16_777_216>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<u64>,
    /// Steps whose gradients are averaged before the weights change [default: 1]
    #[arg(long, value_name = "N", value_parser = count::<65_536>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accumulate: Option<u64>,
    /// Parts that each step is cut into, whose gradients are added in a fixed order; batch norm and dropout work on
    /// each part. Several processes need at least one each [default: 1, with --mpi 8]
    #[arg(long, value_name = "N", value_parser = count::<65_536>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shards: Option<u64>,
    /// Learning rate at its highest [default: depends on the optimizer]
    #[arg(long, value_name = "RATE", value_parser = above_zero, allow_hyphen_values = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lr: Option<f64>,
    /// How the learning rate changes [default: cosine]
    #[arg(long, value_enum)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduleName>,
    /// Epochs in which the learning rate rises from near 0 first [default: 0]
    #[arg(long, value_name = "EPOCHS", value_parser = at_least_zero, allow_hyphen_values = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmup: Option<f64>,
    /// Update rule [default: adam]
    #[arg(long, value_enum)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optimizer: Option<OptimizerName>,
    /// Factor of the weights that is subtracted from them in each step [default: that of the optimizer]
    #[arg(long, value_name = "FACTOR", value_parser = at_least_zero, allow_hyphen_values = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f64>,
    /// Part of each target that is spread evenly over all classes; reported losses include it [default: depends on the data set]
    #[arg(long, value_name = "PART", value_parser = below_one, allow_hyphen_values = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_smoothing: Option<f64>,
    /// Largest norm of the gradient; a longer one is scaled down [default: no limit]
    #[arg(long, value_name = "NORM", value_parser = above_zero, allow_hyphen_values = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip: Option<f64>,
    /// Decay of an exponential moving average of the weights, which is then what is tested [default: none]
    #[arg(long, value_name = "DECAY", value_parser = below_one, allow_hyphen_values = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ema: Option<f64>,
    /// Random changes of the training images, such as shift=2,flip; or none [default: depends on the data set]
    #[arg(long, value_name = "CHANGES", value_parser = augment)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub augment: Option<String>,
    /// Parameters that are not trained, by path, such as features or *.bias; several are separated by commas
    #[arg(long, value_name = "PATHS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freeze: Option<String>,
    /// Seed of weights, order, augmentation and dropout [default: 0]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Threads; the result does not depend on their number [default: one per core]
    #[arg(long, value_name = "N", value_parser = count::<1024>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<u64>,
    /// Test on every fifth training image, which is then not trained on, instead of the test images
    ///
    /// Choose options by this accuracy: test images that options were chosen by no longer measure how the
    /// network does on new images.
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub validate: bool,
    /// Stop after this number of epochs without a better result on the validation images
    #[arg(long, value_name = "EPOCHS", value_parser = count::<1_000_000>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<u64>,
}

/// A data set by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DatasetName {
    /// 1,797 handwritten digits of 8×8 pixels, part of this program (Alpaydin & Kaynak 1998)
    Digits,
    /// 70,000 images of clothes of 28×28 pixels (Xiao et al. 2017)
    FashionMnist,
    // Not a doc comment, in which the lint wants the name as code, with backticks that a terminal would show.
    #[value(help = "70,000 handwritten digits of 28×28 pixels (LeCun et al. 1998)")]
    Mnist,
    /// 60,000 colour photographs of 32×32 pixels in 10 classes (Krizhevsky 2009)
    Cifar10,
    /// The same in 100 classes
    Cifar100,
    /// Your own images: one directory of PNG or JPEG files per class
    Folder,
}

/// How the learning rate changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleName {
    /// It stays
    Constant,
    /// To 0 along a cosine, step by step
    Cosine,
    /// To 0 along a straight line
    Linear,
    /// To a tenth after each third of the training
    Step,
    /// Up along a cosine for three tenths of the training, then down to nearly 0
    OneCycle,
    /// To a tenth when the validation loss has not fallen for 5 epochs; needs --validate
    Plateau,
}

/// An update rule by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptimizerName {
    /// Kingma & Ba 2015
    Adam,
    /// Adam with weight decay apart from the gradient (Loshchilov & Hutter 2019)
    Adamw,
    /// Momentum 0.9, as Nesterov's
    Sgd,
    /// Hinton 2012
    Rmsprop,
    /// Duchi et al. 2011
    Adagrad,
    /// Zeiler 2012
    Adadelta,
    /// Kingma & Ba 2015, section 7
    Adamax,
    /// Dozat 2016
    Nadam,
    /// Liu et al. 2020
    Radam,
}

/// A whole number from 1 to `MOST`.
fn count<const MOST: u64>(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(n) if (1..=MOST).contains(&n) => Ok(n),
        _ => Err(format!("a whole number from 1 to {MOST} is needed")),
    }
}

fn number(text: &str, fits: fn(f64) -> bool, needed: &str) -> Result<f64, String> {
    let number = text
        .parse()
        .ok()
        .filter(|&x: &f64| x.is_finite() && fits(x));
    number.ok_or_else(|| format!("{needed} is needed"))
}

fn above_zero(text: &str) -> Result<f64, String> {
    number(text, |x| x > 0.0, "a finite number above 0")
}

fn at_least_zero(text: &str) -> Result<f64, String> {
    number(text, |x| x >= 0.0, "a finite number of at least 0")
}

fn below_one(text: &str) -> Result<f64, String> {
    number(
        text,
        |x| (0.0..1.0).contains(&x),
        "a number from 0 to below 1",
    )
}

fn model_name(text: &str) -> Result<String, String> {
    text.parse::<ModelName>().map(|_| text.to_owned())
}

fn augment(text: &str) -> Result<String, String> {
    crate::augment::parse(text).map(|_| text.to_owned())
}

/// The keys of a file as a command line.
#[derive(Parser)]
#[command(no_binary_name = true)]
struct FileArgs {
    #[command(flatten)]
    settings: Settings,
}

impl Settings {
    /// Reads a configuration file.
    pub fn read(file: &Path) -> Result<Self, String> {
        Self::of(file, toml_file::read(file)?)
    }

    /// As [`read`](Self::read), from the content of the file.
    pub fn parse(file: &Path, text: &str) -> Result<Self, String> {
        Self::of(file, toml_file::parse(file, text)?)
    }

    fn of(file: &Path, table: Table) -> Result<Self, String> {
        Self::from_table(table).map_err(|error| format!("{}: {error}", file.display()))
    }

    /// These settings, and those of `below` where these have none.
    pub fn or(&self, below: &Self) -> Result<Self, String> {
        let mut table = below.to_table()?;
        table.extend(self.to_table()?);
        Self::from_table(table)
    }

    /// The keys that are set.
    pub fn to_table(&self) -> Result<Table, String> {
        Table::try_from(self).map_err(|error| error.to_string())
    }

    fn from_table(table: Table) -> Result<Self, String> {
        let command = FileArgs::command();
        let keys: Vec<&str> = command.get_arguments().map(key).collect();
        let (mut args, mut dataset) = (Vec::new(), Vec::new());
        for (name, value) in table {
            let Some(option) = command.get_arguments().find(|option| key(option) == name) else {
                let similar = nearest(&name, keys.iter().copied());
                return Err(format!(
                    "unknown key {name:?}{similar}; known are {}",
                    keys.join(", ")
                ));
            };
            // Without this, `true` for an option that needs a value would take the next argument as its value.
            let takes_value = option.get_action().takes_values();
            let value = match value {
                Value::Boolean(on) if !takes_value => {
                    args.extend(on.then(|| format!("--{name}")));
                    continue;
                }
                Value::String(text) if takes_value => text,
                Value::Integer(n) if takes_value => n.to_string(),
                Value::Float(x) if takes_value => x.to_string(),
                other if takes_value => {
                    return Err(format!("{name} = {other}: a text or a number is needed"));
                }
                other => return Err(format!("{name} = {other}: true or false is needed")),
            };
            if name == "dataset" {
                // After this, nothing is an option, whatever it begins with.
                dataset = vec!["--".to_owned(), value];
            } else {
                args.push(format!("--{name}={value}"));
            }
        }
        args.extend(dataset);
        FileArgs::try_parse_from(args)
            .map(|file| file.settings)
            .map_err(|error| sentence(&error))
    }
}

/// An option's name in a file: that of the command line without the dashes.
fn key(arg: &clap::Arg) -> &str {
    arg.get_long().unwrap_or(arg.get_id().as_str())
}

/// clap's message in one line, without its heading and its hints.
fn sentence(error: &clap::Error) -> String {
    let text = error.to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    first.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(text: &str) -> Result<Settings, String> {
        Settings::from_table(text.parse().expect("TOML"))
    }

    #[test]
    fn a_file_has_the_names_of_the_command_line() {
        let settings =
            from("dataset = 'digits'\nepochs = 3\nlr = 0.01\nvalidate = true\nweight-decay = 1e-4")
                .expect("all are known");
        assert_eq!(settings.dataset, Some(DatasetName::Digits));
        assert_eq!((settings.epochs, settings.lr), (Some(3), Some(0.01)));
        assert!(settings.validate);
        assert_eq!(settings.weight_decay, Some(1e-4));
    }

    #[test]
    fn an_unknown_key_is_named_with_its_neighbour() {
        let error = from("optimiser = 'sgd'").expect_err("it is unknown");
        assert!(
            error.contains("unknown key \"optimiser\" (did you mean \"optimizer\"?)"),
            "{error}"
        );
    }

    #[test]
    fn a_value_out_of_range_is_named() {
        for (text, part) in [
            ("epochs = 0", "'0' for '--epochs"),
            ("lr = nan", "'NaN' for '--lr"),
            ("model = 'cn'", "(did you mean \"cnn\"?)"),
            ("dataset = 'letters'", "letters"),
            ("epochs = [1]", "epochs = [1]"),
        ] {
            let error = from(text).expect_err(text);
            assert!(
                error.contains(part) && !error.contains('\n'),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn a_value_of_the_wrong_kind_changes_no_other_key() {
        for (text, part) in [
            (
                "data = true\ndataset = 'digits'",
                "data = true: a text or a number",
            ),
            ("epochs = false", "epochs = false: a text or a number"),
            ("validate = 'yes'", "validate = \"yes\": true or false"),
            ("skip-unusable = 1", "skip-unusable = 1: true or false"),
            ("dataset = '--epochs=3'", "--epochs=3"),
            ("dataset = '-h'", "-h"),
        ] {
            let error = from(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn the_command_line_wins_over_the_file_and_the_rest_stays() {
        let file = from("epochs = 3\nseed = 5").expect("known");
        let both = from("epochs = 9")
            .expect("known")
            .or(&file)
            .expect("both are valid");
        assert_eq!((both.epochs, both.seed), (Some(9), Some(5)));
    }
}
