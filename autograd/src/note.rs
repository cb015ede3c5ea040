//! What a forward run finds out for its rule.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

/// Something piecewise constant in the inputs that an op's forward run writes down for its rule:
/// positions of maxima, a mask.
///
/// A differentiable intermediate is an extra output instead: from here, a gradient of the gradient
/// would miss its derivative.
///
/// A clone of the op starts with nothing written, since it may run on other inputs.
pub struct Note<V>(Rc<RefCell<Option<V>>>);

impl<V: Clone> Note<V> {
    /// Writes, over what was there.
    pub fn write(&self, value: V) {
        *self.0.borrow_mut() = Some(value);
    }

    /// What the forward run wrote.
    ///
    /// # Panics
    /// If there was none.
    #[must_use]
    pub fn read(&self) -> V {
        let value = self.0.borrow().clone();
        value.expect("the rule runs after the forward run, which writes")
    }

    /// A second hand on the same note, for the method that records the op and returns what it found.
    pub(crate) fn share(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<V> Default for Note<V> {
    fn default() -> Self {
        Self(Rc::default())
    }
}

impl<V> Clone for Note<V> {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl<V> fmt::Debug for Note<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Note")
    }
}
