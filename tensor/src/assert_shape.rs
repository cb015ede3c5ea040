//! [`assert_shape!`](crate::assert_shape): asserts the shape of a tensor and binds its extents to names.

use crate::fail::fail;

/// One item of the pattern of a shape.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub enum Asked {
    /// `_`
    Any,
    /// A name: the same extent at every occurrence.
    Named(&'static str),
    /// An expression: exactly that extent.
    Exactly(usize),
    /// `..`
    Rest,
}

/// The extents that the items of the pattern match, without those that `..` matches.
#[doc(hidden)]
#[must_use]
#[track_caller]
pub fn bind(value: &str, asked: &[Asked], written: &str, shape: &[usize]) -> Vec<usize> {
    let rest = asked.iter().position(|asked| matches!(asked, Asked::Rest));
    let count = asked.len() - usize::from(rest.is_some());
    let fits = if rest.is_some() {
        shape.len() >= count
    } else {
        shape.len() == count
    };
    if !fits {
        let at_least = if rest.is_some() { "at least " } else { "" };
        fail(format_args!(
            "assert_shape: {value} is {shape:?}, not {written}: {at_least}{count} axes are needed"
        ));
    }
    let skipped = shape.len() - count;
    let mut extents = Vec::with_capacity(count);
    for (position, item) in asked.iter().enumerate() {
        let is_after_rest = rest.is_some_and(|rest| position > rest);
        let axis = if is_after_rest {
            position - 1 + skipped
        } else {
            position
        };
        let expected = match *item {
            Asked::Rest => continue,
            Asked::Any => None,
            Asked::Exactly(extent) => Some(extent),
            Asked::Named(name) => bound(name, asked, &extents),
        };
        if let Some(expected) = expected.filter(|&expected| expected != shape[axis]) {
            fail(format_args!(
                "assert_shape: {value} is {shape:?}, not {written}: axis {axis} has extent {}, \
                 {expected} is needed",
                shape[axis]
            ));
        }
        extents.push(shape[axis]);
    }
    extents
}

/// The extent that an earlier occurrence of the name has matched.
fn bound(name: &str, asked: &[Asked], extents: &[usize]) -> Option<usize> {
    let items = asked.iter().filter(|asked| !matches!(asked, Asked::Rest));
    let named = |asked: &Asked| matches!(asked, Asked::Named(known) if *known == name);
    let found = items.zip(extents).find(|(asked, _)| named(asked));
    found.map(|(_, &extent)| extent)
}

/// Asserts the shape of a tensor, or of anything else with a method `shape`, and binds its extents.
///
/// A name is bound to its extent; if it occurs again, the extents must be equal. Any other expression must be
/// equal to the extent. `_` matches any extent, `..` any number of axes.
///
/// ```
/// use wengert_tensor::{Tensor, assert_shape};
///
/// let images: Tensor = Tensor::zeros([32, 3, 28, 28]);
/// assert_shape!(images, [n, 3, side, side]);
/// assert_eq!((n, side), (32, 28));
///
/// let scores: Tensor = Tensor::zeros([32, 10]);
/// assert_shape!(scores, [(n), classes]);
/// assert_eq!(classes, 10);
///
/// assert_shape!(images, [.., h, _]);
/// assert_eq!(h, 28);
/// ```
///
/// A name shadows an existing variable; to compare with the variable, put it in parentheses.
///
/// # Panics
/// If the shape does not match the pattern; at the caller's line, with both in the message.
///
/// ```should_panic
/// # use wengert_tensor::{Tensor, assert_shape};
/// let images: Tensor = Tensor::zeros([32, 3, 28, 27]);
/// assert_shape!(images, [n, 3, side, side]); // axis 3 has extent 27, 28 is needed
/// ```
#[macro_export]
macro_rules! assert_shape {
    (@asked [$($asked:expr),*]) => { [$($asked),*] };
    (@asked [$($asked:expr),*] _, $($rest:tt)*) => {
        $crate::assert_shape!(@asked [$($asked,)* $crate::assert_shape::Asked::Any] $($rest)*)
    };
    (@asked [$($asked:expr),*] .., $($rest:tt)*) => {
        $crate::assert_shape!(@asked [$($asked,)* $crate::assert_shape::Asked::Rest] $($rest)*)
    };
    (@asked [$($asked:expr),*] $name:ident, $($rest:tt)*) => {
        $crate::assert_shape!(
            @asked [$($asked,)* $crate::assert_shape::Asked::Named(stringify!($name))] $($rest)*
        )
    };
    (@asked [$($asked:expr),*] $extent:expr, $($rest:tt)*) => {
        $crate::assert_shape!(
            @asked [$($asked,)* $crate::assert_shape::Asked::Exactly($extent)] $($rest)*
        )
    };
    (@bind $extents:ident) => {};
    (@bind $extents:ident _, $($rest:tt)*) => {
        let _ = $extents.next();
        $crate::assert_shape!(@bind $extents $($rest)*);
    };
    (@bind $extents:ident .., $($rest:tt)*) => {
        $crate::assert_shape!(@bind $extents $($rest)*);
    };
    (@bind $extents:ident $name:ident, $($rest:tt)*) => {
        let $name: usize = $extents.next().unwrap_or_default();
        $crate::assert_shape!(@bind $extents $($rest)*);
    };
    (@bind $extents:ident $extent:expr, $($rest:tt)*) => {
        let _ = $extents.next();
        $crate::assert_shape!(@bind $extents $($rest)*);
    };
    ($value:expr, [$($shape:tt)*] $(,)?) => {
        let mut extents = $crate::assert_shape::bind(
            stringify!($value),
            &$crate::assert_shape!(@asked [] $($shape)*,),
            stringify!([$($shape)*]),
            $value.shape(),
        )
        .into_iter();
        $crate::assert_shape!(@bind extents $($shape)*,);
    };
}
