//! Elements selected by indices, masks or order.

use super::support::Entry;

mod gather_scatter;
mod index_select;
mod sort_topk;
mod where_masked;

pub(super) const ENTRIES: &[&[Entry]] = &[
    gather_scatter::ENTRIES,
    index_select::ENTRIES,
    sort_topk::ENTRIES,
    where_masked::ENTRIES,
];
