//! What the checker says: functions that are right but hard must not fail, wrong ones must, and the wrong op is
//! named.

mod black_box;
mod chosen;
mod engine;
mod explained;
mod hard;
mod located;
mod misses;
mod one_line;
mod printed;
mod sides;
mod single_precision;
mod wrong_rules;
