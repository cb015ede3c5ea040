//! A gradient check with every knob, one method each.

use std::fmt;

use wengert_tensor::Tensor;

use super::{CheckOptions, Report, Witness, check_dyn};
use crate::function::Differentiable;

/// A gradient check under construction: a function, where to check it, and how thoroughly.
///
/// ```
/// use wengert_autograd::check::{Check, Witness};
/// use wengert_autograd::generic;
/// use wengert_tensor::Tensor;
///
/// let x = Tensor::from_vec(vec![0.5, -1.0, 2.0], [3]);
/// let w = Tensor::from_vec(vec![0.1, 0.7, -0.4], [3]);
/// let report = Check::of(generic!(|x, w| (x * w).tanh()))
///     .at("x", &x)
///     .at("w", &w)
///     .seed(7)
///     .order(1)
///     .witnesses(&[Witness::Dual])
///     .run();
/// report.assert();
/// assert_eq!(report.names, ["x", "w"]);
/// ```
pub struct Check<'a> {
    f: Box<dyn Differentiable + 'a>,
    inputs: Vec<Tensor<f64>>,
    names: Vec<String>,
    title: String,
    options: CheckOptions,
}

impl<'a> Check<'a> {
    /// A check of a function, with the default options and without inputs.
    #[must_use]
    pub fn of(f: impl Differentiable + 'a) -> Self {
        Self {
            f: Box::new(f),
            inputs: Vec::new(),
            names: Vec::new(),
            title: String::new(),
            options: CheckOptions::default(),
        }
    }

    /// Adds an input: its name in the report, and where to check.
    #[must_use]
    pub fn at(mut self, name: &str, input: &Tensor<f64>) -> Self {
        self.names.push(name.to_owned());
        self.inputs.push(input.clone());
        self
    }

    /// The title of the report.
    #[must_use]
    pub fn titled(mut self, title: &str) -> Self {
        title.clone_into(&mut self.title);
        self
    }

    /// Other options, all at once; methods that follow change them.
    #[must_use]
    pub fn options(mut self, options: CheckOptions) -> Self {
        self.options = options;
        self
    }

    /// The seed of random cotangents, directions and entries.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.options.seed = seed;
        self
    }

    /// Judges inputs of up to `count` elements entry by entry, larger ones along directions and at a few random entries.
    #[must_use]
    pub const fn entries(mut self, count: usize) -> Self {
        self.options.entries = count;
        self
    }

    /// Judges at least `count` random directions through all inputs at once.
    #[must_use]
    pub const fn directions(mut self, count: usize) -> Self {
        self.options.directions = count;
        self
    }

    /// Takes as many random directions as see a wrong entry with this probability: `k` directions miss it with at most
    /// `2⁻ᵏ`. [`Report::power`] states how large an entry has to be.
    ///
    /// # Panics
    /// If the probability is not between 0 and 1, both excluded.
    #[must_use]
    #[track_caller]
    pub fn power(mut self, probability: f64) -> Self {
        assert!(
            probability > 0.0 && probability < 1.0,
            "power: {probability}: the probability must be above 0 and below 1"
        );
        self.options.directions = (-(1.0 - probability).log2()).ceil() as usize;
        self
    }

    /// The error of one entry, relative to the largest one, that directions must see; a millionth by default.
    #[must_use]
    pub const fn smallest_error(mut self, relative: f64) -> Self {
        self.options.power = relative;
        self
    }

    /// The most evaluations of the function; a pass on dual numbers counts as two, a backward pass as three.
    #[must_use]
    pub const fn budget(mut self, evaluations: usize) -> Self {
        self.options.budget = Some(evaluations);
        self
    }

    /// The highest order of derivatives that is checked: 1, 2 as by default, or 3.
    ///
    /// # Panics
    /// If the order is another number.
    #[must_use]
    #[track_caller]
    pub fn order(mut self, order: usize) -> Self {
        assert!(
            (1..=3).contains(&order),
            "order: {order}: derivatives of order 1, 2 and 3 can be checked"
        );
        self.options.second_order = order >= 2;
        self.options.third_order = order == 3;
        self
    }

    /// Compares with these witnesses of the first derivative only: [`Witness::Dual`], [`Witness::Differences`] or both.
    ///
    /// # Panics
    /// If neither is among them: nothing would be judged.
    #[must_use]
    #[track_caller]
    pub fn witnesses(mut self, witnesses: &[Witness]) -> Self {
        self.options.forward_mode = witnesses.contains(&Witness::Dual);
        self.options.finite_differences = witnesses.contains(&Witness::Differences);
        assert!(
            self.options.forward_mode || self.options.finite_differences,
            "witnesses: {witnesses:?}: name Witness::Dual, Witness::Differences or both"
        );
        self
    }

    /// Leaves the properties of every gradient unchecked: linearity in the cotangent, layouts, repeated runs.
    #[must_use]
    pub const fn without_structure(mut self) -> Self {
        self.options.structure = false;
        self
    }

    /// Does not look for the wrong op if something is wrong.
    #[must_use]
    pub const fn without_localisation(mut self) -> Self {
        self.options.localise = false;
        self
    }

    /// Runs the check; inside [`with_threads`](wengert_tensor::parallel::with_threads), on that many threads, with
    /// the same result.
    #[must_use]
    pub fn run(self) -> Report {
        let Self {
            f,
            inputs,
            names,
            title,
            options,
        } = self;
        let report = check_dyn(&*f, &inputs, &options);
        report.titled(title).named(names)
    }
}

impl fmt::Debug for Check<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check")
            .field("names", &self.names)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
