//! What the checker says: functions that are right but hard must not fail, wrong ones must, and the wrong op is
//! named.

mod black_box;
mod engine;
mod hard;
mod located;
mod misses;
mod one_line;
mod single_precision;
mod wrong_rules;
