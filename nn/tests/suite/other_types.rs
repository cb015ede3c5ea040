//! Tensors of types that a safetensors file may have and a model may not.

use safetensors::tensor::{Dtype, TensorView};
use wengert_nn::{Lenience, Linear, StateDict, StateError, Values, rng};

use crate::safetensors::file;

/// Types of the format that no tensor has, with a number of elements and of bytes.
const OTHER_TYPES: [(Dtype, usize, usize); 16] = [
    (Dtype::U64, 2, 16),
    (Dtype::C64, 2, 16),
    (Dtype::I32, 2, 8),
    (Dtype::U32, 2, 8),
    (Dtype::I16, 3, 6),
    (Dtype::U16, 3, 6),
    (Dtype::I8, 3, 3),
    (Dtype::BOOL, 3, 3),
    (Dtype::F8_E4M3, 3, 3),
    (Dtype::F8_E5M2, 3, 3),
    (Dtype::F8_E8M0, 3, 3),
    (Dtype::F8_E4M3FNUZ, 3, 3),
    (Dtype::F8_E5M2FNUZ, 3, 3),
    (Dtype::F6_E2M3, 4, 3),
    (Dtype::F6_E3M2, 12, 9),
    (Dtype::F4, 6, 3),
];

#[test]
fn one_tensor_of_another_type_leaves_the_others_readable() {
    let trained = Linear::<f32>::new(2, 1, &mut rng(0));
    let weight = trained.weight.value().to_vec();
    let weight: Vec<u8> = weight.into_iter().flat_map(f32::to_le_bytes).collect();
    for (dtype, count, length) in OTHER_TYPES {
        let bytes: Vec<u8> = (1..=length as u8).collect();
        let views = [
            (
                "weight",
                TensorView::new(Dtype::F32, vec![1, 2], &weight).unwrap(),
            ),
            (
                "bias",
                TensorView::new(Dtype::F32, vec![1], &[0; 4]).unwrap(),
            ),
            (
                "other",
                TensorView::new(dtype, vec![1, count], &bytes).unwrap(),
            ),
        ];
        let whole = safetensors::serialize(views, None).unwrap();
        let mut state = StateDict::from_bytes(&whole).unwrap();
        let Some(Values::Raw(raw)) = state.get("other") else {
            panic!("{dtype}: {:?}", state.get("other"));
        };
        assert_eq!(raw.type_name(), dtype.to_string());
        assert_eq!((raw.shape(), raw.bytes()), (&[1, count][..], &bytes[..]));

        // Loud where nothing else is asked for, and the name where it is.
        let mut model = Linear::<f32>::new(2, 1, &mut rng(1));
        let error = state.load_into(&mut model).unwrap_err().to_string();
        assert!(error.ends_with("unexpected: other"), "{error}");
        let lenience = Lenience {
            unexpected: true,
            ..Lenience::default()
        };
        let difference = state.load_into_with(&mut model, lenience).unwrap();
        assert_eq!(difference.unexpected, ["other"]);
        assert_eq!(model.weight.value(), trained.weight.value());

        // Written again, with bytes that the format's own crate reads.
        let written = state.to_bytes();
        let read = safetensors::SafeTensors::deserialize(&written).unwrap();
        let view = read.tensor("other").unwrap();
        assert_eq!((view.dtype(), view.data()), (dtype, &bytes[..]));
        assert_eq!(StateDict::from_bytes(&written).unwrap().to_bytes(), written);

        // A model that needs it.
        let raw = state.remove("other").unwrap();
        state.insert("bias", raw);
        let error = state.load_into_with(&mut model, lenience).unwrap_err();
        let StateError::Difference(difference) = error else {
            panic!("{error}")
        };
        assert_eq!(difference.misfits[0].given, dtype.to_string());
    }
}

#[test]
fn a_tensor_of_another_type_that_a_model_needs_is_named_with_the_remedy() {
    let header = concat!(
        r#"{"weight":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]},"#,
        r#""bias":{"dtype":"I32","shape":[1],"data_offsets":[4,8]}}"#
    );
    let state = StateDict::from_bytes(&file(header, &[0; 8])).unwrap();
    let mut model = Linear::<f32>::new(1, 1, &mut rng(0));
    assert_eq!(
        state.load_into(&mut model).unwrap_err().to_string(),
        "the state does not fit the model: of another shape or type: bias is I32, not real (convert it before it is \
         saved, in PyTorch with `.float()`)"
    );
}
