//! The tests of tensors and kernels in one program, so that what they share is compiled and linked once. Tests
//! that count the threads or the memory of a whole process have programs of their own.

mod adversarial;
mod assert_shape;
mod column_ranges;
mod conv;
mod conv_dispatch;
mod conv_geometry;
mod conv_kernel_levels;
mod conv_kernels;
mod corners;
mod create;
mod display;
mod elementwise;
mod fused_rows;
mod gemm;
mod index;
mod join;
mod long_sums;
mod matmul;
mod own_number;
mod pooling;
mod reduce;
mod shared_buffers;
mod slices;
mod trace;
mod views;
