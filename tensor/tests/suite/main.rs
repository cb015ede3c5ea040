//! The tests of tensors and kernels. One program, so that what they share is compiled and linked once;
//! what counts the threads or the memory of a whole process has a program of its own.

mod adversarial;
mod assert_shape;
mod conv;
mod conv_dispatch;
mod conv_geometry;
mod conv_kernels;
mod create;
mod display;
mod elementwise;
mod gemm;
mod index;
mod join;
mod matmul;
mod pooling;
mod reduce;
mod views;
