//! Training with `Trainer`: the loop, its options, checkpoints and resume.

mod bad_input;
mod checkpoints;
mod communicators;
mod data_files;
mod distributed;
mod edited_checkpoints;
mod endless;
mod kills;
mod loop_laws;
mod metrics;
mod model_corners;
mod models;
mod non_finite;
mod resume;
mod shards;
mod source_corners;
mod sync_batch_norm;
mod trainer_corners;
mod unreadable;
