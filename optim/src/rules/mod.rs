//! The update rules, one a file.

mod adam;
mod adam_w;
mod sgd;

pub use adam::Adam;
pub use adam_w::AdamW;
pub use sgd::Sgd;

use wengert_tensor::require;

/// Refuses an option outside its range, naming both.
#[track_caller]
fn within(rule: &str, option: &str, value: f64, range: impl std::ops::RangeBounds<f64>) {
    let shown = |bound| match bound {
        std::ops::Bound::Included(&x) => format!("{x}, included"),
        std::ops::Bound::Excluded(&x) => format!("{x}, excluded"),
        std::ops::Bound::Unbounded => "infinity".to_owned(),
    };
    require!(
        range.contains(&value),
        "{rule}: {option} = {value}: not between {} and {}",
        shown(range.start_bound()),
        shown(range.end_bound())
    );
}
