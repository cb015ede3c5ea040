//! Update rules.
#![forbid(unsafe_code)]
