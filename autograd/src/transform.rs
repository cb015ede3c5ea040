//! Derivatives of functions, in the manner of JAX: products with the Jacobian, and whole matrices.

use wengert_tensor::{Dual, Real, Tensor, require};

use crate::backward::grad as grad_of;
use crate::rule::Graph;
use crate::tape::Tape;
use crate::var::Var;

/// The gradients `∂f/∂xᵢ` of a function of one-element value.
///
/// ```
/// use wengert_autograd::transform::grad;
/// use wengert_tensor::Tensor;
///
/// let x = Tensor::from_vec(vec![1.0, 2.0], [2]);
/// let g = grad(|x| (&x[0] * &x[0]).sum(..), &[x]);
/// assert_eq!(g[0].to_vec(), [2.0, 4.0]);
/// ```
///
/// # Panics
/// If the value has more than one element.
#[track_caller]
pub fn grad<T: Real>(f: impl FnOnce(&[Var<T>]) -> Var<T>, inputs: &[Tensor<T>]) -> Vec<Tensor<T>> {
    value_and_grad(f, inputs).1
}

/// The value of a function of one-element value, and its gradients.
///
/// # Panics
/// If the value has more than one element.
#[track_caller]
pub fn value_and_grad<T: Real>(
    f: impl FnOnce(&[Var<T>]) -> Var<T>,
    inputs: &[Tensor<T>],
) -> (T, Vec<Tensor<T>>) {
    let x = leaves(inputs);
    let y = f(&x);
    require!(
        y.len() == 1,
        "grad: {:?}: only a value of one element has a gradient",
        y.shape()
    );
    (y.item(), pull(&y, Var::full(y.shape(), 1.0), &x))
}

/// The value of a function and the vector-Jacobian products `(∂f/∂xᵢ)ᵀ cotangent`, by reverse mode.
///
/// # Panics
/// If the cotangent has another shape than the value.
#[track_caller]
pub fn vjp<T: Real>(
    f: impl FnOnce(&[Var<T>]) -> Var<T>,
    inputs: &[Tensor<T>],
    cotangent: &Tensor<T>,
) -> (Tensor<T>, Vec<Tensor<T>>) {
    let x = leaves(inputs);
    let y = f(&x);
    let gradients = pull(&y, Var::constant(cotangent.clone()), &x);
    (y.into_value(), gradients)
}

/// The value of a function and the Jacobian-vector product `Σ (∂f/∂xᵢ) tangentᵢ`, by exact forward
/// mode on dual numbers.
///
/// # Panics
/// If there are other than one tangent per input, of the same shape.
#[track_caller]
pub fn jvp<T: Real>(
    f: impl FnOnce(&[Var<Dual<T>>]) -> Var<Dual<T>>,
    inputs: &[Tensor<T>],
    tangents: &[Tensor<T>],
) -> (Tensor<T>, Tensor<T>) {
    let x: Vec<_> = dual_inputs(inputs, tangents)
        .into_iter()
        .map(Var::constant)
        .collect();
    let y = f(&x).into_value();
    (y.map(|d| d.value), y.map(|d| d.tangent))
}

/// The Hessian-vector products `Σⱼ (∂²f/∂xᵢ∂xⱼ) directionⱼ` of a function of one-element value,
/// exact: one backward pass on dual numbers.
///
/// # Panics
/// If the value has more than one element, or a direction another shape than its input.
#[track_caller]
pub fn hvp<T: Real>(
    f: impl FnOnce(&[Var<Dual<T>>]) -> Var<Dual<T>>,
    inputs: &[Tensor<T>],
    directions: &[Tensor<T>],
) -> Vec<Tensor<T>> {
    let gradients = value_and_grad(f, &dual_inputs(inputs, directions)).1;
    gradients.iter().map(|g| g.map(|d| d.tangent)).collect()
}

/// The Jacobians `∂f/∂xᵢ`, of shape `[value.., xᵢ..]`, a row per element of the value by reverse mode.
#[track_caller]
pub fn jacobian<T: Real>(
    f: impl FnOnce(&[Var<T>]) -> Var<T>,
    inputs: &[Tensor<T>],
) -> Vec<Tensor<T>> {
    let x = leaves(inputs);
    let y = f(&x);
    let rows: Vec<Vec<Tensor<T>>> = (0..y.len())
        .map(|k| {
            let mut unit = vec![T::zero(); y.len()];
            unit[k] = T::one();
            pull(&y, Var::constant(Tensor::from_vec(unit, y.shape())), &x)
        })
        .collect();
    assemble(&rows, y.shape(), inputs)
}

/// The Hessian of a function of one-element value as blocks `∂²f/∂xᵢ∂xⱼ` of shape `[xᵢ.., xⱼ..]`,
/// a column per element by [`hvp`].
///
/// # Panics
/// If the value has more than one element.
#[track_caller]
pub fn hessian<T: Real>(
    f: impl Fn(&[Var<Dual<T>>]) -> Var<Dual<T>>,
    inputs: &[Tensor<T>],
) -> Vec<Vec<Tensor<T>>> {
    let zeros: Vec<_> = inputs.iter().map(|x| Tensor::zeros(x.shape())).collect();
    // The Hessian is symmetric, so the products with the unit vectors of xᵢ are the rows of xᵢ.
    (0..inputs.len())
        .map(|i| {
            let rows: Vec<_> = (0..inputs[i].len())
                .map(|k| {
                    let mut directions = zeros.clone();
                    directions[i].as_mut_slice()[k] = T::one();
                    hvp(&f, inputs, &directions)
                })
                .collect();
            assemble(&rows, inputs[i].shape(), inputs)
        })
        .collect()
}

/// Leaves of a new tape.
fn leaves<T: Real>(inputs: &[Tensor<T>]) -> Vec<Var<T>> {
    let tape = Tape::new();
    inputs.iter().map(|x| tape.leaf(x.clone())).collect()
}

/// The vector-Jacobian products, zero where there is no path.
#[track_caller]
fn pull<T: Real>(y: &Var<T>, cotangent: Var<T>, x: &[Var<T>]) -> Vec<Tensor<T>> {
    let inputs: Vec<_> = x.iter().collect();
    grad_of(&[(y, cotangent)], &inputs, Graph::Skip)
        .into_iter()
        .zip(x)
        .map(|(g, x)| g.map_or_else(|| Tensor::zeros(x.shape()), Var::into_value))
        .collect()
}

/// Dual tensors from values and tangents.
#[track_caller]
fn dual_inputs<T: Real>(inputs: &[Tensor<T>], tangents: &[Tensor<T>]) -> Vec<Tensor<Dual<T>>> {
    require!(
        inputs.len() == tangents.len(),
        "jvp: {} inputs, {} tangents: one each is needed",
        inputs.len(),
        tangents.len()
    );
    // A loop, since a closure would be the caller of a panic.
    for (i, (x, u)) in inputs.iter().zip(tangents).enumerate() {
        require!(
            x.shape() == u.shape(),
            "jvp: input {i} is {:?}, its tangent {:?}: the shapes differ",
            x.shape(),
            u.shape()
        );
    }
    let pairs = inputs.iter().zip(tangents);
    pairs.map(|(x, u)| x.zip(u, Dual::new)).collect()
}

/// Rows, each a list of gradients, as one tensor `[row.., x..]` per input.
fn assemble<T: Real>(
    rows: &[Vec<Tensor<T>>],
    shape: &[usize],
    inputs: &[Tensor<T>],
) -> Vec<Tensor<T>> {
    inputs
        .iter()
        .enumerate()
        .map(|(i, x)| {
            let values = rows.iter().flat_map(|row| row[i].to_vec()).collect();
            Tensor::from_vec(values, [shape, x.shape()].concat())
        })
        .collect()
}
