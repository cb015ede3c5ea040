//! What the loop computes.

use wengert::prelude::*;

use crate::models::{bits, images, network};

#[test]
fn a_trainer_gives_the_weights_of_the_loop_by_hand() {
    let set = images(32, 0);
    let options = LoaderOptions {
        batch: 5,
        seed: 3,
        ..LoaderOptions::default()
    };
    let loader = Loader::new(&set, options);
    let rule = Sgd {
        lr: 0.1,
        momentum: 0.9,
        ..Sgd::default()
    };

    let mut by_hand = network(1);
    let mut optimizer = Optimizer::new(rule);
    for epoch in 0..3 {
        for batch in loader.epoch(epoch) {
            let mut pass = Pass::train(&by_hand, batch.seed);
            let output = by_hand.call(&pass.input(batch.inputs), &mut pass);
            let gradients = pass.backward(&output.cross_entropy(batch.targets.classes()));
            optimizer.step(&mut by_hand, &gradients, pass);
        }
    }

    let mut trained = network(1);
    let outcome = Trainer::new(&mut trained, Optimizer::new(rule), &loader)
        .epochs(3)
        .fit()
        .expect("nothing is wrong");
    assert_eq!(bits(&trained), bits(&by_hand));
    assert_eq!(outcome.history.steps.len(), 3 * 7);
}
