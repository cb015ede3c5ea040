//! A network on a set of images: the confusion matrix and the worst mistakes.

use wengert::data::{ImageSet, Loader, Position};
use wengert::nn::Sequential;
use wengert::prelude::*;
use wengert::report::Confusion;

use crate::run::Images;

/// Enough for speed, and little memory for any network.
const BATCH: usize = 128;

/// How a network does on a set of images.
#[derive(Clone, Debug)]
pub struct Examination {
    /// Images by class and predicted class.
    pub confusion: Confusion,
    /// The mean cross entropy.
    pub loss: f64,
    /// The share of images whose class is among the five highest scores, if there are more than five.
    pub top5: Option<f64>,
    /// The wrong predictions, the highest loss first.
    pub mistakes: Vec<Mistake>,
}

/// An image with a wrong prediction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mistake {
    /// The number of the image in its set.
    pub row: usize,
    pub truth: usize,
    pub predicted: usize,
    /// The probability of the predicted class.
    pub confidence: f64,
    pub loss: f64,
}

/// The probabilities of the classes for each image, in the order of the set.
pub fn probabilities(
    model: &Sequential,
    images: &Images,
    set: &ImageSet,
    mut each: impl FnMut(usize, &[f32]),
) {
    let loader = Loader::new(set, images.loader_options(BATCH));
    let mut row = 0;
    let evaluated = loader.for_evaluation(set);
    evaluated.prefetch(Position::default(), |batches| {
        for batch in batches {
            let mut pass = Pass::eval(model);
            let scores = model.call(&pass.input(batch.inputs), &mut pass);
            let classes = scores.size(1);
            for logs in scores.log_softmax(1).value().to_vec().chunks(classes) {
                each(row, logs);
                row += 1;
            }
        }
    });
}

/// Tests a network on every image of a set.
pub fn examine(model: &Sequential, images: &Images, set: &ImageSet) -> Examination {
    let mut confusion = Confusion::new(set.classes().iter().cloned());
    let (mut loss, mut top5) = (0.0, 0_usize);
    let mut mistakes = Vec::new();
    probabilities(model, images, set, |row, logs| {
        let truth = usize::try_from(set.labels()[row]).expect("labels are class numbers");
        let predicted = best(logs);
        confusion.add(truth, predicted);
        let own = f64::from(-logs[truth]);
        loss += own;
        top5 += usize::from(logs.iter().filter(|&&log| log > logs[truth]).count() < 5);
        if predicted != truth {
            mistakes.push(Mistake {
                row,
                truth,
                predicted,
                confidence: f64::from(logs[predicted]).exp(),
                loss: own,
            });
        }
    });
    mistakes.sort_by(|a, b| b.loss.total_cmp(&a.loss));
    let count = set.len() as f64;
    Examination {
        confusion,
        loss: loss / count,
        top5: (set.classes().len() > 5).then_some(top5 as f64 / count),
        mistakes,
    }
}

/// The class with the highest score, the first of equal ones.
pub fn best(scores: &[f32]) -> usize {
    let mut best = 0;
    for (class, score) in scores.iter().enumerate() {
        if *score > scores[best] {
            best = class;
        }
    }
    best
}
