//! Gates: of recurrent cells, one step each, and of the gated linear unit.

use wengert_tensor::Tensor;

use super::elementwise::with;
use crate::call::{Call, Translated};
use crate::graph::{integer, integers};
use crate::number::FileNumber;
use crate::program::Extent;

pub(super) fn translate<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Option<Translated> {
    let family = match call.op() {
        "lstm_gates" => lstm_gates,
        "lstm_sequence" => lstm_sequence,
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
fn lstm_gates<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let (sums, memory) = (call.input(0), call.input(1));
    let step = lstm_step(call, &sums, &memory);
    call.set(1, step.memory);
    if call.is_used(2) {
        let gates = joined(call, &step.gates, -1);
        call.set(2, gates);
    }
    call.done(step.h)
}

/// The values of a step.
struct LstmStep {
    h: String,
    memory: String,
    gates: [String; 4],
}

fn lstm_step<T: FileNumber>(call: &mut Call<'_, '_, T>, sums: &str, memory: &str) -> LstmStep {
    let sums = parts(call, sums, 4);
    let mut gate = |k: usize, function: &str| call.node(function, &[&sums[k]], []);
    let gates = [
        gate(0, "Sigmoid"),
        gate(1, "Sigmoid"),
        gate(2, "Tanh"),
        gate(3, "Sigmoid"),
    ];
    let [i, f, g, o] = &gates;
    let (kept, new) = (
        call.node("Mul", &[f, memory], []),
        call.node("Mul", &[i, g], []),
    );
    let memory = call.node("Add", &[&kept, &new], []);
    let size = call.node("Tanh", &[&memory], []);
    LstmStep {
        h: call.node("Mul", &[o, &size], []),
        memory,
        gates,
    }
}

/// Values joined along an axis.
fn joined<T: FileNumber>(call: &mut Call<'_, '_, T>, values: &[String], axis: i64) -> String {
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    call.node("Concat", &values, vec![integer("axis", axis)])
}

/// The steps one by one: what the input adds to the sums is there already, which the operator `LSTM` computes itself.
fn lstm_sequence<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let [sums, weight, mut h, mut c] = [0, 1, 2, 3].map(|i| call.input(i));
    let Extent::Fixed(steps) = call.shape(0)[0] else {
        return Err(
            "the number of steps grows with the batch, but a file has the steps one by one; a layer made with \
             `batch_first` has as many for every batch"
                .into(),
        );
    };
    let weight = call.node("Transpose", &[&weight], vec![integers("perm", &[1, 0])]);
    // Hidden states, memories, gates and sums of every step.
    let mut results: [Vec<String>; 4] = Default::default();
    let first = call.vector(&[0]);
    for t in 0..steps {
        let number = call.graph.indices(&Tensor::scalar(t as i64));
        let own = call.node("Gather", &[&sums, &number], vec![integer("axis", 0)]);
        let of_state = call.node("MatMul", &[&h, &weight], []);
        let sums = call.node("Add", &[&own, &of_state], []);
        let step = lstm_step(call, &sums, &c);
        (h, c) = (step.h, step.memory);
        for (k, all) in results.iter_mut().enumerate() {
            if !call.is_used(k) {
                continue;
            }
            let value = match k {
                0 => h.clone(),
                1 => c.clone(),
                2 => joined(call, &step.gates, -1),
                _ => sums.clone(),
            };
            all.push(call.node("Unsqueeze", &[&value, &first], []));
        }
    }
    for (k, values) in results
        .iter()
        .enumerate()
        .filter(|(_, values)| !values.is_empty())
    {
        let values = joined(call, values, 0);
        call.set(k, values);
    }
    Ok(())
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
    if call.is_used(1) {
        let gates = joined(call, &[r, z, n], -1);
        call.set(1, gates);
    }
    call.done(y)
}
