//! The same function in every situation: layouts, extents, and one variable in two places.

use wengert_tensor::{Dual, Tensor, testing::layouts::all_layouts};

use super::quiet::quietly;
use crate::backward::grad;
use crate::function::Differentiable;
use crate::ops::Situation;
use crate::rule::Graph;
use crate::sample::Draw;
use crate::tape::Tape;
use crate::var::Var;

/// A function with one of its operands used in two places.
struct Twice<'a> {
    f: &'a dyn Differentiable,
    first: usize,
    second: usize,
}

impl Twice<'_> {
    fn expand<X: Clone>(&self, x: &[X]) -> Vec<X> {
        let mut all = x.to_vec();
        all.insert(self.second, x[self.first].clone());
        all
    }
}

impl Differentiable for Twice<'_> {
    fn f64(&self, x: &[Var<f64>]) -> Vec<Var<f64>> {
        self.f.f64(&self.expand(x))
    }
    fn dual(&self, x: &[Var<Dual>]) -> Option<Vec<Var<Dual>>> {
        self.f.dual(&self.expand(x))
    }
    fn f32(&self, x: &[Var<f32>]) -> Option<Vec<Var<f32>>> {
        self.f.f32(&self.expand(x))
    }
}

/// Inputs as a situation wants them, and which two of the function's places share one.
#[derive(Clone, Debug)]
pub struct Arranged {
    /// The inputs of the function that [`with`](Self::with) gives.
    pub inputs: Vec<Tensor<f64>>,
    shared: Option<(usize, usize)>,
}

impl Arranged {
    /// The inputs as they are.
    pub(super) fn plain(inputs: Vec<Tensor<f64>>) -> Self {
        Self {
            inputs,
            shared: None,
        }
    }

    /// The same numbers for the function itself, each input in memory of its own.
    pub(super) fn apart(&self) -> Vec<Tensor<f64>> {
        let own = |x: &Tensor<f64>| Tensor::from_vec(x.to_vec(), x.shape());
        let mut inputs: Vec<_> = self.inputs.iter().map(own).collect();
        if let Some((first, second)) = self.shared {
            inputs.insert(second, own(&self.inputs[first]));
        }
        inputs
    }

    /// Calls `go` with the function as it takes these inputs.
    ///
    /// ```
    /// use wengert_autograd::check::{Situation, arrange, check_dyn, CheckOptions};
    /// use wengert_autograd::{Draw, LARGEST, generic};
    ///
    /// let f = generic!(|x, y| x * y);
    /// let mut draw = Draw::new(0, LARGEST);
    /// let inputs = [draw.normal([3]), draw.normal([3])];
    /// let arranged = arrange(Situation::Twice, &f, &inputs, false, &mut draw).unwrap();
    /// assert_eq!(arranged.inputs.len(), 1);
    /// arranged.with(&f, |f| check_dyn(f, &arranged.inputs, &CheckOptions::default()).assert());
    /// ```
    pub fn with<R>(&self, f: &dyn Differentiable, go: impl FnOnce(&dyn Differentiable) -> R) -> R {
        match self.shared {
            Some((first, second)) => go(&Twice { f, first, second }),
            None => go(f),
        }
    }
}

/// Reverse mode, for its panics.
fn backward(f: &dyn Differentiable, inputs: &[Tensor<f64>]) {
    let tape = Tape::new();
    let x: Vec<_> = inputs.iter().map(|x| tape.leaf(x.clone())).collect();
    let y = f.f64(&x);
    let roots: Vec<_> = y.iter().map(|y| (y, Var::full(y.shape(), 1.0))).collect();
    drop(grad(&roots, &x.iter().collect::<Vec<_>>(), Graph::Create));
}

/// The shapes of the outputs, if the function takes such inputs and gives numbers.
///
/// What is strict may look at shapes only on the way back.
pub(super) fn accepted(
    f: &dyn Differentiable,
    inputs: &[Tensor<f64>],
    strict: bool,
) -> Option<Vec<Vec<usize>>> {
    if strict {
        quietly(|| backward(f, inputs)).ok()?;
    }
    let plain: Vec<_> = inputs.iter().cloned().map(Var::constant).collect();
    let outputs = quietly(|| f.f64(&plain)).ok()?;
    // Exact forward mode says whether there is a derivative, a root at 0 has none.
    let lifted: Vec<_> = inputs
        .iter()
        .map(|x| Var::constant(x.map(|x| Dual::new(x, 1.0))))
        .collect();
    let duals = quietly(|| f.dual(&lifted)).ok()?.unwrap_or_default();
    let values = outputs.iter().flat_map(|y| y.value().iter());
    let tangents = duals
        .iter()
        .flat_map(|y| y.value().iter())
        .map(|y| y.tangent);
    values
        .chain(tangents)
        .all(f64::is_finite)
        .then(|| outputs.iter().map(|y| y.shape().to_vec()).collect())
}

/// A copy of a tensor in the layout of that name.
fn with_layout(x: &Tensor<f64>, name: &str) -> Tensor<f64> {
    let mut copies = all_layouts(x);
    let index = copies.iter().position(|(layout, _)| *layout == name);
    copies.swap_remove(index.unwrap_or(0)).1
}

/// The inputs of a case as the situation wants them; `None` if the function takes no such inputs, or
/// these have nothing to be arranged. What is `strict` takes the shapes only that its samples have.
#[must_use]
pub fn arrange(
    situation: Situation,
    f: &dyn Differentiable,
    inputs: &[Tensor<f64>],
    strict: bool,
    draw: &mut Draw,
) -> Option<Arranged> {
    match situation {
        Situation::Contiguous => Some(Arranged::plain(inputs.to_vec())),
        Situation::Permuted => laid_out(inputs, "permuted", draw),
        Situation::Stepped => laid_out(inputs, "stepped", draw),
        Situation::Offset => laid_out(inputs, "offset", draw),
        Situation::Repeated => repeated(f, inputs, draw),
        Situation::Empty => empty(f, inputs, strict, draw),
        Situation::RankZero => rank_zero(f, inputs, strict),
        Situation::Twice => twice(f, inputs, strict, draw),
        Situation::Broadcast if strict => None,
        Situation::Broadcast => broadcast(f, inputs, draw),
    }
}

/// One input at least in the layout of that name, the others in any.
fn laid_out(inputs: &[Tensor<f64>], name: &str, draw: &mut Draw) -> Option<Arranged> {
    let long = |x: &Tensor<f64>| x.shape().iter().filter(|&&n| n > 1).count();
    let able = |x: &Tensor<f64>| match name {
        "permuted" => !x.is_empty() && long(x) > 1,
        "stepped" => !x.is_empty() && long(x) > 0,
        _ => !x.is_empty(),
    };
    let able: Vec<_> = (0..inputs.len()).filter(|&i| able(&inputs[i])).collect();
    if able.is_empty() {
        return None;
    }
    let chosen = draw.pick(&able);
    let mut place = |(i, x): (usize, &Tensor<f64>)| {
        if i == chosen || draw.once_in(2) {
            with_layout(x, name)
        } else {
            draw.pick(&all_layouts(x)).1
        }
    };
    Some(Arranged::plain(
        inputs.iter().enumerate().map(&mut place).collect(),
    ))
}

/// The places of axes that are longer than one, by input.
fn axes(inputs: &[Tensor<f64>]) -> Vec<(usize, usize)> {
    let places = inputs.iter().enumerate();
    places
        .filter(|(_, x)| !x.is_empty())
        .flat_map(|(i, x)| (0..x.rank()).map(move |axis| (i, axis)))
        .filter(|&(i, axis)| inputs[i].shape()[axis] > 1)
        .collect()
}

fn repeated(f: &dyn Differentiable, inputs: &[Tensor<f64>], draw: &mut Draw) -> Option<Arranged> {
    let axes = axes(inputs);
    if axes.is_empty() {
        return None;
    }
    let (i, axis) = draw.pick(&axes);
    let mut inputs = inputs.to_vec();
    let first = inputs[i].slice(axis as isize, ..1).contiguous();
    inputs[i] = first.broadcast_to(inputs[i].shape());
    accepted(f, &inputs, false)?;
    Some(Arranged::plain(inputs))
}

fn empty(
    f: &dyn Differentiable,
    inputs: &[Tensor<f64>],
    strict: bool,
    draw: &mut Draw,
) -> Option<Arranged> {
    if inputs.iter().any(Tensor::is_empty) {
        return Some(Arranged::plain(inputs.to_vec()));
    }
    let shapes: Vec<_> = inputs.iter().map(|x| x.shape().to_vec()).collect();
    let mut attempts = Vec::new();
    for (i, shape) in shapes.iter().enumerate() {
        for axis in 0..shape.len() {
            let mut alone = shapes.clone();
            alone[i][axis] = 0;
            attempts.push(alone);
            // Every axis of that extent, of the same place or of any.
            for anywhere in [false, true] {
                let mut joint = shapes.clone();
                for (_, extent) in joint
                    .iter_mut()
                    .flat_map(|s| s.iter_mut().enumerate())
                    .filter(|(place, extent)| {
                        **extent == shape[axis] && (anywhere || *place == axis)
                    })
                {
                    *extent = 0;
                }
                attempts.push(joint);
            }
        }
    }
    while !attempts.is_empty() {
        let attempt = attempts.swap_remove(draw.within(0, attempts.len() - 1));
        let inputs: Vec<_> = attempt
            .iter()
            .zip(inputs)
            .map(|(shape, x)| {
                let axes = 0..shape.len();
                axes.fold(x.clone(), |x, axis| {
                    x.slice(axis as isize, ..shape[axis] as isize)
                })
            })
            .collect();
        if accepted(f, &inputs, strict).is_some() {
            return Some(Arranged::plain(inputs));
        }
    }
    None
}

fn rank_zero(f: &dyn Differentiable, inputs: &[Tensor<f64>], strict: bool) -> Option<Arranged> {
    if inputs.iter().any(|x| x.rank() == 0) {
        return Some(Arranged::plain(inputs.to_vec()));
    }
    let corner = |x: &Tensor<f64>| (0..x.rank()).fold(x.clone(), |x, _| x.select(0, 0));
    if inputs.iter().any(Tensor::is_empty) {
        return None;
    }
    let all: Vec<_> = inputs.iter().map(corner).collect();
    if !inputs.is_empty() && accepted(f, &all, strict).is_some() {
        return Some(Arranged::plain(all));
    }
    (0..inputs.len()).find_map(|i| {
        let mut some = inputs.to_vec();
        some[i] = corner(&inputs[i]);
        accepted(f, &some, strict).map(|_| Arranged {
            inputs: some,
            shared: None,
        })
    })
}

fn twice(
    f: &dyn Differentiable,
    inputs: &[Tensor<f64>],
    strict: bool,
    draw: &mut Draw,
) -> Option<Arranged> {
    let mut pairs: Vec<_> = (1..inputs.len())
        .flat_map(|second| (0..second).map(move |first| (first, second)))
        .collect();
    while !pairs.is_empty() {
        let (first, second) = pairs.swap_remove(draw.within(0, pairs.len() - 1));
        // Samples put the operand last that the op is pickier about.
        let unlike = inputs[first].shape() != inputs[second].shape();
        for keep in [second, first] {
            if strict && unlike {
                continue;
            }
            let mut fewer = inputs.to_vec();
            fewer[first] = inputs[keep].clone();
            fewer.remove(second);
            let shared = Some((first, second));
            let arranged = Arranged {
                inputs: fewer,
                shared,
            };
            if arranged
                .with(f, |f| accepted(f, &arranged.inputs, strict))
                .is_some()
            {
                return Some(arranged);
            }
        }
    }
    None
}

fn broadcast(f: &dyn Differentiable, inputs: &[Tensor<f64>], draw: &mut Draw) -> Option<Arranged> {
    if inputs.len() < 2 {
        return None;
    }
    let shapes = accepted(f, inputs, false)?;
    if widened(f, inputs, &shapes) {
        return Some(Arranged::plain(inputs.to_vec()));
    }
    let mut places = axes(inputs);
    while !places.is_empty() {
        let (i, axis) = places.swap_remove(draw.within(0, places.len() - 1));
        let mut narrow = inputs.to_vec();
        narrow[i] = if axis == 0 && draw.once_in(2) {
            inputs[i].select(0, 0)
        } else {
            inputs[i].slice(axis as isize, ..1)
        };
        if accepted(f, &narrow, false).is_some_and(|found| found == shapes) {
            return Some(Arranged::plain(narrow));
        }
    }
    None
}

/// Whether an operand, written out to the shape of the result or to the batch of another operand, gives
/// the same result: then it has been broadcast.
fn widened(f: &dyn Differentiable, inputs: &[Tensor<f64>], outputs: &[Vec<usize>]) -> bool {
    let values = |inputs: &[Tensor<f64>]| {
        let x: Vec<_> = inputs.iter().cloned().map(Var::constant).collect();
        let y = quietly(|| f.f64(&x)).ok()?;
        Some(y.iter().map(|y| y.value().to_vec()).collect::<Vec<_>>())
    };
    let right = values(inputs);
    if outputs.iter().all(|shape| shape.contains(&0)) {
        // Nothing equals nothing, whatever was done to the operand.
        return false;
    }
    let shapes = inputs.iter().map(|x| x.shape().to_vec());
    let shapes: Vec<_> = shapes.chain(outputs.iter().cloned()).collect();
    inputs.iter().enumerate().any(|(i, x)| {
        let matrix = &x.shape()[x.rank().saturating_sub(2)..];
        let batch = |shape: &Vec<usize>| [&shape[..shape.len().saturating_sub(2)], matrix].concat();
        let wide = shapes
            .iter()
            .flat_map(|shape| [shape.clone(), batch(shape)]);
        wide.filter(|shape| shape != x.shape()).any(|shape| {
            let mut wide = inputs.to_vec();
            let Ok(x) = quietly(|| x.broadcast_to(&shape)) else {
                return false;
            };
            wide[i] = x;
            values(&wide) == right
        })
    })
}
