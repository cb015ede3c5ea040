//! The tests of the crate, one binary: each would compile the same layers anew.

mod cells;
mod corners;
mod deep;
mod file;
mod flow;
mod functional;
mod init;
mod layers;
mod mistakes;
mod models;
mod other_types;
mod paths;
mod pixels;
mod replay;
mod right_networks;
mod safetensors;
mod samples;
mod state_dict;
mod summary;
mod texts;
mod training;
mod wrong_layers;
