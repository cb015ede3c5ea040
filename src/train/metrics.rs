//! [`Evaluation`]: how well a model does on a data set.

use wengert_autograd::Var;
use wengert_nn::{Module, Pass};
use wengert_tensor::fail::fail;
use wengert_tensor::{Real, Tensor};

use super::error::TrainError;
use super::message::Message;
use super::processes::agree;
use super::source::{BatchSource, TrainBatch};
use crate::data::Position;
use crate::distributed::Communicator;
use crate::report::Confusion;

/// How well a model does on a data set.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The mean loss of an example; NaN without examples.
    pub loss: f64,
    /// The number of examples.
    pub examples: usize,
    /// Examples by class and predicted class; `None` if the targets are no classes.
    pub confusion: Option<Confusion>,
    /// The share of examples whose class is among the `k` highest scores, by `k`.
    pub top_k: Vec<(usize, f64)>,
    /// The metrics of the caller: means over the examples.
    pub custom: Vec<(String, f64)>,
}

/// How well one class is recognised.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassScore {
    /// The name of the class.
    pub class: String,
    /// The number of its examples.
    pub examples: usize,
    /// The share of the predictions of this class that are right; NaN if there are none.
    pub precision: f64,
    /// The share of its examples that are predicted as this class; NaN if there are none.
    pub recall: f64,
    /// `2·tp / (2·tp + fp + fn)`; NaN if the class neither occurs nor is predicted.
    pub f1: f64,
}

impl Evaluation {
    /// The share of examples whose class has the highest score, 0 to 1.
    #[must_use]
    pub fn accuracy(&self) -> Option<f64> {
        self.confusion.as_ref().map(Confusion::accuracy)
    }

    /// Precision, recall and F1 of each class; empty if the targets are no classes.
    #[must_use]
    pub fn per_class(&self) -> Vec<ClassScore> {
        let Some(confusion) = &self.confusion else {
            return Vec::new();
        };
        let classes = confusion.classes();
        let count = |truth, predicted| confusion.count(truth, predicted);
        let scores = classes.iter().enumerate().map(|(class, name)| {
            let examples = (0..classes.len()).map(|other| count(class, other)).sum();
            let predicted: usize = (0..classes.len()).map(|other| count(other, class)).sum();
            ClassScore {
                class: name.clone(),
                examples,
                precision: confusion.precision(class),
                recall: confusion.recall(class),
                f1: 2.0 * count(class, class) as f64 / (examples + predicted) as f64,
            }
        });
        scores.collect()
    }

    /// The mean F1 of the classes that occur or are predicted (macro F1).
    #[must_use]
    pub fn macro_f1(&self) -> Option<f64> {
        self.confusion.as_ref()?;
        let scores: Vec<f64> = self.per_class().iter().map(|score| score.f1).collect();
        let known: Vec<f64> = scores.into_iter().filter(|f1| !f1.is_nan()).collect();
        Some(known.iter().sum::<f64>() / known.len() as f64)
    }

    /// All numbers by name: `loss`, `accuracy`, `f1`, `top5`, and the metrics of the caller.
    #[must_use]
    pub fn values(&self) -> Vec<(String, f64)> {
        let mut values = vec![("loss".to_owned(), self.loss)];
        values.extend(self.accuracy().map(|x| ("accuracy".to_owned(), x)));
        values.extend(self.macro_f1().map(|x| ("f1".to_owned(), x)));
        values.extend(self.top_k.iter().map(|&(k, x)| (format!("top{k}"), x)));
        values.extend(self.custom.iter().cloned());
        values
    }
}

/// Evaluates a classifier with its usual loss, the cross entropy.
///
/// ```
/// use wengert::prelude::*;
/// use wengert::train::evaluate;
///
/// let digits = Split::digits();
/// let loader = Loader::new(&digits.test, LoaderOptions::default());
/// let model = Sequential::<f32>::new().push(Flatten).push(Linear::new(64, 10, &mut rng(0)));
/// let evaluation = evaluate(&model, &loader, &[5]);
/// assert_eq!(evaluation.examples, 359);
/// assert!(evaluation.top_k[0].1 >= evaluation.accuracy().expect("digits have classes"));
/// ```
///
/// # Panics
/// As the model and its loss do; if the data has no usual loss, or a sample cannot be read.
#[must_use]
#[track_caller]
pub fn evaluate<T: Real, M, D>(model: &M, data: &D, top_k: &[usize]) -> Evaluation
where
    M: Module<T>,
    D: BatchSource<T>,
{
    let loss = |output: &Var<T>, batch: &D::Batch| {
        let loss = batch.usual_loss(output);
        loss.expect("evaluate: the data has no usual loss; use a `Trainer` with one")
    };
    let parts = Parts {
        loss: &loss,
        metrics: &[],
        top_k,
        classes: None,
    };
    match evaluate_while(model, data, &parts, || true, None) {
        Ok(evaluation) => evaluation.expect("never asked to stop"),
        Err(error) => fail(format_args!("evaluate: {error}")),
    }
}

/// A loss of outputs of a model for a batch.
pub(super) type LossFn<'a, T, B> = dyn Fn(&Var<T>, &B) -> Var<T> + Sync + 'a;

/// A metric of outputs of a model for a batch: a mean over its examples.
pub(super) type MetricFn<'a, T, B> = Box<dyn Fn(&Tensor<T>, &B) -> f64 + 'a>;

/// What an evaluation computes.
pub(super) struct Parts<'a, 'b, T: Real, B> {
    pub(super) loss: &'a LossFn<'b, T, B>,
    pub(super) metrics: &'a [(String, MetricFn<'b, T, B>)],
    pub(super) top_k: &'a [usize],
    /// The number of classes, if it is known already and labels are classes.
    pub(super) classes: Option<usize>,
}

/// Evaluates until `go_on` is false; the result is then `None`. Several processes evaluate a part of the batches each. A
/// batch that one cannot read is an error of all.
#[track_caller]
pub(super) fn evaluate_while<T: Real, M, D>(
    model: &M,
    data: &D,
    parts: &Parts<'_, '_, T, D::Batch>,
    go_on: impl Fn() -> bool,
    others: Option<&Communicator>,
) -> Result<Option<Evaluation>, TrainError>
where
    M: Module<T>,
    D: BatchSource<T>,
{
    let mut sums = Sums {
        parts,
        class_names: data.class_names(),
        batches: Vec::new(),
        confusion: None,
        hits: vec![0; parts.top_k.len()],
    };
    let (rank, size) = others.map_or((0, 1), |others| (others.rank(), others.size()));
    let steps = data.steps();
    let own = rank * steps / size..(rank + 1) * steps / size;
    let first = Position {
        epoch: 0,
        step: own.start,
    };
    let evaluated = data.with_batches(first, |batches| {
        for batch in batches.take(own.len()) {
            let batch = batch?;
            if !go_on() {
                return Ok(false);
            }
            let mut pass = Pass::eval(model);
            let output = model.call(&pass.input(batch.input().clone()), &mut pass);
            sums.add(&output, &batch);
        }
        Ok(true)
    });
    let mut is_complete = agree(others, evaluated)?;
    if let Some(others) = others {
        is_complete = !others.any(!is_complete);
        if is_complete {
            sums.add_others(others);
        }
    }
    Ok(is_complete.then(|| sums.evaluation()))
}

/// Sums over the examples of an evaluation.
struct Sums<'p, 'a, 'b, T: Real, B> {
    parts: &'p Parts<'a, 'b, T, B>,
    class_names: Vec<String>,
    /// In their order, which is that of all additions.
    batches: Vec<BatchSums>,
    confusion: Option<Confusion>,
    /// For each `k`.
    hits: Vec<usize>,
}

/// Sums over the examples of a batch.
struct BatchSums {
    examples: usize,
    loss: f64,
    /// The sum of each metric that the caller defines.
    custom: Vec<f64>,
}

impl<T: Real, B: TrainBatch<T>> Sums<'_, '_, '_, T, B> {
    fn add(&mut self, output: &Var<T>, batch: &B) {
        let parts = self.parts;
        let examples = batch.len();
        let loss = examples as f64 * (parts.loss)(output, batch).item().to_f64();
        let metrics = parts.metrics.iter();
        let custom = metrics.map(|(_, metric)| examples as f64 * metric(output.value(), batch));
        self.batches.push(BatchSums {
            examples,
            loss,
            custom: custom.collect(),
        });
        if let Some(labels) = batch.labels()
            && let Some(classes) = classes_of(output.value(), labels, parts.classes)
        {
            self.add_classes(output.value(), &labels.to_vec(), classes);
        }
    }

    fn add_classes(&mut self, scores: &Tensor<T>, labels: &[i64], classes: usize) {
        let confusion = self.confusion(classes);
        confusion.add_all(labels, &scores.argmax(1).to_vec());
        if !self.hits.is_empty() {
            let ranks = ranks(&scores.to_vec(), labels, classes);
            for (hits, &k) in self.hits.iter_mut().zip(self.parts.top_k) {
                *hits += ranks.iter().filter(|&&rank| rank < k).count();
            }
        }
    }

    /// The counts so far.
    fn confusion(&mut self, classes: usize) -> &mut Confusion {
        let names = &self.class_names;
        let name = |class: usize| {
            let name = names.get(class).cloned();
            name.unwrap_or_else(|| class.to_string())
        };
        self.confusion
            .get_or_insert_with(|| Confusion::new((0..classes).map(name)))
    }

    /// Adds what other processes have found, in the order of the batches.
    fn add_others(&mut self, others: &Communicator) {
        let gathered = others.gather(self.to_message().into_bytes());
        self.batches.clear();
        for (process, bytes) in gathered.into_iter().enumerate() {
            let mut message = Message::from_bytes(bytes);
            for _ in 0..message.take() {
                let examples = message.take() as usize;
                let loss = message.take_real();
                let custom = self.parts.metrics.iter().map(|_| message.take_real());
                self.batches.push(BatchSums {
                    examples,
                    loss,
                    custom: custom.collect(),
                });
            }
            let (hits, classes, counts) =
                (message.take_list(), message.take(), message.take_list());
            if process == others.rank() {
                continue;
            }
            for (sum, more) in self.hits.iter_mut().zip(hits) {
                *sum += more as usize;
            }
            if classes > 0 {
                let confusion = self.confusion(classes as usize);
                confusion.add_counts(counts.into_iter().map(|count| count as usize));
            }
        }
    }

    fn to_message(&self) -> Message {
        let mut message = Message::default();
        message.put(self.batches.len() as u64);
        for batch in &self.batches {
            message.put(batch.examples as u64);
            message.put_real(batch.loss);
            for &x in &batch.custom {
                message.put_real(x);
            }
        }
        message.put_list(self.hits.iter().map(|&count| count as u64));
        let confusion = self.confusion.as_ref();
        message.put(confusion.map_or(0, |confusion| confusion.classes().len() as u64));
        let counts = confusion.map_or(&[][..], Confusion::counts);
        message.put_list(counts.iter().map(|&count| count as u64));
        message
    }

    fn evaluation(self) -> Evaluation {
        let examples = self.batches.iter().map(|batch| batch.examples).sum();
        let count = examples as f64;
        let loss: f64 = self.batches.iter().map(|batch| batch.loss).sum();
        let metrics = self.parts.metrics.iter().enumerate();
        let custom = metrics.map(|(place, (name, _))| {
            let sum: f64 = self.batches.iter().map(|batch| batch.custom[place]).sum();
            (name.clone(), sum / count)
        });
        let custom = custom.collect();
        let hits = self.parts.top_k.iter().zip(self.hits);
        Evaluation {
            loss: loss / count,
            examples,
            top_k: match &self.confusion {
                Some(_) => hits.map(|(&k, hits)| (k, hits as f64 / count)).collect(),
                None => Vec::new(),
            },
            confusion: self.confusion,
            custom,
        }
    }
}

/// The number of classes that an output has a score for, if labels are such classes.
pub(super) fn classes_of<T: Real>(
    output: &Tensor<T>,
    labels: &Tensor<i64>,
    known: Option<usize>,
) -> Option<usize> {
    let &[count, classes] = output.shape() else {
        return None;
    };
    let fits = labels.shape() == [count]
        && known.is_none_or(|known| known == classes)
        && labels
            .iter()
            .all(|label| (0..classes as i64).contains(&label));
    fits.then_some(classes)
}

/// For each example the number of classes with a higher score than its own; among equal scores the lower
/// class is first, as in `argmax`. A NaN score of the own class is last.
fn ranks<T: Real>(scores: &[T], labels: &[i64], classes: usize) -> Vec<usize> {
    let rows = scores.chunks(classes.max(1)).zip(labels);
    let rank = |(row, &label): (&[T], &i64)| {
        let own = row[label as usize];
        let higher = |&(class, &score): &(usize, &T)| {
            !(score < own || score == own && class >= label as usize)
        };
        row.iter().enumerate().filter(higher).count()
    };
    rows.map(rank).collect()
}
