//! Walking the parameters and buffers of a model by path.

use wengert_tensor::Real;

use crate::param::{Buffer, Counter, Param};
use crate::path::Path;
use crate::pattern::{no_match, path_matches};

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

/// Identifies a layer within a model while the model stays where it is in memory: its address and its
/// type, because a struct and its first field share an address.
///
/// Layers without fields have no address of their own; they go by their order among the children of
/// the layer that runs.
#[derive(Clone, Copy, Debug)]
pub struct LayerId {
    address: usize,
    type_name: &'static str,
    is_zero_sized: bool,
}

impl LayerId {
    /// The identity of a layer.
    #[must_use]
    pub fn of<L: ?Sized>(layer: &L) -> Self {
        Self {
            address: (&raw const *layer).cast::<()>().addr(),
            type_name: std::any::type_name::<L>(),
            is_zero_sized: size_of_val(layer) == 0,
        }
    }

    /// Whether the layer is of this type.
    pub(crate) fn is_a<L>(self) -> bool {
        self.type_name == std::any::type_name::<L>()
    }

    pub(crate) const fn is_zero_sized(self) -> bool {
        self.is_zero_sized
    }

    /// The name of the type without its path and its parameters; a leading number among those is a
    /// number of axes: `Conv2d` for `Conv<2, f32>`.
    pub(crate) fn kind(self) -> String {
        let (path, parameters) = self
            .type_name
            .split_once('<')
            .unwrap_or((self.type_name, ""));
        let name = path.rsplit("::").next().unwrap_or(path);
        let axes: String = parameters
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        if axes.is_empty() {
            name.to_owned()
        } else {
            format!("{name}{axes}d")
        }
    }
}

impl PartialEq for LayerId {
    fn eq(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.type_name, other.type_name);
        // The pointers differ only where a type was compiled twice.
        self.address == other.address && (std::ptr::eq(ours, theirs) || ours == theirs)
    }
}

impl Eq for LayerId {}

/// Anything with parameters, whatever the signature of its forward call.
///
/// Implemented by [`fields!`](crate::fields) in one line; paths are those of `PyTorch`.
#[diagnostic::on_unimplemented(
    message = "the parameters of `{Self}` cannot be walked for the number type `{T}`",
    label = "not covered by a `fields!` line",
    note = "write `fields!({Self} {{ a, b }})` with the fields that hold parameters, buffers or layers",
    note = "for a struct without the type parameter `T`: `fields!({Self} as f32 {{ a, b }})`; for one without such fields: `fields!({Self})`"
)]
pub trait Parameters<T: Real> {
    /// Calls `visit` with every tensor and its path, in the order of the fields.
    fn walk<'a>(&'a self, path: &mut Path, visit: &mut dyn FnMut(&str, Slot<'a, T>));

    /// As [`walk`](Self::walk), with tensors that can be changed.
    fn walk_mut(&mut self, path: &mut Path, visit: &mut dyn FnMut(&str, SlotMut<'_, T>));

    /// The identity of the layer: by default its address and type.
    ///
    /// Override it only for pointers such as `Box`, to return the identity of the layer they point to.
    fn layer_id(&self) -> LayerId {
        LayerId::of(self)
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

    /// Every layer in the order of the fields: its path, and the name of its type, such as `Conv2d`.
    fn layers(&self) -> Vec<(String, String)> {
        let mut path = Path::collecting();
        self.walk(&mut path, &mut |_, _| {});
        let layers = path.into_layers().into_iter();
        layers.map(|layer| (layer.path, layer.id.kind())).collect()
    }

    /// How many numbers are trained.
    fn parameter_count(&self) -> usize {
        self.parameters()
            .iter()
            .map(|(_, param)| param.value().len())
            .sum()
    }

    /// Holds constant every parameter that a pattern matches, and returns their number: `fc` is a
    /// layer or a parameter and all below it, see [`path_matches`].
    ///
    /// The running statistics of a batch norm are buffers and still move; see
    /// [`Pass::evaluate`](crate::Pass::evaluate).
    ///
    /// # Panics
    /// If no parameter matches.
    #[track_caller]
    fn freeze(&mut self, pattern: &str) -> usize {
        let count = each_match(self, pattern, Param::freeze);
        if count == 0 {
            no_parameter_matches("freeze", self, pattern);
        }
        count
    }

    /// Lets every parameter train again that a pattern matches, and returns their number; see
    /// [`freeze`](Self::freeze).
    ///
    /// # Panics
    /// If no parameter matches.
    #[track_caller]
    fn unfreeze(&mut self, pattern: &str) -> usize {
        let count = each_match(self, pattern, Param::unfreeze);
        if count == 0 {
            no_parameter_matches("unfreeze", self, pattern);
        }
        count
    }
}

/// Changes every parameter that a pattern matches, and returns their number.
fn each_match<T: Real>(
    model: &mut (impl Parameters<T> + ?Sized),
    pattern: &str,
    change: fn(&mut Param<T>),
) -> usize {
    let mut count = 0;
    model.each_mut(|path, slot| {
        if let SlotMut::Param(param) = slot
            && path_matches(pattern, path)
        {
            change(param);
            count += 1;
        }
    });
    count
}

#[cold]
#[track_caller]
fn no_parameter_matches<T: Real>(
    op: &str,
    model: &(impl Parameters<T> + ?Sized),
    pattern: &str,
) -> ! {
    let parameters = model.parameters();
    // A layer is meant as often as a parameter.
    let layers = parameters
        .iter()
        .filter_map(|(path, _)| path.rsplit_once('.'));
    let paths = parameters.iter().map(|(path, _)| path.as_str());
    no_match(
        op,
        pattern,
        "parameter",
        layers.map(|(layer, _)| layer).chain(paths),
    )
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

impl<T: Real, P: Parameters<T>> Parameters<T> for [P] {
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

impl<T: Real, P: Parameters<T>> Parameters<T> for Vec<P> {
    fn walk<'a>(&'a self, path: &mut Path, visit: &mut dyn FnMut(&str, Slot<'a, T>)) {
        self.as_slice().walk(path, visit);
    }

    fn walk_mut(&mut self, path: &mut Path, visit: &mut dyn FnMut(&str, SlotMut<'_, T>)) {
        self.as_mut_slice().walk_mut(path, visit);
    }
}

impl<T: Real, P: Parameters<T> + ?Sized> Parameters<T> for Box<P> {
    fn walk<'a>(&'a self, path: &mut Path, visit: &mut dyn FnMut(&str, Slot<'a, T>)) {
        (**self).walk(path, visit);
    }

    fn walk_mut(&mut self, path: &mut Path, visit: &mut dyn FnMut(&str, SlotMut<'_, T>)) {
        (**self).walk_mut(path, visit);
    }

    fn layer_id(&self) -> LayerId {
        (**self).layer_id()
    }
}

/// Names the fields of a struct that hold parameters, buffers or layers: the one line that a layer
/// owes to everything that walks it.
///
/// | the struct | the line |
/// |---|---|
/// | `struct Net<T: Real> { .. }` | `fields!(Net { conv, fc })` |
/// | without a number type: `struct Net { fc: Linear }` | `fields!(Net as f32 { fc })` |
/// | with constants: `struct Block<const N: usize, T: Real> { .. }` | `fields!(Block<const N: usize, T> { conv })` |
/// | with layers of any type: `struct Residual<L> { body: L }` | `fields!(Residual<L> { body })` |
/// | without such fields: `struct Swish;` or `struct Scale { by: f64 }` | `fields!(Swish)` |
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
///
/// A field that is left out trains nothing and is saved nowhere, so [`Pass::param`](crate::Pass::param)
/// panics when the layer asks for it.
#[macro_export]
macro_rules! fields {
    ($layer:ident) => {
        impl<T: $crate::tensor::Real> $crate::Parameters<T> for $layer {
            $crate::fields!(@walks [T]);
        }
    };
    ($layer:ident { $($body:tt)* }) => {
        impl<T: $crate::tensor::Real> $crate::Parameters<T> for $layer<T> {
            $crate::fields!(@walks [T] $($body)*);
        }
    };
    ($layer:ident as $element:ty { $($body:tt)* }) => {
        impl $crate::Parameters<$element> for $layer {
            $crate::fields!(@walks [$element] $($body)*);
        }
    };
    ($layer:ident<$(const $constant:ident: $type:ty),+, T> { $($body:tt)* }) => {
        impl<$(const $constant: $type,)+ T: $crate::tensor::Real> $crate::Parameters<T>
            for $layer<$($constant,)+ T>
        {
            $crate::fields!(@walks [T] $($body)*);
        }
    };
    ($layer:ident<$($child:ident),+> { $($body:tt)* }) => {
        impl<T: $crate::tensor::Real, $($child: $crate::Parameters<T>),+> $crate::Parameters<T>
            for $layer<$($child),+>
        {
            $crate::fields!(@walks [T] $($body)*);
        }
    };
    (@walks [$element:ty] $($($name:literal =>)? $field:ident),* $(,)?) => {
        #[allow(unused_variables, reason = "a layer may have no field to walk")]
        fn walk<'a>(
            &'a self,
            path: &mut $crate::Path,
            visit: &mut dyn FnMut(&str, $crate::Slot<'a, $element>),
        ) {
            path.layer($crate::Parameters::<$element>::layer_id(self));
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
