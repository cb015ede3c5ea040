//! A value that a forward run saves for its rule.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

/// A value that is piecewise constant in the inputs and that an op's forward run saves for its rule:
/// positions of maxima, a mask.
///
/// Make a differentiable intermediate an extra output instead. A saved value counts as a constant, so
/// second derivatives through it would be missing.
///
/// A clone of the op starts with nothing saved, since it may run on other inputs.
pub struct Saved<V>(Rc<RefCell<Option<V>>>);

impl<V: Clone> Saved<V> {
    /// Saves a value, in place of an earlier one.
    pub fn write(&self, value: V) {
        *self.0.borrow_mut() = Some(value);
    }

    /// The value that the forward run saved.
    ///
    /// # Panics
    /// If the forward run has saved nothing.
    #[must_use]
    pub fn read(&self) -> V {
        let value = self.0.borrow().clone();
        value.expect("the rule runs after the forward run, which saves")
    }

    /// Another handle to the same value, for the method that records the op and returns the value.
    pub(crate) fn share(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<V> Default for Saved<V> {
    fn default() -> Self {
        Self(Rc::default())
    }
}

impl<V> Clone for Saved<V> {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl<V> fmt::Debug for Saved<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Saved")
    }
}
