//! A small recurrent model with six scalar parameters, by the tape and with gradients written by hand.
//!
//! The memory model of a spaced-repetition program: after each of 32 reviews, at intervals `t` and with grades `g`, the
//! stability `s` and the difficulty `d` of a card change,
//!
//! ```text
//! r = (1 + 0.2345 t/s)^(−½)
//! s ← s·(1 + e^w₂ · (11 − d) · s^(−w₃) · (e^((1 − r) w₄) − 1))
//! d ← clamp(d − w₅ (g − 3), 1, 10)
//! ```
//!
//! from `s = w₀`, `d = w₁`. The loss is the binary cross entropy of `r` after the last interval.

use wengert::prelude::*;
use wengert::tensor::Real;

use super::{Work, rng, whole};

/// Steps of the recurrence.
pub const STEPS: usize = 32;
/// Parameters.
pub const PARAMETERS: usize = 6;
/// The batch sizes that are measured.
pub const BATCHES: [usize; 4] = [512, 64, 16, 1];

/// The decay of a memory: `r = 0.9` after an interval `t = s`.
const DECAY: f64 = 0.2345;

/// Reviews of a batch of cards.
#[derive(Clone, Debug)]
pub struct Reviews<T: Real> {
    /// Intervals in days, a batch for each step and one for the last recall.
    pub intervals: Vec<Tensor<T>>,
    /// Grades from 1 to 4, a batch for each step.
    pub grades: Vec<Tensor<T>>,
    /// 1 if the card was recalled at last, else 0.
    pub recalled: Tensor<T>,
}

impl<T: Real> Reviews<T> {
    /// Random reviews.
    pub fn random(batch: usize) -> Self {
        let mut rng = rng();
        let mut draw = |low: f64, high: f64| Tensor::<f64>::uniform([batch], low..high, &mut rng);
        let intervals = (0..=STEPS).map(|_| draw(0.5, 20.0));
        let intervals = intervals.map(|t| t.map(T::of)).collect();
        let grades = (0..STEPS).map(|_| draw(1.0, 5.0).map(|g| T::of(g.floor())));
        let grades = grades.collect();
        let recalled = draw(0.0, 1.0).map(|u| T::of(if u < 0.9 { 1.0 } else { 0.0 }));
        Self {
            intervals,
            grades,
            recalled,
        }
    }

    /// Intervals, grades, and whether the card was recalled.
    pub fn tensors(&self) -> Vec<Tensor<T>> {
        let one = std::slice::from_ref(&self.recalled);
        [&self.intervals[..], &self.grades, one].concat()
    }
}

/// Parameters of a card that is learnt well.
pub fn parameters<T: Real>() -> [T; PARAMETERS] {
    [3.0, 5.0, -1.5, 0.3, 0.8, 0.4].map(T::of)
}

/// The probability of recall after an interval.
fn recall<T: Real>(interval: &Var<T>, stability: &Var<T>) -> Var<T> {
    (interval * DECAY / stability + 1.0).rsqrt()
}

/// The mean loss of a batch as a user of the tape writes it; `x` has what [`Reviews::tensors`] lists.
pub fn loss<T: Real>(w: &[Var<T>], x: &[Var<T>]) -> Var<T> {
    let (intervals, rest) = x.split_at(STEPS + 1);
    let (grades, recalled) = (&rest[..STEPS], &rest[STEPS]);
    let shape = recalled.shape();
    let (mut s, mut d) = (w[0].broadcast_to(shape), w[1].broadcast_to(shape));
    let growth = w[2].exp();
    for (interval, grade) in intervals.iter().zip(grades) {
        let r = recall(interval, &s);
        let gain = ((1.0 - r) * &w[4]).exp_m1();
        let power = (s.ln() * -&w[3]).exp();
        s = &s * (&growth * (11.0 - &d) * power * gain + 1.0);
        d = (&d - &w[5] * (grade - 3.0)).clamp(1.0, 10.0);
    }
    recall(&intervals[STEPS], &s).binary_cross_entropy(recalled)
}

/// Loss and gradient by the tape.
pub fn by_tape<T: Real>(reviews: &Reviews<T>) -> (T, [T; PARAMETERS]) {
    let tape = Tape::new();
    let w = parameters().map(|w| tape.leaf(Tensor::scalar(w)));
    let data: Vec<_> = reviews.tensors().into_iter().map(Var::constant).collect();
    let loss = loss(&w, &data);
    let gradients = loss.backward();
    (
        loss.item(),
        [0, 1, 2, 3, 4, 5].map(|i| gradients.wrt(&w[i]).item()),
    )
}

/// What the backward pass of [`by_hand`] reads of a step.
#[derive(Clone, Copy, Default)]
struct Step {
    s: f32,
    d: f32,
    r: f32,
    power: f32,
    gain: f32,
    /// Whether the clamp of `d` let the gradient through.
    inside: bool,
}

/// Loss and gradient in plain Rust, card by card: what a program does that needs nothing else.
pub fn by_hand(reviews: &Reviews<f32>) -> (f32, [f32; PARAMETERS]) {
    let w = parameters::<f32>();
    let decay = DECAY as f32;
    let batch = reviews.recalled.len();
    let slices =
        |tensors: &[Tensor<f32>]| -> Vec<Vec<f32>> { tensors.iter().map(Tensor::to_vec).collect() };
    let (intervals, grades) = (slices(&reviews.intervals), slices(&reviews.grades));
    let recalled = reviews.recalled.to_vec();
    by_hand_on(&w, decay, batch, &intervals, &grades, &recalled)
}

/// [`by_hand`] on plain slices.
pub fn by_hand_on(
    w: &[f32; PARAMETERS],
    decay: f32,
    batch: usize,
    intervals: &[Vec<f32>],
    grades: &[Vec<f32>],
    recalled: &[f32],
) -> (f32, [f32; PARAMETERS]) {
    let growth = w[2].exp();
    let share = 1.0 / batch as f32;
    let (mut loss, mut gradient) = (0.0, [0.0; PARAMETERS]);
    let mut steps = [Step::default(); STEPS];
    for card in 0..batch {
        let (mut s, mut d) = (w[0], w[1]);
        for (k, step) in steps.iter_mut().enumerate() {
            let r = 1.0 / (1.0 + decay * intervals[k][card] / s).sqrt();
            let power = s.powf(-w[3]);
            let gain = ((1.0 - r) * w[4]).exp_m1();
            let next = d - w[5] * (grades[k][card] - 3.0);
            let inside = next > 1.0 && next < 10.0;
            *step = Step {
                s,
                d,
                r,
                power,
                gain,
                inside,
            };
            s *= 1.0 + growth * (11.0 - d) * power * gain;
            d = next.clamp(1.0, 10.0);
        }
        let ratio = decay * intervals[STEPS][card] / s;
        let r = 1.0 / (1.0 + ratio).sqrt();
        let y = recalled[card];
        loss -= share * (y * r.ln() + (1.0 - y) * (1.0 - r).ln());

        let dr = share * (r - y) / (r * (1.0 - r));
        let mut ds = dr * 0.5 * r * r * r * ratio / s;
        let mut dd = 0.0;
        for (k, step) in steps.iter().enumerate().rev() {
            let Step {
                s,
                d,
                r,
                power,
                gain,
                inside,
            } = *step;
            // The cotangent of d before the clamp.
            let dn = if inside { dd } else { 0.0 };
            gradient[5] -= dn * (grades[k][card] - 3.0);
            let (room, scale) = (11.0 - d, growth * power);
            let df = ds * s;
            gradient[2] += df * room * scale * gain;
            gradient[3] -= df * room * scale * gain * s.ln();
            let dg = df * room * scale;
            let de = dg * (gain + 1.0);
            gradient[4] += de * (1.0 - r);
            let dr = -de * w[4];
            let ratio = decay * intervals[k][card] / s;
            dd = dn - df * scale * gain;
            ds = ds * (1.0 + room * scale * gain) - df * room * scale * gain * w[3] / s
                + dr * 0.5 * r * r * r * ratio / s;
        }
        gradient[0] += ds;
        gradient[1] += dd;
    }
    // With respect to w₂ itself: growth = e^w₂ is in `scale`.
    (loss, gradient)
}

/// A step by the tape: loss and gradient of a batch.
pub fn tape_step(batch: usize) -> Work {
    let reviews = Reviews::<f32>::random(batch);
    whole(move || by_tape(&reviews))
}

/// The same step, recorded once and replayed.
pub fn replay_step(batch: usize) -> Work {
    let reviews = Reviews::<f32>::random(batch);
    let w = parameters().map(Tensor::scalar);
    let mut step = Replay::new(|(): &(), x: &[Var]| loss(&x[..PARAMETERS], &x[PARAMETERS..]));
    let data = reviews.tensors();
    whole(move || step.value_and_grad(&(), &w.each_ref(), &data.iter().collect::<Vec<_>>()))
}

/// The same step by hand.
pub fn hand_step(batch: usize) -> Work {
    let reviews = Reviews::<f32>::random(batch);
    let slices =
        |tensors: &[Tensor<f32>]| -> Vec<_> { tensors.iter().map(Tensor::to_vec).collect() };
    let (intervals, grades) = (slices(&reviews.intervals), slices(&reviews.grades));
    let (recalled, w) = (reviews.recalled.to_vec(), parameters());
    whole(move || by_hand_on(&w, DECAY as f32, batch, &intervals, &grades, &recalled))
}
