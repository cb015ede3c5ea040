//! Inputs for property tests with [`proptest`]: shapes, numbers and memory layouts that rules get wrong.
//!
//! ```
//! use proptest::prelude::*;
//! use wengert_autograd::check::strategies::{broadcastable, tensors};
//! use wengert_autograd::{check_gradients, generic};
//!
//! proptest!(ProptestConfig::with_cases(4), |(x in tensors(1..=3, 1..=3))| {
//!     check_gradients(generic!(|x| x.tanh()), &[x]).assert();
//! });
//! proptest!(ProptestConfig::with_cases(4), |([x, y] in broadcastable(1..=2, 1..=3))| {
//!     check_gradients(generic!(|x, y| x * y), &[x, y]).assert();
//! });
//! ```

use std::ops::RangeInclusive;

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::strategy::Union;
use wengert_tensor::Tensor;
use wengert_tensor::testing::layouts::all_layouts;

/// Shapes whose number of axes and whose extents lie in these ranges. They shrink to few axes and small extents.
pub fn shapes(
    ranks: RangeInclusive<usize>,
    extents: RangeInclusive<usize>,
) -> impl Strategy<Value = Vec<usize>> {
    ranks.prop_flat_map(move |rank| vec(extents.clone(), rank))
}

/// Numbers of either sign: most between 0.1 and 2, some of the sizes 10⁻³ to 10³, and some zeros.
pub fn numbers() -> impl Strategy<Value = f64> {
    let signed = |size: f64| prop_oneof![Just(size), Just(-size)];
    prop_oneof![
        8 => (0.1..2.0).prop_flat_map(signed),
        2 => (-3.0..3.0_f64).prop_flat_map(move |exponent| signed(10.0_f64.powf(exponent))),
        1 => Just(0.0),
    ]
}

/// Tensors of one shape, of [`numbers`].
pub fn tensor(shape: Vec<usize>) -> impl Strategy<Value = Tensor<f64>> {
    let count = shape.iter().product::<usize>();
    vec(numbers(), count).prop_map(move |values| Tensor::from_vec(values, &shape[..]))
}

/// Tensors of any of these shapes, in any memory layout: contiguous, permuted, with steps, inside a larger buffer.
pub fn tensors(
    ranks: RangeInclusive<usize>,
    extents: RangeInclusive<usize>,
) -> impl Strategy<Value = Tensor<f64>> {
    shapes(ranks, extents)
        .prop_flat_map(tensor)
        .prop_flat_map(laid_out)
}

/// The same tensor in any memory layout; it shrinks to a contiguous one.
pub fn laid_out(x: Tensor<f64>) -> impl Strategy<Value = Tensor<f64>> {
    Union::new(all_layouts(&x).into_iter().map(|(_, copy)| Just(copy)))
}

/// Two tensors that broadcast to each other: axes of one of them have the extent 1, or its first ones are missing.
pub fn broadcastable(
    ranks: RangeInclusive<usize>,
    extents: RangeInclusive<usize>,
) -> impl Strategy<Value = [Tensor<f64>; 2]> {
    let narrowed = |shape: Vec<usize>| {
        let rank = shape.len();
        let axes = (vec(proptest::bool::ANY, rank), 0..=rank);
        axes.prop_map(move |(kept, missing)| -> Vec<usize> {
            let pairs = shape.iter().zip(&kept).skip(missing);
            pairs
                .map(|(extent, kept)| if *kept { *extent } else { 1 })
                .collect()
        })
    };
    let both =
        shapes(ranks, extents).prop_flat_map(move |shape| (Just(shape.clone()), narrowed(shape)));
    both.prop_flat_map(|(wide, narrow)| (tensor(wide), tensor(narrow), proptest::bool::ANY))
        .prop_map(|(wide, narrow, swap)| if swap { [narrow, wide] } else { [wide, narrow] })
}
