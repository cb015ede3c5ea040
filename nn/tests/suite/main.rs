//! The tests of the crate, one binary: each would compile the same layers anew.

mod init;
mod layers;
mod models;
mod safetensors;
mod state_dict;
mod summary;
mod training;
