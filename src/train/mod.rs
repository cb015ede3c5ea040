//! Training that cannot be lost: [`Trainer`], metrics, checkpoints, exact resume.

mod checkpoint;
mod directory;
mod ema;
mod epoch_end;
mod error;
mod fit;
mod history;
mod lock;
mod message;
mod method;
mod metrics;
mod non_finite;
mod options;
mod prepare;
mod processes;
mod reducer;
mod schedules;
mod shards;
mod source;
mod state;
mod step;
mod stop;
mod trainer;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use error::TrainError;
pub use history::{EpochRecord, History, StepRecord};
pub use lock::DirectoryLock;
pub use method::Method;
pub use metrics::{ClassScore, Evaluation, evaluate};
pub use non_finite::{NonFinite, Origin};
pub use options::{CheckpointOptions, EarlyStopping, Ema, MetricMode, Monitor, TrainOptions};
pub use schedules::Every;
pub use source::{BatchSource, TrainBatch};
pub use stop::{CallbackResult, Outcome, StopHandle, StopReason};
pub use trainer::{EpochReport, StepReport, Trainer};
pub use wengert_autograd::{Direction, NonFiniteOp};
