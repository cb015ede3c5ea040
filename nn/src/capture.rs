//! Outputs of layers, read by path: [`Pass::capture`].

use wengert_autograd::Var;
use wengert_tensor::Real;
use wengert_tensor::fail::fail;

use crate::pass::Pass;
use crate::pattern::{no_match, path_matches};

/// The outputs of layers that are to be read.
#[derive(Debug)]
pub(crate) struct Captures<T: Real> {
    /// Whether a layer is captured, by its number in the index.
    pub(crate) wanted: Vec<bool>,
    pub(crate) outputs: Vec<(usize, Var<T>)>,
}

/// What a layer returns: a variable, or several of which the first is its output.
pub trait LayerOutput<T: Real> {
    /// The output that [`Pass::capture`] and [`summary`](crate::summary()) see.
    fn output(&self) -> &Var<T>;
}

impl<T: Real> LayerOutput<T> for Var<T> {
    fn output(&self) -> &Var<T> {
        self
    }
}

impl<T: Real, A> LayerOutput<T> for (Var<T>, A) {
    fn output(&self) -> &Var<T> {
        &self.0
    }
}

impl<T: Real, A, B> LayerOutput<T> for (Var<T>, A, B) {
    fn output(&self) -> &Var<T> {
        &self.0
    }
}

impl<T: Real> Pass<T> {
    /// Keeps the output of every layer that a pattern matches, each time that it runs; to be called
    /// before the forward pass.
    ///
    /// `layer1.0.conv2` is one layer, `*.conv2` all of that name; a layer's path does not mean the
    /// layers inside it. `""` is the model itself.
    ///
    /// ```
    /// use wengert_nn::{Conv2d, Module, Pass, Relu, Sequential, sequential};
    /// use wengert_tensor::Tensor;
    ///
    /// let model: Sequential = sequential![Conv2d::new(1, 4, 3, &mut wengert_nn::rng(0)), Relu];
    /// let mut pass = Pass::eval(&model);
    /// pass.capture("0");
    /// let x = pass.input(Tensor::ones([1, 1, 8, 8]));
    /// let y = model.call(&x, &mut pass);
    /// assert_eq!(pass.captured("0").relu().value(), y.value());
    /// ```
    ///
    /// # Panics
    /// If no layer of the model matches.
    #[track_caller]
    pub fn capture(&mut self, pattern: &str) {
        let with_star = pattern.contains('*');
        let layers = self.index.layers();
        let matching: Vec<_> = layers
            .iter()
            .map(|layer| {
                if with_star {
                    path_matches(pattern, &layer.path)
                } else {
                    *layer.path == *pattern
                }
            })
            .collect();
        if !matching.contains(&true) {
            no_match("capture", pattern, "layer", layers.iter().map(|l| &*l.path));
        }
        let captures = self.captures.get_or_insert_with(|| {
            Box::new(Captures {
                wanted: vec![false; matching.len()],
                outputs: Vec::new(),
            })
        });
        for (wanted, matches) in captures.wanted.iter_mut().zip(matching) {
            *wanted |= matches;
        }
    }

    /// The output of a captured layer, the last one if it ran more than once.
    ///
    /// # Panics
    /// If the layer was not captured, or has not run.
    #[must_use]
    #[track_caller]
    pub fn captured(&self, path: &str) -> &Var<T> {
        let mut last = None;
        for (captured, output) in self.captures() {
            if captured == path {
                last = Some(output);
            }
        }
        let Some(last) = last else {
            let captures = self.captures.as_deref();
            let wanted = captures.map_or(&[][..], |captures| &captures.wanted);
            let layers = self.index.layers().iter().zip(wanted);
            let mut captured = layers
                .filter(|(_, wanted)| **wanted)
                .map(|(layer, _)| &*layer.path);
            if captured.clone().any(|layer| layer == path) {
                fail(format_args!(
                    "captured: {path:?}: the layer has not run in this pass"
                ));
            }
            let captured = captured.by_ref();
            no_match("captured", path, "captured layer", captured)
        };
        last
    }

    /// The outputs of the captured layers with their paths, in the order in which they ran.
    pub fn captures(&self) -> impl Iterator<Item = (&str, &Var<T>)> {
        let outputs = self.captures.iter().flat_map(|captures| &captures.outputs);
        outputs.map(|(layer, output)| (&*self.index.layers()[*layer].path, output))
    }
}
