//! Smooth functions of one operand, whose rule is one loop over the elements.

use std::fmt::Debug;

use wengert_tensor::ElementFunction;

use crate::ops::prelude::*;

/// The argument of the function that computes the slope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    /// The argument `x` of the function itself.
    X,
    /// The value `y` of the function.
    Y,
}

/// A function of one number with its first two derivatives, defined by [`smooth!`].
pub(crate) trait Smooth: Clone + Debug + Sync + Send + 'static {
    /// The function's name.
    const NAME: &'static str;
    /// What [`slope`](Self::slope) and [`curvature`](Self::curvature) take.
    const OF: Of;

    /// The function.
    fn value<T: Real>(&self, x: T) -> T;
    /// Its derivative.
    fn slope<T: Real>(&self, z: T) -> T;
    /// The derivative of [`slope`](Self::slope), in variables, so that it can be differentiated again.
    fn curvature<T: Real>(&self, z: &Var<T>) -> Var<T>;
    /// Whether the slope has rare arguments ([`ElementFunction::HAS_RARE`]): large angles.
    const SLOPE_HAS_RARE: bool = false;
    /// The slope, or anything for a large angle.
    #[inline(always)]
    fn common_slope<T: Real>(&self, z: T) -> T {
        self.slope(z)
    }
    /// The function of every element; for functions that have faster loops for some of their options.
    fn values<T: Real>(&self, x: &Tensor<T>) -> Tensor<T> {
        x.map_costly(Value(self.clone()))
    }
    /// Every cotangent times the slope of its element.
    fn slopes<T: Real>(&self, grad: &Tensor<T>, z: &Tensor<T>) -> Tensor<T> {
        grad.zip_costly(z, SlopeAt(self.clone()))
    }
    /// The function on plain slices, with the bits of `values` and `slopes`.
    fn on_slices<T: Real>(&self) -> Option<OnSlices<T>> {
        let (value, slope) = (Value(self.clone()), SlopeAt(self.clone()));
        Some(match Self::OF {
            Of::X => OnSlices::of_input(value, slope),
            Of::Y => OnSlices::of_output(value, slope),
        })
    }
    /// The options by name.
    fn attributes(&self) -> Attributes {
        Attributes::new()
    }
    /// Options and an argument.
    fn sample(draw: &mut Draw) -> (Self, Tensor<f64>);
}

/// The value of a function, as part of a loop. It owns the function: through a reference, LLVM could not read
/// an option before the loop that only one branch needs, and would not use vectors.
struct Value<F>(F);

// `inline(always)`, here and in every `value` and `slope`: a function that is not inlined into a loop
// would be compiled for the baseline instruction set, not for that of the loop.
impl<F: Smooth, T: Real> ElementFunction<T, T> for Value<F> {
    #[inline(always)]
    fn at(&self, x: T) -> T {
        self.0.value(x)
    }
}

/// A cotangent times the slope of a function, as part of a loop.
struct SlopeAt<F>(F);

impl<F: Smooth, T: Real> ElementFunction<(T, T), T> for SlopeAt<F> {
    const HAS_RARE: bool = F::SLOPE_HAS_RARE;

    #[inline(always)]
    fn at(&self, (g, z): (T, T)) -> T {
        g * self.0.slope(z)
    }

    #[inline(always)]
    fn common(&self, (g, z): (T, T)) -> T {
        g * self.0.common_slope(z)
    }

    #[inline(always)]
    fn is_rare(&self, (_, z): &(T, T)) -> bool {
        z.is_large_angle()
    }
}

/// A smooth function, element by element.
#[derive(Clone, Debug)]
pub struct Elementwise<F>(pub(crate) F);

impl<F: Smooth> Op for Elementwise<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn attributes(&self) -> Attributes {
        self.0.attributes()
    }

    fn reads(&self) -> Reads {
        match F::OF {
            Of::X => Reads::INPUTS,
            Of::Y => Reads::OUTPUTS,
        }
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        self.0.values(&x[0]).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let z = match F::OF {
            Of::X => call.input(0),
            Of::Y => call.output(0),
        };
        out.input(0, |g| Var::apply(Slope(self.0.clone()), [g, z]));
    }

    fn on_slices<T: Real>(&self, _: &[&[usize]]) -> Option<OnSlices<T>> {
        self.0.on_slices()
    }

    fn outline(&self, inputs: &[&[usize]]) -> Outline {
        Outline::elementwise(inputs)
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let (f, x) = F::sample(draw);
        Sample::new(Self(f), [x])
    }
}

/// The first operand, times the slope at the second.
#[derive(Clone, Debug)]
pub struct Slope<F>(F);

impl<F: Smooth> Op for Slope<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        self.0.slopes(&x[0], &x[1]).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let (g, z) = (call.input(0), call.input(1));
        out.input(0, |h| Var::apply(self.clone(), [h, z]));
        out.input(1, |h| h * g * self.0.curvature(z));
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let (f, x) = F::sample(draw);
        let z = if F::OF == Of::X {
            x
        } else {
            x.map(|x| f.value(x))
        };
        let g = draw.normal(z.shape());
        Sample::new(Self(f), [g, z])
    }
}

/// The slope of a function as a variable, for the curvatures of functions that contain it.
pub(crate) fn slope<F: Smooth, T: Real>(f: F, x: &Var<T>) -> Var<T> {
    times_slope(f, &Var::full(x.shape(), 1.0), x)
}

/// A cotangent times the slope of a function.
pub(crate) fn times_slope<F: Smooth, T: Real>(f: F, g: &Var<T>, x: &Var<T>) -> Var<T> {
    debug_assert_eq!(
        F::OF,
        Of::X,
        "{}: its slope is a function of its value",
        F::NAME
    );
    Var::apply(Slope(f), [g, x])
}
