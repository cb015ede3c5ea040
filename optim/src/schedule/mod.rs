//! Learning rates that change from step to step.

mod cosine;
mod curve;
mod driver;
mod factor;
mod lambda;
mod one_cycle;
mod plateau;
mod rates;
mod steps;

pub use cosine::{CosineAnnealingLr, CosineAnnealingWarmRestarts};
pub use curve::{At, Curve};
pub use driver::Schedule;
pub use factor::{ConstantLr, ExponentialLr, LinearLr, PolynomialLr};
pub use lambda::{LambdaLr, MultiplicativeLr};
pub use one_cycle::{Anneal, OneCycleLr};
pub use plateau::{Mode, Plateau, ReduceLrOnPlateau, ThresholdMode};
pub use rates::{PerGroup, Rate, Rates};
pub use steps::{MultiStepLr, StepLr};
