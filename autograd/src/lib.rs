//! A tape of reverse-mode differentiation.
#![forbid(unsafe_code)]
