//! Wrong calls on tapes that watch, keep, describe or replay: their panics point to the caller too.

use wengert_autograd::{Tape, Var};
use wengert_tensor::{ConvOptions, Slice, Tensor};

use crate::fault;

type Call = fn(&Var<f64>);

const CALLS: [(&str, Call); 12] = [
    ("reshape", |x| drop(x.reshape([4, 2]))),
    ("softmax", |x| drop(x.softmax(5))),
    ("sum", |x| drop(x.sum(7))),
    ("permute", |x| drop(x.permute([0, 0]))),
    ("flip", |x| drop(x.flip(2))),
    ("slice", |x| drop(x.slice(5, Slice::from(..1)))),
    ("concat", |x| drop(Var::concat(&[x], 5))),
    ("add", |x| drop(x + &x.reshape([3, 2]))),
    ("matmul", |x| drop(x.matmul(x))),
    ("max_pool2d", |x| drop(x.max_pool2d(3))),
    ("index_select", |x| {
        drop(x.index_select(0, &Tensor::from_slice(&[9], [1])));
    }),
    ("conv2d", |x| drop(x.conv2d(x, &ConvOptions::default()))),
];

#[test]
fn a_wrong_call_on_an_observed_tape_points_to_its_caller() {
    let tapes: [(&str, fn() -> Tape<f64>); 3] = [
        ("outline", Tape::outline),
        ("watch", Tape::watch),
        ("keeping_all", Tape::keeping_all),
    ];
    let mut faults = Vec::new();
    for (kind, tape) in tapes {
        for (name, call) in CALLS {
            let x = tape().leaf(Tensor::full([2, 3], 0.5));
            let name = format!("{name} on a tape of `{kind}`");
            faults.extend(fault(&name, "callers/observed.rs", || call(&x)));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
