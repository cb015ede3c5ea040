//! Data sets, files and reports. One program, so that what the tests share is compiled and linked once.

mod augmentation;
mod callers;
mod cookbook;
mod counting;
mod data_corners;
mod data_directories;
mod data_sets;
mod foreign_pools;
mod gradcheck_corners;
mod gradcheck_reports;
mod image_files;
mod image_folders;
mod malformed_idx;
mod npy;
mod npz;
mod own_data;
mod report_corners;
mod reports;
mod samples;
