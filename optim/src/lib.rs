//! Update rules under one driver, learning-rate schedules, clipping.
//!
//! A complete training loop:
//!
//! ```
//! use wengert_nn::{Linear, Module, Pass};
//! use wengert_optim::{Adam, Optimizer};
//! use wengert_tensor::Tensor;
//!
//! let mut rng = wengert_nn::rng(0);
//! let mut model: Linear = Linear::new(3, 1, &mut rng);
//! let mut optimizer = Optimizer::new(Adam { lr: 0.1, ..Adam::default() });
//!
//! let x = Tensor::normal([16, 3], 0.0, 1.0, &mut rng);
//! let mut losses = Vec::new();
//! for step in 0..20 {
//!     let mut pass = Pass::train(&model, step);
//!     let y = model.call(&pass.input(x.clone()), &mut pass);
//!     let loss = y.mul(&y).sum(..);
//!     let gradients = pass.backward(&loss);
//!     optimizer.step(&mut model, &gradients, pass);
//!     losses.push(loss.item());
//! }
//! assert!(losses[19] < 0.1 * losses[0]);
//! ```
#![forbid(unsafe_code)]

mod clip;
mod elementwise;
mod group;
mod lbfgs;
mod optimizer;
mod optimizer_state;
mod rule;
mod rule_options;
mod rule_state;
mod rules;
mod schedule;

pub use clip::{Norm, clip_grad_norm, clip_grad_value};
pub use group::Group;
pub use lbfgs::{Lbfgs, LbfgsOptions, LineSearch};
pub use optimizer::{Optimizer, Stepped};
pub use optimizer_state::{LoadError, OptimizerState, OptionDifference};
pub use rule::{Rule, Step, Update};
pub use rule_options::{Range, RuleOptions};
pub use rule_state::RuleState;
pub use rules::*;
pub use schedule::*;
