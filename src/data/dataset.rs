//! [`Dataset`]: samples by index, the one thing that a [`Loader`](super::Loader) needs of data.

use wengert_tensor::Tensor;

use super::error::DataError;
use crate::report::Fingerprint;

/// Samples by index: an input and a target each.
///
/// A set of your own implements two methods. All inputs have one shape, and so have all targets.
///
/// ```
/// use wengert::data::{Dataset, Example, Loader, LoaderOptions};
/// use wengert::tensor::Tensor;
///
/// /// Points of the curve `y = x²`.
/// struct Parabola;
///
/// impl Dataset for Parabola {
///     fn len(&self) -> usize {
///         100
///     }
///     fn example(&self, index: usize) -> Example {
///         let x = index as f64 / 100.0;
///         Example::new(Tensor::scalar(x).reshape([1]), x * x)
///     }
/// }
///
/// let loader = Loader::new(&Parabola, LoaderOptions { batch: 20, ..LoaderOptions::default() });
/// for batch in loader.epoch::<f32>(0) {
///     assert_eq!(batch.inputs.shape(), [20, 1]);
///     assert_eq!(batch.targets.numbers().shape(), [20, 1]);
/// }
/// ```
///
/// A loader calls [`example`](Self::example) from its own threads, hence `Sync`; the same index must
/// always give the same sample, so that a run can be repeated and resumed.
pub trait Dataset: Sync {
    /// The number of samples.
    fn len(&self) -> usize;

    /// The sample with this index, `0..len()`.
    fn example(&self, index: usize) -> Example;

    /// As [`example`](Self::example), or why the sample cannot be read. Training calls this one; a set that reads its
    /// samples from files overrides it.
    ///
    /// # Errors
    /// If the file of the sample cannot be read; by default there is no error.
    fn try_example(&self, index: usize) -> Result<Example, DataError> {
        Ok(self.example(index))
    }

    /// Whether there are no samples.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The names of the classes; empty for targets that are no classes, or whose classes have no names.
    fn class_names(&self) -> &[String] {
        &[]
    }

    /// The number of classes, by default that of their names. Mixing targets needs it.
    fn class_count(&self) -> usize {
        self.class_names().len()
    }

    /// The class of a sample: `None` for targets that are not one class number. By default it is read from
    /// the sample; a set that can tell it without reading the input overrides this.
    fn class(&self, index: usize) -> Option<i64> {
        self.example(index).target.class()
    }

    /// A hash that differs, most likely, between sets with different samples; a resumed run compares it. By default
    /// it is that of the number of samples and of at most 64 samples, evenly spaced.
    ///
    /// # Errors
    /// If the file of a sample cannot be read.
    fn fingerprint(&self) -> Result<u64, DataError> {
        let mut hash = Fingerprint::new();
        hash.bytes(&(self.len() as u64).to_le_bytes());
        for index in (0..self.len()).step_by(self.len().div_ceil(64).max(1)) {
            let Example { input, target } = self.try_example(index)?;
            hash.add("input", input.shape(), &input.to_vec());
            match target {
                Target::Classes(x) => hash.add("classes", x.shape(), &x.map(|x| x as f64).to_vec()),
                Target::Numbers(x) => hash.add("numbers", x.shape(), &x.to_vec()),
            }
        }
        Ok(hash.value())
    }

    /// The factor by which a loader multiplies the inputs unless its options give another one: by default 1.
    /// For bytes it is the reciprocal of the brightest value.
    fn scale(&self) -> f64 {
        1.0
    }
}

/// One sample of a [`Dataset`].
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// The input, such as `[channels, height, width]` or `[features]`.
    pub input: Tensor<f64>,
    /// What the model is to answer.
    pub target: Target,
}

impl Example {
    /// A sample. The target is a class number (`usize`), a number (`f64`), several (`Vec<f64>`), or a tensor.
    #[must_use]
    pub fn new(input: Tensor<f64>, target: impl Into<Target>) -> Self {
        Self {
            input,
            target: target.into(),
        }
    }
}

/// The target of one sample.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// Class numbers: of rank 0 for one class per sample, `[height, width]` for a class per pixel.
    Classes(Tensor<i64>),
    /// Numbers of any shape: `[values]` for regression, 0 or 1 per label for multi-label classification,
    /// probabilities.
    Numbers(Tensor<f64>),
}

impl Target {
    /// The class number, if the target is exactly one.
    #[must_use]
    pub fn class(&self) -> Option<i64> {
        match self {
            Self::Classes(classes) if classes.rank() == 0 => Some(classes.item()),
            _ => None,
        }
    }
}

impl From<usize> for Target {
    /// A class number.
    fn from(class: usize) -> Self {
        Self::Classes(Tensor::scalar(class as i64))
    }
}

impl From<f64> for Target {
    /// A number, as a tensor of shape `[1]`.
    fn from(number: f64) -> Self {
        Self::Numbers(Tensor::from_vec(vec![number], [1]))
    }
}

impl From<Vec<f64>> for Target {
    /// Numbers, as a tensor of shape `[count]`.
    fn from(numbers: Vec<f64>) -> Self {
        let count = numbers.len();
        Self::Numbers(Tensor::from_vec(numbers, [count]))
    }
}

impl From<Tensor<f64>> for Target {
    fn from(numbers: Tensor<f64>) -> Self {
        Self::Numbers(numbers)
    }
}

impl From<Tensor<i64>> for Target {
    fn from(classes: Tensor<i64>) -> Self {
        Self::Classes(classes)
    }
}
