//! Models of many layers: one after the other, and in each other.

use wengert_nn::{Linear, Module, ParametersExt, Pass, Relu, Sequential, StateDict, rng};
use wengert_tensor::Tensor;
use wengert_tensor::testing::panics::message_of;

/// A layer within `levels` models.
fn nested(levels: usize) -> Sequential {
    let innermost = Sequential::new().push(Linear::new(1, 1, &mut rng(0)));
    (1..levels).fold(innermost, |model, _| Sequential::new().push(model))
}

#[test]
fn thirty_thousand_layers_one_after_the_other_are_no_deep_stack() {
    let mut model = Sequential::new().push(Linear::<f32>::new(1, 1, &mut rng(0)));
    for _ in 1..30_000 {
        model = model.push(Relu);
    }
    let mut pass = Pass::train(&model, 0);
    let y = model.call(&pass.input(Tensor::ones([1, 1])), &mut pass);
    let _ = pass.backward(&y.sum(..));
}

#[test]
fn layers_nested_as_deep_as_they_may_be_run_on_a_usual_stack() {
    // The name of the parameter is a level too.
    let model = nested(255);
    let run = || {
        let mut pass = Pass::train(&model, 0);
        let y = model.call(&pass.input(Tensor::ones([1, 1])), &mut pass);
        let gradients = pass.backward(&y.sum(..));
        assert_eq!(gradients.iter().count(), 2);
        assert_eq!(StateDict::of(&model).len(), 2);
        assert_eq!(model.clone().parameter_count(), 2);
        assert!(format!("{model:?}").len() > 255);
    };
    std::thread::scope(|scope| scope.spawn(run).join().expect("the stack is large enough"));
}

#[test]
fn layers_nested_deeper_are_refused_where_they_are_nested() {
    let text = |make: &dyn Fn() -> Sequential| message_of(make);
    let expected = "model: layers are nested 257 deep, and 256 is the most; put them one after the other in one \
                    `Sequential`";
    assert_eq!(text(&|| nested(30_000)), expected);
    assert_eq!(
        text(&|| Sequential::new().push_named("a", nested(255))),
        expected
    );
    let changed = |change: fn(&mut Sequential, Sequential)| {
        text(&|| {
            let mut model = Sequential::new().push(Relu);
            change(&mut model, nested(255));
            model
        })
    };
    assert_eq!(changed(|model, deep| model.insert(0, deep)), expected);
    assert_eq!(
        changed(|model, deep| drop(model.replace(0, deep))),
        expected
    );
}
