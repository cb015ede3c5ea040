//! Elements selected by constant indices and masks.

use crate::call::{Call, Translated};
use crate::graph::{integer, word};
use crate::number::FileNumber;

pub(super) fn translate<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Option<Translated> {
    let family = match call.op() {
        "index_select" => index_select,
        "gather" => gather,
        "scatter" | "scatter_add" => scatter,
        "where" => choose,
        "masked_fill" => masked_fill,
        _ => return None,
    };
    Some(family(call))
}

fn index_select<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let (x, axis) = (call.input(0), call.axis()? as i64);
    let index = call.indices("index")?;
    let index = call.graph.indices(index);
    let y = call.node("Gather", &[&x, &index], [integer("axis", axis)]);
    call.done(y)
}

fn gather<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let (x, axis) = (call.input(0), call.axis()? as i64);
    let index = call.indices("index")?;
    let index = call.graph.indices(index);
    let y = call.node("GatherElements", &[&x, &index], [integer("axis", axis)]);
    call.done(y)
}

fn scatter<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let (x, source, axis) = (call.input(0), call.input(1), call.axis()? as i64);
    let index = call.indices("index")?;
    let index = call.graph.indices(index);
    let reduction = if call.op() == "scatter_add" {
        "add"
    } else {
        "none"
    };
    let options = [integer("axis", axis), word("reduction", reduction)];
    let y = call.node("ScatterElements", &[&x, &index, &source], options);
    call.done(y)
}

fn choose<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let mask = call.mask("mask")?;
    let (mask, a, b) = (call.graph.mask(mask), call.input(0), call.input(1));
    let y = call.node("Where", &[&mask, &a, &b], []);
    call.done(y)
}

fn masked_fill<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let mask = call.mask("mask")?;
    let value = call.number("value")?;
    let (mask, value, x) = (call.graph.mask(mask), call.scalar(value), call.input(0));
    let y = call.node("Where", &[&mask, &value, &x], []);
    call.done(y)
}
