//! State dicts: between models, number types and files.

use std::fs;

use wengert_nn::{
    Buffer, Conv2d, Counter, Difference, Lenience, Linear, Module, Param, ParametersExt, Pass,
    StateDict, StateError, Values, fields, rng,
};
use wengert_tensor::{Real, Tensor};

/// Something of everything.
#[derive(Clone, Debug)]
struct Model<T: Real = f32> {
    conv: Conv2d<T>,
    heads: Vec<Linear<T>>,
    mean: Buffer<T>,
    steps: Counter,
}

fields!(Model { "features.0" => conv, heads, mean, steps });

fn model<T: Real>(seed: u64) -> Model<T> {
    let rng = &mut rng(seed);
    Model {
        conv: Conv2d::new(2, 3, [3, 2], rng),
        heads: vec![
            Linear::new(4, 1, rng),
            Linear::new(4, 2, rng).without_bias(),
        ],
        mean: Buffer::new(Tensor::uniform([3], 0.0..1.0, rng)),
        steps: Counter::new(seed as i64),
    }
}

const NAMES: [&str; 7] = [
    "features.0.weight",
    "features.0.bias",
    "heads.0.weight",
    "heads.0.bias",
    "heads.1.weight",
    "mean",
    "steps",
];

fn names(state: &StateDict) -> Vec<&str> {
    state.iter().map(|(name, _)| name).collect()
}

#[test]
fn names_are_paths_in_the_order_of_the_model() {
    let state = StateDict::of(&model::<f32>(7));
    assert_eq!(names(&state), NAMES);
    assert_eq!(
        state.get("features.0.weight").unwrap().shape(),
        [3, 2, 3, 2]
    );
    assert_eq!(state.get("steps"), Some(&Values::I64(Tensor::scalar(7))));
    assert_eq!(state.get("steps").unwrap().shape(), [] as [usize; 0]);
    assert_eq!(state.get("nowhere"), None);
}

#[test]
fn a_file_gives_back_every_bit() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.safetensors");
    let mut state = StateDict::of(&model::<f32>(1));
    let odd = [
        0.0,
        -0.0,
        f32::NAN,
        f32::INFINITY,
        f32::MIN_POSITIVE / 4.0,
        f32::MAX,
    ];
    state.insert("odd", Values::F32(Tensor::from_slice(&odd, [2, 3])));
    state.insert("wide", Values::F64(Tensor::from_slice(&[1.0 / 3.0], [1])));
    state.insert("none", Values::F64(Tensor::zeros([0, 5])));
    state.insert("bytes", Values::U8(Tensor::from_slice(&[0, 127, 255], [3])));
    state.insert("naïve \"quoted\\\" name", Values::F32(Tensor::scalar(1.0)));
    state
        .metadata
        .insert("note".to_owned(), "two\nlines\t\u{1F600}".to_owned());
    state.save(&path).unwrap();
    let loaded = StateDict::load(&path).unwrap();
    assert_eq!(loaded.metadata, state.metadata);
    assert_eq!(loaded.len(), state.len());
    for (name, values) in state.iter() {
        let found = loaded.get(name).unwrap();
        match (values, found) {
            (Values::F32(a), Values::F32(b)) => {
                let bits = |x: &Tensor<f32>| x.iter().map(f32::to_bits).collect::<Vec<_>>();
                assert_eq!((a.shape(), bits(a)), (b.shape(), bits(b)), "{name}");
            }
            (a, b) => assert_eq!(a, b, "{name}"),
        }
    }
    assert_eq!(loaded.to_bytes(), state.to_bytes());
}

#[test]
fn a_view_is_written_as_what_it_shows() {
    let mut state = StateDict::new();
    let x = Tensor::from_slice(&[1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0], [2, 3]);
    state.insert("x", Values::F32(x.t()));
    let loaded = StateDict::from_bytes(&state.to_bytes()).unwrap();
    assert_eq!(loaded.get("x"), Some(&Values::F32(x.t().contiguous())));
}

#[test]
#[should_panic(expected = "do not fit in memory")]
fn bytes_that_do_not_fit_in_memory_are_refused() {
    let mut state = StateDict::new();
    let view = Tensor::from_slice(&[1.0_f32], [1]).broadcast_to([1 << 40]);
    state.insert("x", Values::F32(view));
    let _ = state.to_bytes();
}

#[test]
fn a_state_moves_between_number_types_and_back() {
    let single = model::<f32>(1);
    let mut double = model::<f64>(2);
    StateDict::of(&single).load_into(&mut double).unwrap();
    let state = StateDict::of(&double);
    assert!(matches!(state.get("mean"), Some(Values::F64(_))));
    assert_eq!(double.steps.value(), 1);
    let mut back = model::<f32>(3);
    state.load_into(&mut back).unwrap();
    assert_eq!(StateDict::of(&back), StateDict::of(&single));
}

#[test]
fn a_loaded_model_computes_the_same() {
    let x = Tensor::uniform([2, 2, 5, 4], -1.0..1.0, &mut rng(9));
    let run = |model: &Model| {
        let mut pass = Pass::eval(model);
        model
            .conv
            .call(&pass.input(x.clone()), &mut pass)
            .into_value()
    };
    let trained = model(1);
    let mut other = model(2);
    assert_ne!(run(&trained), run(&other));
    let ids: Vec<_> = other
        .parameters()
        .iter()
        .map(|(_, param)| param.id())
        .collect();
    StateDict::from_bytes(&StateDict::of(&trained).to_bytes())
        .unwrap()
        .load_into(&mut other)
        .unwrap();
    assert_eq!(run(&trained), run(&other));
    let after: Vec<_> = other
        .parameters()
        .iter()
        .map(|(_, param)| param.id())
        .collect();
    assert_eq!(ids, after, "an optimizer still knows its parameters");
}

/// The same state, changed.
fn altered(change: impl FnOnce(&mut Vec<(String, Values)>)) -> StateDict {
    let state = StateDict::of(&model::<f32>(1));
    let mut entries: Vec<_> = state
        .iter()
        .map(|(n, v)| (n.to_owned(), v.clone()))
        .collect();
    change(&mut entries);
    let mut altered = StateDict::new();
    for (name, values) in entries {
        altered.insert(name, values);
    }
    altered
}

#[test]
fn a_state_of_another_model_is_refused_whole() {
    let several = altered(|entries| {
        entries.retain(|(name, _)| name != "mean" && name != "heads.0.bias");
        entries[0].1 = Values::F32(Tensor::zeros([3, 2, 2, 3]));
        entries.insert(
            2,
            ("extra.weight".to_owned(), Values::F32(Tensor::zeros([1]))),
        );
        entries.last_mut().unwrap().1 = Values::F32(Tensor::scalar(3.0));
    });
    let mut target = model::<f32>(2);
    let before = StateDict::of(&target);
    let error = several.load_into(&mut target).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the state does not fit the model: missing: heads.0.bias, mean; unexpected: extra.weight; \
         of another shape or type: features.0.weight is [3, 2, 2, 3], not [3, 2, 3, 2], \
         steps is F32, not I64 (convert it before it is saved, in PyTorch with `.long()`)"
    );
    let StateError::Difference(difference) = error else {
        panic!("another error")
    };
    assert_eq!(difference.missing, ["heads.0.bias", "mean"]);
    assert_eq!(difference.unexpected, ["extra.weight"]);
    assert_eq!(difference.misfits.len(), 2);
    assert_eq!(StateDict::of(&target), before, "the model is as it was");
}

#[test]
fn one_difference_is_enough_to_refuse() {
    let cases = [
        altered(|entries| drop(entries.pop())),
        altered(|entries| entries.push(("more".to_owned(), Values::F32(Tensor::zeros([1]))))),
        altered(|entries| entries[1].1 = Values::F32(Tensor::zeros([1, 3]))),
        altered(|entries| entries[1].1 = Values::I64(Tensor::zeros([3]))),
        altered(|entries| entries[6].1 = Values::I64(Tensor::zeros([1]))),
    ];
    for state in cases {
        let mut target = model::<f64>(2);
        let before = StateDict::of(&target);
        state.load_into(&mut target).unwrap_err();
        assert_eq!(StateDict::of(&target), before);
    }
}

#[test]
fn names_may_be_missing_or_unknown_where_that_is_asked_for() {
    let state = altered(|entries| {
        entries.retain(|(name, _)| name.starts_with("features"));
        entries.push(("more".to_owned(), Values::F32(Tensor::zeros([1]))));
    });
    let mut target = model::<f32>(2);
    let head = target.heads[0].weight.value().clone();
    let only = |missing, unexpected| Lenience {
        missing,
        unexpected,
    };
    for lenience in [only(false, false), only(true, false), only(false, true)] {
        state.load_into_with(&mut target, lenience).unwrap_err();
    }
    let difference = state.load_into_with(&mut target, only(true, true)).unwrap();
    assert_eq!(difference.missing, NAMES[2..]);
    assert_eq!(difference.unexpected, ["more"]);
    assert_eq!(
        target.conv.weight.value(),
        model::<f32>(1).conv.weight.value()
    );
    assert_eq!(target.heads[0].weight.value(), &head);
    // A shape never bends.
    let misshapen = altered(|entries| entries[1].1 = Values::F32(Tensor::zeros([4])));
    misshapen
        .load_into_with(&mut target, only(true, true))
        .unwrap_err();
}

#[test]
fn a_failing_write_leaves_the_old_file_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let state = StateDict::of(&model::<f32>(1));
    let nowhere = directory.path().join("no such directory/model.safetensors");
    let error = state.save(&nowhere).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with(&nowhere.display().to_string()),
        "{error}"
    );
    // A directory cannot be replaced by a file: the rename is what fails.
    let taken = directory.path().join("taken");
    fs::create_dir(&taken).unwrap();
    fs::write(taken.join("inside"), "kept").unwrap();
    state.save(&taken).unwrap_err();
    assert_eq!(fs::read_to_string(taken.join("inside")).unwrap(), "kept");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    state.save(directory.path().join("..")).unwrap_err();
    state.save("").unwrap_err();
}

#[test]
fn a_file_replaces_the_one_before() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.safetensors");
    for seed in [1, 2] {
        let state = StateDict::of(&model::<f32>(seed));
        state.save(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), state.to_bytes());
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn what_is_no_file_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    for path in [
        directory.path().to_owned(),
        directory.path().join("missing"),
    ] {
        let error = StateDict::load(&path).unwrap_err();
        assert!(matches!(error, StateError::File { .. }), "{error:?}");
        assert!(
            error.to_string().contains(&path.display().to_string()),
            "{error}"
        );
    }
    let path = directory.path().join("text");
    fs::write(&path, "not numbers, but words").unwrap();
    let error = StateDict::load(&path).unwrap_err();
    assert!(
        error.to_string().starts_with(&path.display().to_string()),
        "{error}"
    );
}

#[test]
fn a_name_that_no_file_could_hold_is_refused_at_once() {
    for name in ["__metadata__", "a\0b", &"x".repeat(1025)] {
        let insert = || StateDict::new().insert(name, Values::of(&Tensor::<f32>::zeros([1])));
        std::panic::catch_unwind(insert).unwrap_err();
    }
}

#[test]
fn a_parameter_by_itself_has_a_state() {
    let param = Param::new(Tensor::<f32>::ones([2]));
    let mut other = Param::new(Tensor::<f32>::zeros([2]));
    StateDict::from_bytes(&StateDict::of(&param).to_bytes())
        .unwrap()
        .load_into(&mut other)
        .unwrap();
    assert_eq!(other.value(), param.value());
}

#[test]
fn values_tell_their_type_and_only_real_ones_are_numbers_of_a_model() {
    let values = [
        (Values::F32(Tensor::zeros([2, 0])), "F32", true),
        (Values::F64(Tensor::ones([2, 3])), "F64", true),
        (Values::I64(Tensor::scalar(7)), "I64", false),
        (Values::U8(Tensor::zeros([4])), "U8", false),
    ];
    for (values, name, is_real) in values {
        assert_eq!(values.type_name(), name);
        assert_eq!(values.is_real(), is_real);
        assert_eq!(values.real::<f64>().is_some(), is_real, "{name}");
        assert_eq!(values.is_empty(), name == "F32");
        assert_eq!(values.counter(), (name == "I64").then_some(7));
        let mut state = StateDict::new();
        state.insert("x", values.clone());
        let read = StateDict::from_bytes(&state.to_bytes()).unwrap();
        assert_eq!(read.get("x"), Some(&values));
        // Neither a weight nor a counter of another type takes it.
        let mut weight = Param::new(Tensor::<f32>::ones([4]));
        let mut renamed = state.clone();
        renamed.rename(|_| String::new());
        renamed.load_into(&mut weight).unwrap_err();
        assert_eq!(weight.value(), &Tensor::ones([4]));
    }
    assert_eq!(Difference::default().to_string(), "no difference");
}

#[test]
fn a_removed_tensor_leaves_the_others_in_order() {
    let mut state = StateDict::of(&model::<f32>(1));
    assert!(!state.is_empty() && StateDict::new().is_empty());
    assert_eq!(state.remove("features.0.bias").unwrap().shape(), [3]);
    assert_eq!(state.remove("features.0.bias"), None);
    let left: Vec<&str> = [&NAMES[..1], &NAMES[2..]].concat();
    assert_eq!(names(&state), left);
    assert!(left.iter().all(|name| state.get(name).is_some()));
}
