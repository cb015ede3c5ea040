//! Training with `Trainer`: the loop, its options, checkpoints and resume.

mod loop_laws;
mod models;
