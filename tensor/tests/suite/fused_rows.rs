//! Functions that do several steps of a formula in one pass over rows, compared with the steps one by one. The shapes
//! reach every way in which rows are divided into tasks.

use wengert_tensor::parallel::with_threads;
use wengert_tensor::{Tensor, keep};

/// Numbers that differ from place to place and from seed to seed.
fn numbers(shape: &[usize], seed: u64) -> Tensor<f64> {
    let len: usize = shape.iter().product();
    let number = |i: usize| {
        let bits = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15 ^ (seed << 32));
        ((bits ^ (bits >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 11) as f64
            / (1_u64 << 52) as f64
            - 1.0
    };
    Tensor::from_vec((0..len).map(number).collect(), shape)
}

#[track_caller]
fn assert_close(name: &str, found: &Tensor<f64>, expected: &Tensor<f64>) {
    assert_eq!(found.shape(), expected.shape(), "{name}");
    for (found, expected) in found.iter().zip(expected.iter()) {
        let bound = 1e-11 * expected.abs().max(1.0);
        assert!(
            (found - expected).abs() <= bound,
            "{name}: {found} in place of {expected}"
        );
    }
}

/// The results with one thread, which must be those with three.
#[track_caller]
fn by_any_threads<const N: usize>(f: impl Fn() -> [Tensor<f64>; N] + Sync) -> [Tensor<f64>; N] {
    let [alone, together] = [1, 3].map(|threads| with_threads(threads, &f));
    for (alone, together) in alone.iter().zip(&together) {
        let bits = |x: &Tensor<f64>| x.iter().map(f64::to_bits).collect::<Vec<_>>();
        assert!(
            bits(alone) == bits(together),
            "the bits depend on the number of threads"
        );
    }
    alone
}

#[test]
fn attention_and_its_gradient_are_those_of_its_steps() {
    for [matrices, queries, keys, width, out] in [
        [2, 3, 5, 4, 6],
        // More scores than are computed at once.
        [2, 700, 300, 3, 2],
        [1, 1, 1, 1, 1],
        [3, 2, 4, 0, 2],
        [3, 2, 4, 2, 0],
        [3, 2, 0, 2, 2],
        [3, 0, 4, 2, 2],
        [0, 3, 4, 2, 2],
    ] {
        let q = numbers(&[matrices, queries, width], 1);
        let k = numbers(&[matrices, keys, width], 2);
        let v = numbers(&[matrices, keys, out], 3);
        let g = numbers(&[matrices, queries, out], 4);
        let t = |x: &Tensor<f64>| x.transpose(1, 2);

        let [y, p] = by_any_threads(|| q.attention(&k, &v));
        let probabilities = q.matmul(&t(&k)).softmax(2);
        assert_close("p", &p, &probabilities);
        assert_close("y", &y, &probabilities.matmul(&v));

        let [dq, dk, dv] = by_any_threads(|| q.attention_gradient(&k, &v, &p, &g));
        let dp = g.matmul(&t(&v));
        let ds = &p * &(&dp - &(&p * &dp).sum(keep(2)));
        assert_close("dq", &dq, &ds.matmul(&k));
        assert_close("dk", &dk, &t(&ds).matmul(&q));
        assert_close("dv", &dv, &t(&p).matmul(&g));
    }
}

#[test]
fn standardization_by_rows_is_that_of_its_steps() {
    for [rows, extent] in [[1, 1], [3, 50], [2500, 7], [5, 40_000], [1100, 33]] {
        let [x, g] = [1, 2].map(|seed| numbers(&[rows, extent], seed));
        let [w, b] = [3, 4].map(|seed| numbers(&[extent], seed));
        let [mean, rstd] = [5, 6].map(|seed| numbers(&[rows, 1], seed));
        let s = &(&x - &mean) * &rstd;

        let [y] = by_any_threads(|| [x.standardized_rows(&mean, &rstd, &w, &b)]);
        assert_close("y", &y, &(&(&s * &w) + &b));

        let [sum, along] = by_any_threads(|| x.standardized_sums(&g, &mean, &rstd));
        assert_close("sum", &sum, &g.sum(keep(1)));
        assert_close("along", &along, &(&g * &s).sum(keep(1)));

        let columns = [mean.clone(), rstd.clone()]
            .into_iter()
            .chain([7, 8, 9].map(|seed| numbers(&[rows, 1], seed)));
        let columns: [Tensor<f64>; 5] = columns.collect::<Vec<_>>().try_into().expect("five");
        let [dx] = by_any_threads(|| [x.standardized_gradient(&g, &columns)]);
        let [_, _, slope, shift, correction] = &columns;
        assert_close(
            "gradient",
            &dx,
            &(&(&(&g * slope) + shift) + &(&s * correction)),
        );

        for centred in [false, true] {
            let [dx, dw, db] =
                by_any_threads(|| x.standardized_rows_gradient(&g, &mean, &rstd, &w, centred));
            let weighted = &g * &w;
            let mut inner = &weighted - &(&s * &(&weighted * &s).mean(keep(1)));
            if centred {
                inner = &inner - &weighted.mean(keep(1));
            }
            assert_close("dx", &dx, &(&inner * &rstd));
            assert_close("dw", &dw, &(&g * &s).sum(0));
            assert_close("db", &db, &g.sum(0));
        }
    }
}

#[test]
fn cotangents_of_softmax_are_those_of_their_formulas() {
    for shape in [[2, 1], [1, 31], [3, 1025], [700, 33], [2, 40_000]] {
        let x = numbers(&shape, 1).map(|x| 3.0 * x);
        let g = numbers(&shape, 2);
        // Along the last axis, whose rows are contiguous, and along the first.
        for axis in [1, 0] {
            let (p, logs) = (x.softmax(axis), x.log_softmax(axis));
            let [found] = by_any_threads(|| [p.softmax_cotangent(&g, axis)]);
            let expected = &p * &(&g - &(&p * &g).sum(keep(axis)));
            assert_close("softmax", &found, &expected);
            let [found] = by_any_threads(|| [logs.log_softmax_cotangent(&g, axis)]);
            assert_close("log_softmax", &found, &(&g - &(&p * &g.sum(keep(axis)))));
        }
    }
}

#[test]
fn gated_linear_units_are_those_of_their_steps() {
    // Halves of fewer elements than a loop pays for, of one row's tasks and of several rows a task.
    for (shape, axis) in [
        (vec![5, 6], 1),
        (vec![700, 66], 1),
        (vec![2, 90_000], 1),
        (vec![4, 70, 5], 0),
        (vec![3, 8, 2, 3], 1),
        (vec![3, 0, 4], 1),
        (vec![0, 2], 1),
    ] {
        let x = numbers(&shape, 1).map(|x| 4.0 * x);
        let half = shape[axis as usize] as isize / 2;
        let (a, b) = (x.slice(axis, ..half), x.slice(axis, half..));
        let [y] = by_any_threads(|| [x.glu(axis)]);
        assert_close("y", &y, &(&a * &b.sigmoid()));
        let g = numbers(y.shape(), 2);
        let [dx] = by_any_threads(|| [x.glu_gradient(&g, axis)]);
        let slope = &b.sigmoid() * &(-&b).sigmoid();
        let parts = [&g * &b.sigmoid(), &(&g * &a) * &slope];
        assert_close("dx", &dx, &Tensor::concat(&[&parts[0], &parts[1]], axis));
        // In another layout.
        let turned = x.transpose(0, 1).contiguous().transpose(0, 1);
        assert_eq!(turned.glu(axis), y);
        assert_eq!(turned.glu_gradient(&g, axis), dx);
    }
}

#[test]
fn gates_of_a_long_short_term_memory_are_those_of_their_steps() {
    for shape in [
        vec![3, 5],
        vec![1, 9000],
        vec![2500, 3],
        vec![2, 3, 33],
        vec![7],
        vec![0, 4],
        vec![4, 0],
    ] {
        let last = shape.len() - 1;
        let mut wide = shape.clone();
        wide[last] *= 4;
        let (sums, c) = (numbers(&wide, 1).map(|x| 3.0 * x), numbers(&shape, 2));
        let [h, memory, gates] = by_any_threads(|| sums.lstm_gates(&c));
        let parts = sums.split(-1, [shape[last]; 4]);
        let [i, f, o] = [0, 1, 3].map(|k| parts[k].sigmoid());
        let g = parts[2].tanh();
        assert_close("memory", &memory, &(&(&f * &c) + &(&i * &g)));
        assert_close("h", &h, &(&o * &memory.tanh()));
        assert_close("gates", &gates, &Tensor::concat(&[&i, &f, &g, &o], -1));

        let [dh, direct] = [3, 4].map(|seed| numbers(&shape, seed));
        let [dsums, dc] =
            by_any_threads(|| sums.lstm_gates_gradient(&c, [&memory, &gates], [&dh, &direct]));
        let one_minus_square = |x: &Tensor<f64>| x.map(|x| 1.0 - x * x);
        let d = &(&(&dh * &o) * &one_minus_square(&memory.tanh())) + &direct;
        let slope = |x: &Tensor<f64>| x.map(|x| x * (1.0 - x));
        let parts = [
            &(&d * &g) * &slope(&i),
            &(&d * &c) * &slope(&f),
            &(&d * &i) * &one_minus_square(&g),
            &(&dh * &memory.tanh()) * &slope(&o),
        ];
        assert_close("dsums", &dsums, &Tensor::concat(&parts.each_ref(), -1));
        assert_close("dc", &dc, &(&d * &f));
    }
}

#[test]
fn a_sequence_through_a_long_short_term_memory_is_its_steps() {
    for [steps, batch, width] in [
        [1, 1, 1],
        [5, 3, 7],
        [2, 70, 40],
        [40, 2, 16],
        [3, 1, 130],
        [3, 0, 4],
        [0, 2, 4],
        [3, 2, 0],
    ] {
        let x = numbers(&[steps, batch, 4 * width], 1);
        let weight = numbers(&[4 * width, width], 2).map(|x| 0.3 * x);
        let [h, c] = [3, 4].map(|seed| numbers(&[batch, width], seed));
        // Also of operands that are not contiguous.
        let weight = weight.transpose(0, 1).contiguous().transpose(0, 1);
        let results = by_any_threads(|| x.lstm_sequence(&weight, [&h, &c]));
        let (mut hidden, mut memory) = (vec![h.clone()], vec![c.clone()]);
        let (mut gates, mut sums) = (Vec::new(), Vec::new());
        for t in 0..steps {
            let step = &x.select(0, t as isize) + &hidden[t].matmul(&weight.t());
            let [h, c, open] = step.lstm_gates(&memory[t]);
            hidden.push(h);
            memory.push(c);
            gates.push(open);
            sums.push(step);
        }
        let steps_of = |x: &[Tensor<f64>]| Tensor::stack(&x.iter().collect::<Vec<_>>(), 0);
        if steps > 0 {
            let expected = [&hidden[1..], &memory[1..], &gates, &sums].map(steps_of);
            for (y, expected) in results.iter().zip(&expected) {
                assert_close("results", y, expected);
            }
        }

        let [dhidden, dmemory] = [5, 6].map(|seed| numbers(&[steps, batch, width], seed));
        for dmemory in [None, Some(&dmemory)] {
            let [_, memories, open, all] = &results;
            let [dsums, dh, dc] = by_any_threads(|| {
                all.lstm_sequence_gradient(&weight, &c, [memories, open], (&dhidden, dmemory))
            });
            let mut expected = [0, 1].map(|_| Tensor::zeros([batch, width]));
            let mut parts = Vec::new();
            for t in (0..steps).rev() {
                let at = |x: &Tensor<f64>| x.select(0, t as isize);
                let mut direct = expected[1].clone();
                if let Some(dmemory) = dmemory {
                    direct = &direct + &at(dmemory);
                }
                let own = &expected[0] + &at(&dhidden);
                let saved = [&memory[t + 1], &gates[t]];
                let [part, dc] = sums[t].lstm_gates_gradient(&memory[t], saved, [&own, &direct]);
                expected = [part.matmul(&weight), dc];
                parts.push(part);
            }
            parts.reverse();
            assert_close("dh", &dh, &expected[0]);
            assert_close("dc", &dc, &expected[1]);
            if steps > 0 {
                assert_close("dsums", &dsums, &steps_of(&parts));
            }
        }
    }
}
