//! Layers one after the other.

use wengert_autograd::Var;
use wengert_tensor::{Real, require};

use crate::module::{Layer, Module};
use crate::parameters::{Parameters, Slot, SlotMut};
use crate::pass::Pass;
use crate::path::{Path, require_nestable};

/// Layers of any type, each applied to the output of the one before; the macro
/// [`sequential!`](crate::sequential) makes one.
///
/// Children are named by their position, `"0"`, `"1"` …, as in `torch.nn.Sequential`, or as
/// [`push_named`](Self::push_named) says.
#[derive(Clone, Debug)]
pub struct Sequential<T: Real = f32> {
    layers: Vec<(String, Box<dyn Layer<T>>)>,
}

impl<T: Real> Default for Sequential<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Real> Sequential<T> {
    /// No layers: `y = x`.
    #[must_use]
    pub const fn new() -> Self {
        Self { layers: Vec::new() }
    }

    /// With another layer at the end, named by its position.
    ///
    /// # Panics
    /// If the layer has more than 255 levels of others in it.
    #[must_use]
    #[track_caller]
    pub fn push(self, layer: impl Layer<T> + 'static) -> Self {
        let name = self.layers.len().to_string();
        self.push_named(name, layer)
    }

    /// With another layer at the end, named.
    ///
    /// # Panics
    /// If there is a layer of that name, or this one has more than 255 levels of others in it.
    #[must_use]
    #[track_caller]
    pub fn push_named(mut self, name: impl Into<String>, layer: impl Layer<T> + 'static) -> Self {
        let name = name.into();
        require_nestable(&layer);
        require!(
            self.layers.iter().all(|(other, _)| *other != name),
            "sequential: there is a layer {name:?} already"
        );
        self.layers.push((name, Box::new(layer)));
        self
    }

    /// Puts a layer before the one at a position, `0..=len()`. Layers that are named by their position get the name of
    /// their new one, so that paths are those of `torch.nn.Sequential`.
    ///
    /// ```
    /// use wengert_nn::{Dropout, Linear, Relu, Sequential, sequential};
    ///
    /// let rng = &mut wengert_nn::rng(0);
    /// let mut model: Sequential = sequential![Linear::new(4, 8, rng), Linear::new(8, 2, rng)];
    /// model.insert(1, Relu);
    /// model.replace(2, Linear::new(8, 3, rng));
    /// let _last = model.remove(2);
    /// let names: Vec<_> = model.iter().map(|(name, _)| name).collect();
    /// assert_eq!(names, ["0", "1"]);
    /// ```
    ///
    /// # Panics
    /// If the position is beyond the end, or the layer has more than 255 levels of others in it.
    #[track_caller]
    pub fn insert(&mut self, position: usize, layer: impl Layer<T> + 'static) {
        let count = self.layers.len();
        require!(
            position <= count,
            "insert: position {position}: there are {count} layers"
        );
        require_nestable(&layer);
        let numbered = self.numbered();
        self.layers
            .insert(position, (String::new(), Box::new(layer)));
        self.rename(
            numbered
                .into_iter()
                .map(|at| at + usize::from(at >= position))
                .chain([position]),
        );
    }

    /// Puts a layer in the place of the one at a position, under its name, and returns the old one.
    ///
    /// # Panics
    /// If there is no layer at the position, or the new one has more than 255 levels of others in it.
    #[track_caller]
    pub fn replace(
        &mut self,
        position: usize,
        layer: impl Layer<T> + 'static,
    ) -> Box<dyn Layer<T>> {
        self.require_layer("replace", position);
        require_nestable(&layer);
        std::mem::replace(&mut self.layers[position].1, Box::new(layer))
    }

    /// Takes the layer at a position out. Layers that are named by their position get the name of their new one.
    ///
    /// # Panics
    /// If there is no layer at the position.
    #[track_caller]
    pub fn remove(&mut self, position: usize) -> Box<dyn Layer<T>> {
        self.require_layer("remove", position);
        let numbered = self.numbered();
        let (_, layer) = self.layers.remove(position);
        let others = numbered.into_iter().filter(|&at| at != position);
        self.rename(others.map(|at| at - usize::from(at > position)));
        layer
    }

    /// The layer at a position.
    #[must_use]
    pub fn get(&self, position: usize) -> Option<&dyn Layer<T>> {
        self.layers.get(position).map(|(_, layer)| &**layer)
    }

    #[track_caller]
    fn require_layer(&self, op: &str, position: usize) {
        let count = self.layers.len();
        require!(
            position < count,
            "{op}: position {position}: there are {count} layers"
        );
    }

    /// The positions of the layers that are named by their position.
    fn numbered(&self) -> Vec<usize> {
        let layers = self.layers.iter().enumerate();
        layers
            .filter(|(at, (name, _))| *name == at.to_string())
            .map(|(at, _)| at)
            .collect()
    }

    /// Names the layers at these positions by their position.
    fn rename(&mut self, positions: impl Iterator<Item = usize>) {
        for at in positions {
            self.layers[at].0 = at.to_string();
        }
    }

    /// How many layers there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.layers.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// The layers with their names, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &dyn Layer<T>)> {
        self.layers
            .iter()
            .map(|(name, layer)| (name.as_str(), &**layer))
    }
}

impl<T: Real> Parameters<T> for Sequential<T> {
    fn walk<'a>(&'a self, path: &mut Path, visit: &mut dyn FnMut(&str, Slot<'a, T>)) {
        path.layer(Parameters::<T>::layer_id(self));
        for (name, layer) in &self.layers {
            path.within(name, |path| layer.walk(path, visit));
        }
    }

    fn walk_mut(&mut self, path: &mut Path, visit: &mut dyn FnMut(&str, SlotMut<'_, T>)) {
        for (name, layer) in &mut self.layers {
            path.within(name, |path| layer.walk_mut(path, visit));
        }
    }
}

impl<T: Real> Module<T> for Sequential<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let Some(((_, first), rest)) = self.layers.split_first() else {
            return x.clone();
        };
        let mut x = first.call(x, pass);
        for (_, layer) in rest {
            x = layer.call_owned(x, pass);
        }
        x
    }

    fn forward_owned(&self, mut x: Var<T>, pass: &mut Pass<T>) -> Var<T> {
        for (_, layer) in &self.layers {
            x = layer.call_owned(x, pass);
        }
        x
    }
}

/// A [`Sequential`](crate::Sequential) of the given layers.
///
/// ```
/// use wengert_nn::{Dropout, Linear, Sequential, sequential};
///
/// let rng = &mut wengert_nn::rng(0);
/// let model: Sequential = sequential![
///     Linear::new(64, 32, rng),
///     Dropout::new(0.5),
///     Linear::new(32, 10, rng),
/// ];
/// assert_eq!(model.len(), 3);
/// ```
#[macro_export]
macro_rules! sequential {
    ($($layer:expr),* $(,)?) => {
        $crate::Sequential::new()$(.push($layer))*
    };
}
