//! What an op file needs.

pub(super) use wengert_tensor::{Axes, Real, Slice, Tensor, keep, require, slices};

pub(super) use super::support::{Case, Elementwise, Of, OpInfo, Slope, Smooth};
pub(super) use crate::attribute::{Attribute, Attributes};
pub(super) use crate::call::Call;
pub(super) use crate::generic;
pub(super) use crate::on_slices::{OnSlices, SliceCall};
pub(super) use crate::op::{Inputs, Op, Outputs};
pub(super) use crate::outline::{Outline, Reach, Window};
pub(super) use crate::reads::Reads;
pub(super) use crate::rule::Contributions;
pub(super) use crate::sample::{Draw, Sample};
pub(super) use crate::var::Var;
