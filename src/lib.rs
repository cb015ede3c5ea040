//! Reverse-mode autodiff on CPUs.
#![forbid(unsafe_code)]
