//! Walking the parameters and buffers of a model by path.

use wengert_tensor::Real;

use crate::label::Label;
use crate::param::{Buffer, Counter, Param};

/// One tensor of a model.
#[derive(Clone, Copy, Debug)]
pub enum Slot<'a, T: Real> {
    /// A trainable one.
    Param(&'a Param<T>),
    /// One that is kept.
    Buffer(&'a Buffer<T>),
    /// A whole number that is kept.
    Counter(&'a Counter),
}

/// One tensor of a model, to be changed.
#[derive(Debug)]
pub enum SlotMut<'a, T: Real> {
    /// A trainable one.
    Param(&'a mut Param<T>),
    /// One that is kept.
    Buffer(&'a mut Buffer<T>),
    /// A whole number that is kept.
    Counter(&'a mut Counter),
}

/// Anything with parameters, whatever the signature of its forward call.
///
/// Implemented by [`fields!`](crate::fields) in one line; paths are those of `PyTorch`.
pub trait Parameters<T: Real> {
    /// Calls `visit` with every tensor and its path, in the order of the fields.
    fn walk<'a>(&'a self, path: &mut Path, visit: &mut dyn FnMut(&str, Slot<'a, T>));

    /// As [`walk`](Self::walk), with tensors that can be changed.
    fn walk_mut(&mut self, path: &mut Path, visit: &mut dyn FnMut(&str, SlotMut<'_, T>));
}

/// A path under construction: names joined by dots.
#[derive(Clone, Debug, Default)]
pub struct Path(String);

impl Path {
    /// The root.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Calls `f` with `name` appended.
    pub fn within<R>(&mut self, name: &str, f: impl FnOnce(&mut Self) -> R) -> R {
        let length = self.0.len();
        if length > 0 && !name.is_empty() {
            self.0.push('.');
        }
        self.0.push_str(name);
        let result = f(self);
        self.0.truncate(length);
        result
    }

    /// The names so far.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What one can ask of anything with parameters.
pub trait ParametersExt<T: Real>: Parameters<T> {
    /// Calls `visit` with every tensor and its path.
    fn each<'a>(&'a self, mut visit: impl FnMut(&str, Slot<'a, T>)) {
        self.walk(&mut Path::new(), &mut visit);
    }

    /// Calls `visit` with every tensor, which can be changed, and its path.
    fn each_mut(&mut self, mut visit: impl FnMut(&str, SlotMut<'_, T>)) {
        self.walk_mut(&mut Path::new(), &mut visit);
    }

    /// Every parameter with its path.
    fn parameters(&self) -> Vec<(String, &Param<T>)> {
        let mut all = Vec::new();
        self.each(|path, slot| {
            if let Slot::Param(param) = slot {
                all.push((path.to_owned(), param));
            }
        });
        all
    }

    /// How many numbers are trained.
    fn parameter_count(&self) -> usize {
        self.parameters()
            .iter()
            .map(|(_, param)| param.value().len())
            .sum()
    }

    /// Freezes every parameter whose path starts with `prefix`, or lets them train again; tells how
    /// many there are.
    fn set_frozen(&mut self, prefix: &str, frozen: bool) -> usize {
        let mut count = 0;
        self.each_mut(|path, slot| {
            if let SlotMut::Param(param) = slot
                && path.starts_with(prefix)
            {
                param.set_frozen(frozen);
                count += 1;
            }
        });
        count
    }
}

impl<T: Real, P: Parameters<T> + ?Sized> ParametersExt<T> for P {}

macro_rules! leaf {
    ($([$($generic:tt)*] $type:ty => $variant:ident;)*) => {$(
        impl<T: Real> Parameters<T> for $type {
            fn walk<'a>(&'a self, path: &mut Path, visit: &mut dyn FnMut(&str, Slot<'a, T>)) {
                visit(path.as_str(), Slot::$variant(self));
            }

            fn walk_mut(&mut self, path: &mut Path, visit: &mut dyn FnMut(&str, SlotMut<'_, T>)) {
                visit(path.as_str(), SlotMut::$variant(self));
            }
        }
    )*};
}

leaf! {
    [T] Param<T> => Param;
    [T] Buffer<T> => Buffer;
    [] Counter => Counter;
}

impl<T: Real> Parameters<T> for Label {
    fn walk<'a>(&'a self, path: &mut Path, _visit: &mut dyn FnMut(&str, Slot<'a, T>)) {
        // The label is a field of the layer that it names.
        let whole = path.as_str();
        self.set(whole.rsplit_once('.').map_or("", |(layer, _)| layer));
    }

    fn walk_mut(&mut self, path: &mut Path, _visit: &mut dyn FnMut(&str, SlotMut<'_, T>)) {
        Parameters::<T>::walk(self, path, &mut |_, _| {});
    }
}

impl<T: Real, P: Parameters<T>> Parameters<T> for Option<P> {
    fn walk<'a>(&'a self, path: &mut Path, visit: &mut dyn FnMut(&str, Slot<'a, T>)) {
        if let Some(child) = self {
            child.walk(path, visit);
        }
    }

    fn walk_mut(&mut self, path: &mut Path, visit: &mut dyn FnMut(&str, SlotMut<'_, T>)) {
        if let Some(child) = self {
            child.walk_mut(path, visit);
        }
    }
}

impl<T: Real, P: Parameters<T>> Parameters<T> for Vec<P> {
    fn walk<'a>(&'a self, path: &mut Path, visit: &mut dyn FnMut(&str, Slot<'a, T>)) {
        for (i, child) in self.iter().enumerate() {
            path.within(&i.to_string(), |path| child.walk(path, visit));
        }
    }

    fn walk_mut(&mut self, path: &mut Path, visit: &mut dyn FnMut(&str, SlotMut<'_, T>)) {
        for (i, child) in self.iter_mut().enumerate() {
            path.within(&i.to_string(), |path| child.walk_mut(path, visit));
        }
    }
}

impl<T: Real, P: Parameters<T> + ?Sized> Parameters<T> for Box<P> {
    fn walk<'a>(&'a self, path: &mut Path, visit: &mut dyn FnMut(&str, Slot<'a, T>)) {
        (**self).walk(path, visit);
    }

    fn walk_mut(&mut self, path: &mut Path, visit: &mut dyn FnMut(&str, SlotMut<'_, T>)) {
        (**self).walk_mut(path, visit);
    }
}

/// Names the fields of a layer that hold parameters, buffers or other layers: the one line that a
/// layer owes to everything that walks it.
///
/// A field is known by its own name, or by another one: `"downsample.0" => down`.
///
/// ```
/// use wengert_nn::{Param, ParametersExt, fields};
/// use wengert_tensor::{Real, Tensor};
///
/// struct Scale<T: Real> {
///     gain: Param<T>,
///     shift: Param<T>,
/// }
/// fields!(Scale { gain, "bias" => shift });
///
/// let scale = Scale { gain: Param::new(Tensor::<f32>::ones([3])), shift: Param::new(Tensor::zeros([3])) };
/// let names: Vec<_> = scale.parameters().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["gain", "bias"]);
/// ```
#[macro_export]
macro_rules! fields {
    ($layer:ident { $($body:tt)* }) => {
        impl<T: $crate::tensor::Real> $crate::Parameters<T> for $layer<T> {
            $crate::fields!(@walks $($body)*);
        }
    };
    ($layer:ident as $element:ty { $($body:tt)* }) => {
        impl $crate::Parameters<$element> for $layer {
            $crate::fields!(@concrete $element, $($body)*);
        }
    };
    (@walks $($($name:literal =>)? $field:ident),* $(,)?) => {
        #[allow(unused_variables, reason = "a layer may have no field to walk")]
        fn walk<'a>(
            &'a self,
            path: &mut $crate::Path,
            visit: &mut dyn FnMut(&str, $crate::Slot<'a, T>),
        ) {
            $(path.within($crate::fields!(@name $($name)? $field), |path| {
                $crate::Parameters::<T>::walk(&self.$field, path, visit)
            });)*
        }

        #[allow(unused_variables, reason = "a layer may have no field to walk")]
        fn walk_mut(
            &mut self,
            path: &mut $crate::Path,
            visit: &mut dyn FnMut(&str, $crate::SlotMut<'_, T>),
        ) {
            $(path.within($crate::fields!(@name $($name)? $field), |path| {
                $crate::Parameters::<T>::walk_mut(&mut self.$field, path, visit)
            });)*
        }
    };
    (@concrete $element:ty, $($($name:literal =>)? $field:ident),* $(,)?) => {
        #[allow(unused_variables, reason = "a layer may have no field to walk")]
        fn walk<'a>(
            &'a self,
            path: &mut $crate::Path,
            visit: &mut dyn FnMut(&str, $crate::Slot<'a, $element>),
        ) {
            $(path.within($crate::fields!(@name $($name)? $field), |path| {
                $crate::Parameters::<$element>::walk(&self.$field, path, visit)
            });)*
        }

        #[allow(unused_variables, reason = "a layer may have no field to walk")]
        fn walk_mut(
            &mut self,
            path: &mut $crate::Path,
            visit: &mut dyn FnMut(&str, $crate::SlotMut<'_, $element>),
        ) {
            $(path.within($crate::fields!(@name $($name)? $field), |path| {
                $crate::Parameters::<$element>::walk_mut(&mut self.$field, path, visit)
            });)*
        }
    };
    (@name $name:literal $field:ident) => { $name };
    (@name $field:ident) => { stringify!($field) };
}
