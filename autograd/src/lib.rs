//! Reverse-mode differentiation on a tape, operations with their rules, and a checker that compares
//! every rule with independent derivatives. Layers are in the crate `wengert-nn`.
//!
//! ```
//! use wengert_autograd::Tape;
//! use wengert_tensor::Tensor;
//!
//! let tape = Tape::new();
//! let x = tape.leaf(Tensor::from_vec(vec![1.0_f64, 2.0, 3.0], [3]));
//! let y = (&x * &x).sum(..);
//! assert_eq!(y.backward().wrt(&x).to_vec(), [2.0, 4.0, 6.0]);
//! ```
#![forbid(unsafe_code)]

mod apply;
mod attribute;
mod backward;
mod call;
#[cfg(feature = "check")]
pub mod check;
mod detach;
mod function;
mod gradients;
mod inline_vec;
mod on_slices;
mod op;
pub mod ops;
mod outline;
mod reads;
mod recompute;
mod record;
mod recorded;
mod replay;
mod rule;
mod sample;
mod saved;
mod slots;
mod tape;
pub mod transform;
mod var;
mod watch;

pub use apply::Operands;
pub use attribute::{Attribute, Attributes};
pub use backward::grad;
pub use call::Call;
#[cfg(feature = "check")]
pub use check::{check_gradients, check_op};
pub use function::{Apply, Closures, Differentiable, Function, Generic};
pub use gradients::{LeafGradients, Unreached};
pub use on_slices::{OnSlices, SliceCall};
pub use op::{Inputs, Op, Outputs};
pub use outline::{Outline, Outlined, Reach, Window};
pub use reads::Reads;
pub use recompute::{recompute, recompute_from};
pub use recorded::RecordedCall;
pub use replay::{Program, Replay};
#[doc(hidden)]
pub use replay::{Strided, require_same, with_gradients};
pub use rule::{Contributions, Graph};
pub use sample::{Draw, LARGEST, Sample};
pub use saved::Saved;
pub use tape::Tape;
pub use var::Var;
pub use watch::{Direction, NonFiniteOp};
#[doc(hidden)]
pub use wengert_tensor as tensor;

/// The code of the README, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
