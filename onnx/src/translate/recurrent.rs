//! Gates: of recurrent cells, one step each, and of the gated linear unit.

use super::elementwise::with;
use crate::call::{Call, Translated};
use crate::graph::integer;
use crate::number::FileNumber;

pub(super) fn translate<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Option<Translated> {
    let family = match call.op() {
        "lstm_gates" => lstm,
        "gru_gates" => gru,
        "glu" => glu,
        _ => return None,
    };
    Some(family(call))
}

/// Equal parts of the last axis.
fn parts<T: FileNumber>(call: &mut Call<'_, '_, T>, x: &str, count: usize) -> Vec<String> {
    call.graph
        .nodes("Split", &[x], vec![integer("axis", -1)], count)
}

/// `h = σ(o) · tanh(c')`, `c' = σ(f) · c + σ(i) · tanh(g)` of the sums `[i, f, g, o]` and `c`.
fn lstm<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let (sums, memory) = (call.input(0), call.input(1));
    let sums = parts(call, &sums, 4);
    let [i, f, o] = [0, 1, 3].map(|k| call.node("Sigmoid", &[&sums[k]], []));
    let g = call.node("Tanh", &[&sums[2]], []);
    let (kept, new) = (
        call.node("Mul", &[&f, &memory], []),
        call.node("Mul", &[&i, &g], []),
    );
    let memory = call.node("Add", &[&kept, &new], []);
    let size = call.node("Tanh", &[&memory], []);
    let h = call.node("Mul", &[&o, &size], []);
    call.set(1, memory);
    call.done(h)
}

/// `a · σ(b)` with the halves `a` and `b` of an axis.
fn glu<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let (x, axis) = (call.input(0), call.axis()?);
    let along = vec![integer("axis", axis as i64)];
    let halves = call.graph.nodes("Split", &[&x], along, 2);
    let gate = call.node("Sigmoid", &[&halves[1]], []);
    let y = call.node("Mul", &[&halves[0], &gate], []);
    call.done(y)
}

/// `h' = (1 − z) · n + z · h` with `r, z = σ(a + b)` and `n = tanh(a + r · b)`, of the sums `a` of the inputs and `b` of
/// the state, in three parts each.
fn gru<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let [inputs, states, h] = [0, 1, 2].map(|i| call.input(i));
    let (inputs, states) = (parts(call, &inputs, 3), parts(call, &states, 3));
    let [r, z] = [0, 1].map(|k| {
        let sum = call.node("Add", &[&inputs[k], &states[k]], []);
        call.node("Sigmoid", &[&sum], [])
    });
    let reset = call.node("Mul", &[&r, &states[2]], []);
    let sum = call.node("Add", &[&inputs[2], &reset], []);
    let n = call.node("Tanh", &[&sum], []);
    let opposite = call.node("Neg", &[&z], []);
    let rest = with(call, "Add", &opposite, 1.0);
    let (new, kept) = (
        call.node("Mul", &[&rest, &n], []),
        call.node("Mul", &[&z, &h], []),
    );
    let y = call.node("Add", &[&new, &kept], []);
    call.done(y)
}
