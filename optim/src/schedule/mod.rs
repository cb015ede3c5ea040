//! Learning-rate schedules.

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
pub use curve::{Curve, GroupRate};
pub use driver::Schedule;
pub use factor::{ConstantLr, ExponentialLr, LinearLr, PolynomialLr};
pub use lambda::{LambdaLr, MultiplicativeLr};
pub use one_cycle::{Anneal, OneCycleLr};
pub use plateau::{MetricMode, Plateau, ReduceLrOnPlateau, ThresholdMode};
pub use rates::{PerGroup, Rate, Rates};
pub use steps::{MultiStepLr, StepLr};
