//! What a data set is trained with unless the user says otherwise.
//!
//! The values were chosen by the accuracy on validation images (`--validate`), never by that on test images.

use crate::settings::DatasetName;

/// The settings that depend on the data set.
pub struct Defaults {
    /// Passes over the training images.
    pub epochs: u64,
    /// The value of `--augment`.
    pub augment: &'static str,
    pub label_smoothing: f64,
}

impl DatasetName {
    pub const fn defaults(self) -> Defaults {
        let (epochs, augment, label_smoothing) = match self {
            Self::Digits => (60, "shift=1", 0.0),
            // A piece of clothing is the same seen in a mirror.
            Self::FashionMnist => (10, "flip", 0.1),
            Self::Mnist => (5, "none", 0.0),
            Self::Cifar10 | Self::Cifar100 => (30, "shift=2,flip", 0.0),
            Self::Folder => (30, "flip", 0.0),
        };
        Defaults {
            epochs,
            augment,
            label_smoothing,
        }
    }
}
