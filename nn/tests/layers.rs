//! Every layer's gradients, by parameter, in training and in evaluation.

use wengert_autograd::check::Report;
use wengert_nn::{Dropout, Flatten, Identity, Linear, check_model, sequential};

fn assert(reports: &[Report]) {
    for report in reports {
        report.assert();
    }
}

#[test]
fn linear() {
    assert(&check_model!(|rng| Linear::new(3, 2, rng), [4, 3]));
    assert(&check_model!(
        |rng| Linear::new(3, 2, rng).without_bias(),
        [2, 1, 3]
    ));
}

#[test]
fn sequences_with_dropout() {
    let reports = check_model!(
        |rng| sequential![
            Flatten::new(),
            Linear::new(6, 4, rng),
            Dropout::new(0.5),
            Identity::new(),
            Linear::new(4, 3, rng),
        ],
        [5, 2, 3]
    );
    for report in reports {
        assert_eq!(
            report.names,
            ["1.weight", "1.bias", "4.weight", "4.bias", "input"]
        );
        report.assert();
    }
}
