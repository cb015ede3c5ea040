//! Elements selected by indices, masks or order.

use super::support::OpInfo;

mod gather_scatter;
mod index_select;
mod sort_topk;
mod where_masked;

pub(super) const OPS: &[&[OpInfo]] = include!(concat!(env!("OUT_DIR"), "/index.rs"));
