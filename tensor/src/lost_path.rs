//! Where a computation on dual numbers dropped a derivative by converting a number to `f64`.

use std::cell::RefCell;
use std::panic::Location;

/// Places in the order in which they were first reached, without repeats.
type Places = Vec<&'static Location<'static>>;

thread_local! {
    static PLACES: RefCell<Option<Places>> = const { RefCell::new(None) };
}

/// Runs `f` and returns where it called [`to_f64`](crate::Number::to_f64) on a dual number with a tangent other
/// than 0.
///
/// The `f64` has no tangent, so a result that is computed from it lacks a part of its derivative. A number from
/// which only a decision or a scale is taken is converted after [`primal`](crate::Real::primal), which is not
/// counted. Calls on other threads are not seen.
///
/// ```
/// use wengert_tensor::{Dual, Number, Tensor, lost_paths};
///
/// let x = Tensor::from_vec(vec![Dual::new(3.0, 1.0)], [1]);
/// let (_, places) = lost_paths(|| x.map(|x| x * Dual::of(x.to_f64())));
/// assert_eq!(places.len(), 1);
/// let (_, places) = lost_paths(|| x.map(|x| x * x));
/// assert!(places.is_empty());
/// ```
pub fn lost_paths<R>(f: impl FnOnce() -> R) -> (R, Vec<&'static Location<'static>>) {
    /// Restores the list of an outer call, also if `f` panics.
    struct Outer(Option<Places>);
    impl Drop for Outer {
        fn drop(&mut self) {
            PLACES.set(self.0.take());
        }
    }
    let outer = Outer(PLACES.replace(Some(Vec::new())));
    let result = f();
    let found = PLACES.take().unwrap_or_default();
    drop(outer);
    (result, found)
}

/// Adds a place, if anything is watching on this thread.
pub(crate) fn note(place: &'static Location<'static>) {
    PLACES.with_borrow_mut(|places| {
        if let Some(places) = places
            && !places.contains(&place)
        {
            places.push(place);
        }
    });
}
