//! `assert_shape!` binds extents to names, and names the wrong axis in its message.

use wengert_tensor::testing::panics::message_of;
use wengert_tensor::{Tensor, assert_shape};

fn zeros(shape: &[usize]) -> Tensor {
    Tensor::zeros(shape)
}

#[test]
fn names_before_and_after_dots_are_bound() {
    let x = zeros(&[2, 3, 5, 7]);
    assert_shape!(x, [a, .., d]);
    assert_eq!([a, d], [2, 7]);
    assert_shape!(x, [.., c, 7]);
    assert_eq!(c, 5);
    assert_shape!(x, [first, ..]);
    assert_eq!(first, 2);
    assert_shape!(x, [(a), b, _, 3 + 4]);
    assert_eq!(b, 3);
    assert_shape!(x, [..]);
    let scalar = zeros(&[]);
    assert_shape!(scalar, [..]);
}

#[test]
fn the_message_has_the_axis_and_both_shapes() {
    let told = message_of(|| {
        let images = zeros(&[4, 3, 8, 9]);
        assert_shape!(images, [n, 3, side, side]);
        let _ = (n, side);
    });
    assert!(told.contains("images is [4, 3, 8, 9]"), "{told}");
    assert!(told.contains("axis 3 has extent 9, 8 is needed"), "{told}");
    let told = message_of(|| {
        let x = zeros(&[4, 3]);
        assert_shape!(x, [_, _, _]);
    });
    assert!(told.contains("3 axes are needed"), "{told}");
    let told = message_of(|| {
        let x = zeros(&[4]);
        assert_shape!(x, [_, .., _]);
    });
    assert!(told.contains("at least 2 axes are needed"), "{told}");
    let told = message_of(|| {
        let x = zeros(&[4, 3]);
        assert_shape!(x, [4, 2]);
    });
    assert!(told.contains("axis 1 has extent 3, 2 is needed"), "{told}");
}
