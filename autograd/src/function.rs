//! Functions of variables that run on several number types, so that they can be checked.

use std::fmt;

use wengert_tensor::{Dual, Real};

use crate::op::Op;
use crate::var::Var;

/// A function generic over the number type, so that exact forward mode can run it too.
///
/// Closures cannot be generic; the macro [`generic!`](crate::generic) writes one per number type.
pub trait Function {
    /// The outputs for some inputs.
    fn call<T: Real>(&self, x: &[Var<T>]) -> Vec<Var<T>>;
}

/// What [`check_gradients`](crate::check_gradients) takes: a function on `f64`, and on dual numbers
/// and `f32` where it can run on them.
///
/// Implemented by closures `|x: &[Var<f64>]| -> Var<f64>`, which cannot run on dual numbers; by the
/// result of [`generic!`](crate::generic); and by [`Generic`].
pub trait Differentiable {
    /// The outputs on `f64`.
    fn f64(&self, x: &[Var<f64>]) -> Vec<Var<f64>>;

    /// The outputs on dual numbers, the exact forward mode.
    fn dual(&self, _x: &[Var<Dual>]) -> Option<Vec<Var<Dual>>> {
        None
    }

    /// The outputs on `f32`.
    fn f32(&self, _x: &[Var<f32>]) -> Option<Vec<Var<f32>>> {
        None
    }
}

impl<F: Fn(&[Var<f64>]) -> Var<f64>> Differentiable for F {
    fn f64(&self, x: &[Var<f64>]) -> Vec<Var<f64>> {
        vec![self(x)]
    }
}

/// Makes a [`Function`] checkable.
#[derive(Clone, Debug)]
pub struct Generic<F>(pub F);

impl<F: Function> Differentiable for Generic<F> {
    fn f64(&self, x: &[Var<f64>]) -> Vec<Var<f64>> {
        self.0.call(x)
    }
    fn dual(&self, x: &[Var<Dual>]) -> Option<Vec<Var<Dual>>> {
        Some(self.0.call(x))
    }
    fn f32(&self, x: &[Var<f32>]) -> Option<Vec<Var<f32>>> {
        Some(self.0.call(x))
    }
}

/// An op as a function of its inputs.
#[derive(Clone, Debug)]
pub struct Apply<O>(pub O);

impl<O: Op> Function for Apply<O> {
    fn call<T: Real>(&self, x: &[Var<T>]) -> Vec<Var<T>> {
        Var::apply_many(self.0.clone(), &x.iter().collect::<Vec<_>>())
    }
}

/// One closure per number type, as [`generic!`](crate::generic) writes them.
#[derive(Clone)]
pub struct Closures<A, B, C> {
    /// On `f64`.
    pub f64: A,
    /// On dual numbers.
    pub dual: B,
    /// On `f32`.
    pub f32: C,
}

impl<A, B, C> fmt::Debug for Closures<A, B, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Closures")
    }
}

impl<A, B, C> Differentiable for Closures<A, B, C>
where
    A: Fn(&[Var<f64>]) -> Var<f64>,
    B: Fn(&[Var<Dual>]) -> Var<Dual>,
    C: Fn(&[Var<f32>]) -> Var<f32>,
{
    fn f64(&self, x: &[Var<f64>]) -> Vec<Var<f64>> {
        vec![(self.f64)(x)]
    }
    fn dual(&self, x: &[Var<Dual>]) -> Option<Vec<Var<Dual>>> {
        Some(vec![(self.dual)(x)])
    }
    fn f32(&self, x: &[Var<f32>]) -> Option<Vec<Var<f32>>> {
        Some(vec![(self.f32)(x)])
    }
}

/// A function of some variables, compiled for every number type that checks use; inside the body
/// `T` is that type.
///
/// ```
/// use wengert_autograd::{check_gradients, generic};
/// use wengert_tensor::Tensor;
///
/// let x = Tensor::from_vec(vec![0.3, -1.2], [2]);
/// let w = Tensor::from_vec(vec![2.0, 0.5], [2]);
/// let scale = 0.7;
/// check_gradients(generic!(|x, w| (x * w).tanh() * scale), &[x, w]).assert();
/// ```
///
/// Variables named in brackets before the arguments are cloned into each closure, so that the function outlives
/// the scope it was written in:
///
/// ```
/// # use wengert_autograd::{Differentiable, generic};
/// fn reshaped(shape: Vec<usize>) -> impl Differentiable {
///     generic!([shape] |x| x.reshape(&shape))
/// }
/// ```
#[macro_export]
macro_rules! generic {
    ($([$($own:ident),+])? |$($x:ident),+ $(,)?| $body:expr) => {
        $crate::Closures {
            f64: $crate::generic!(@one f64, [$($($own),+)?], [$($x),+], $body),
            dual: $crate::generic!(@one $crate::tensor::Dual<f64>, [$($($own),+)?], [$($x),+], $body),
            f32: $crate::generic!(@one f32, [$($($own),+)?], [$($x),+], $body),
        }
    };
    (@one $t:ty, [], [$($x:ident),+], $body:expr) => {
        $crate::generic!(@closure $t, [], [$($x),+], $body)
    };
    (@one $t:ty, [$($own:ident),+], [$($x:ident),+], $body:expr) => {{
        $(let $own = ::std::clone::Clone::clone(&$own);)+
        $crate::generic!(@closure $t, [move], [$($x),+], $body)
    }};
    (@closure $t:ty, [$($move:ident)?], [$($x:ident),+], $body:expr) => {{
        #[allow(dead_code, reason = "a body need not name its number type")]
        type T = $t;
        $($move)? |inputs: &[$crate::Var<T>]| -> $crate::Var<T> {
            let [$($x),+] = inputs else {
                panic!("generic: the function takes other than {} inputs", inputs.len())
            };
            $body
        }
    }};
}
