//! [`Sampler`]: which samples an epoch has.

use wengert_tensor::require;

use super::dataset::Dataset;
use super::random::{Purpose, stream};

/// Which samples an epoch has. An epoch always has as many samples as the set.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Sampler {
    /// Every sample once.
    #[default]
    Each,
    /// Samples drawn with replacement, sample `i` with probability `wᵢ / Σ w`; one weight per sample.
    Weighted(Vec<f64>),
    /// Every class equally often, up to one sample. Within a class each sample occurs `k` or `k + 1` times,
    /// chosen anew in each epoch; classes without samples do not count.
    Balanced,
}

/// A sampler that was checked against its set.
#[derive(Clone, Debug)]
pub(crate) enum Draws {
    Each,
    /// The running sums of the weights.
    Weighted(Vec<f64>),
    /// The samples of each class that has any.
    Balanced(Vec<Vec<usize>>),
}

impl Draws {
    #[track_caller]
    pub(crate) fn new(sampler: &Sampler, set: &dyn Dataset) -> Self {
        match sampler {
            Sampler::Each => Self::Each,
            Sampler::Weighted(weights) => Self::Weighted(running_sums(weights, set.len())),
            Sampler::Balanced => Self::Balanced(rows_by_class(set, "Loader: balanced sampler")),
        }
    }

    /// The samples of an epoch; not shuffled unless the sampler draws at random.
    pub(crate) fn rows(&self, count: usize, seed: u64, epoch: u64) -> Vec<usize> {
        let mut random = stream(Purpose::Draw, seed, epoch, 0);
        match self {
            Self::Each => (0..count).collect(),
            Self::Weighted(sums) => {
                let total = sums.last().copied().unwrap_or_default();
                let draw = |x: f64| sums.partition_point(|&sum| sum <= x).min(count - 1);
                (0..count).map(|_| draw(random.unit() * total)).collect()
            }
            Self::Balanced(classes) => {
                let mut rows = Vec::with_capacity(count);
                let mut order: Vec<usize> = (0..classes.len()).collect();
                // Which classes get one sample more than the others is chosen anew in each epoch.
                random.shuffle(&mut order);
                for (place, &class) in order.iter().enumerate() {
                    let wanted = count / classes.len() + usize::from(place < count % classes.len());
                    let mut members = classes[class].clone();
                    let mut taken = 0;
                    while taken < wanted {
                        random.shuffle(&mut members);
                        let now = members.len().min(wanted - taken);
                        rows.extend(&members[..now]);
                        taken += now;
                    }
                }
                rows
            }
        }
    }
}

#[track_caller]
fn running_sums(weights: &[f64], count: usize) -> Vec<f64> {
    require!(
        weights.len() == count,
        "Loader: weighted sampler: {} weights for {count} samples: one each is needed",
        weights.len()
    );
    for (index, &weight) in weights.iter().enumerate() {
        require!(
            weight >= 0.0 && weight.is_finite(),
            "Loader: weighted sampler: sample {index} has the weight {weight}: must be a finite number, at least 0"
        );
    }
    let sums: Vec<f64> = weights
        .iter()
        .scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        })
        .collect();
    let total = sums.last().copied();
    require!(
        total.is_none_or(|total| total > 0.0 && total.is_finite()),
        "Loader: weighted sampler: the weights add up to {:?}: one must be above 0, and the sum finite",
        total.unwrap_or_default()
    );
    sums
}

/// The samples of each class that has any, in the order of the classes.
#[track_caller]
pub(crate) fn rows_by_class(set: &dyn Dataset, op: &str) -> Vec<Vec<usize>> {
    let mut classes = std::collections::BTreeMap::<i64, Vec<usize>>::new();
    for index in 0..set.len() {
        let class = set.class(index);
        let Some(class) = class else {
            wengert_tensor::fail::fail(format_args!(
                "{op}: sample {index} has no class number: the targets of this set are no classes"
            ));
        };
        classes.entry(class).or_default().push(index);
    }
    classes.into_values().collect()
}
