//! Shapes, layouts and arguments at the limits, of kinds that have broken other libraries.

use wengert_tensor::pooling::adaptive_windows;
use wengert_tensor::testing::layouts::all_layouts;
use wengert_tensor::testing::panics::message_of;
use wengert_tensor::{Layout, MAX_RANK, Slice, Tensor, element_count};

const TWO_32: usize = 1 << 32;

#[test]
fn shapes_whose_size_overflows_panic_before_any_allocation() {
    for shape in [
        &[usize::MAX][..],
        &[usize::MAX, 2],
        &[0, usize::MAX, 2],
        &[usize::MAX, 2, 0],
        &[TWO_32, TWO_32],
        &[1 << 31, 1 << 31, 4],
    ] {
        assert!(
            message_of(|| Tensor::<f32>::zeros(shape)).contains("overflows"),
            "{shape:?}"
        );
        assert!(message_of(|| Tensor::<f32>::from_vec(vec![], shape)).contains("overflows"));
        assert!(
            message_of(|| Tensor::<f32>::scalar(0.0).broadcast_to(shape)).contains("overflows")
        );
    }
    assert!(
        message_of(|| Tensor::<f32>::zeros([1; MAX_RANK + 1])).contains("9 axes are more than 8")
    );
    for shape in [
        &[isize::MAX as usize / 4 + 1][..],
        &[1 << 40],
        &[1 << 31, 3 << 10],
    ] {
        let message = message_of(|| Tensor::<f32>::zeros(shape));
        assert!(message.contains("do not fit in memory"), "{message}");
    }
    assert_eq!(Tensor::<f32>::zeros([0, isize::MAX as usize]).len(), 0);
}

#[test]
fn a_view_of_more_elements_than_memory_is_legal_until_it_is_copied() {
    let view = Tensor::from_vec(vec![3.0_f32], [1]).broadcast_to([1 << 40]);
    assert_eq!(view.len(), 1 << 40);
    assert_eq!(view.get([(1 << 40) - 1]), 3.0);
    assert_eq!(
        view.slice(0, Slice::new(Some(5), None, 1 << 38)).to_vec(),
        [3.0; 4]
    );
    assert_eq!(view.reshape([1 << 20, 1 << 20]).select(0, 7).len(), 1 << 20);
    let message = message_of(|| view.contiguous());
    assert_eq!(
        message,
        "contiguous: [1099511627776]: 1099511627776 elements do not fit in memory, \
         4398046511104 bytes"
    );
    assert!(message_of(|| &view + &view).starts_with("add: [1099511627776]"));
    assert!(message_of(|| view.to_vec()).contains("do not fit in memory"));
}

#[test]
fn vectors_that_do_not_fit_in_memory_panic_before_allocation() {
    let huge = 1 << 36;
    let view = Tensor::from_vec(vec![3.0_f32], [1]).broadcast_to([huge]);
    let message = message_of(|| view.chunk(0, huge));
    assert!(
        message.starts_with("chunk: [68719476736]: 68719476736"),
        "{message}"
    );
    assert_eq!(view.chunk(0, 3).len(), 3);
    let shape = [1, 1, 4];
    for output in [huge, usize::MAX] {
        let error = adaptive_windows(&shape, 1, output.into()).unwrap_err();
        assert!(error.to_string().contains(&output.to_string()), "{error}");
    }
}

#[test]
fn the_element_count_checks_all_extents_for_overflow() {
    for (shape, count) in [
        (&[][..], Some(1)),
        (&[2, 0, 3], Some(0)),
        (&[0, isize::MAX as usize], Some(0)),
        (&[0, 1 << 63], None),
        (&[1 << 63, 0], None),
        (&[TWO_32, TWO_32, 0], None),
    ] {
        assert_eq!(element_count(shape), count, "{shape:?}");
    }
}

#[test]
fn every_rank_and_every_empty_shape_works() {
    for shape in [
        &[][..],
        &[0],
        &[0, 5],
        &[5, 0],
        &[1],
        &[1; MAX_RANK],
        &[2; MAX_RANK],
        &[0; MAX_RANK],
        &[2, 1, 0, 3],
    ] {
        let count: usize = shape.iter().product();
        let x = Tensor::from_vec((0..count as i64).collect(), shape);
        assert_eq!(x.rank(), shape.len());
        for (name, copy) in all_layouts(&x) {
            assert_eq!(copy, x, "{name}");
            assert_eq!(&copy + &x, x.map(|x| 2 * x), "{name}");
            assert_eq!(copy.reshape([count]).to_vec(), x.to_vec(), "{name}");
            assert_eq!(copy.iter().len(), count);
            let reversed: Vec<i64> = (0..count as i64).rev().collect();
            assert_eq!(copy.flip(..).to_vec(), reversed);
        }
    }
}

#[test]
fn lengths_around_every_block_edge_work() {
    for block in [8, 16, 24, 32, 64, 4096, 16_384, 32_768] {
        for length in [block - 1, block, block + 1] {
            let x = Tensor::from_fn([length], |i| i[0] as f32);
            for (name, copy) in all_layouts(&x) {
                let y = copy * 2.0 + &x;
                assert!(
                    y.iter().enumerate().all(|(i, y)| y == 3.0 * i as f32),
                    "{name} {length}"
                );
            }
        }
    }
}

#[test]
fn a_layout_outside_its_buffer_panics() {
    for (shape, strides, offset, buffer) in [
        (&[3][..], &[1][..], 0, 2),
        (&[3], &[-1], 1, 3),
        (&[2, 2], &[2, 1], 1, 4),
        (&[2], &[isize::MAX], 0, 4),
        (&[3], &[isize::MIN], 0, 4),
        (&[0], &[1], 5, 4),
    ] {
        let message = message_of(|| Layout::strided(shape, strides, offset, buffer));
        assert!(message.contains("reaches outside a buffer"), "{message}");
    }
    let last = Layout::strided(&[2, 2], &[-2, 1], 2, 4);
    assert_eq!(last.position(&[0, 1]), Some(3));
    assert_eq!(last.position(&[1, 0]), Some(0));
    assert_eq!(last.position(&[2, 0]), None);
}

#[test]
fn overlapping_windows_read_and_update_an_element_once_per_occurrence() {
    let x = Tensor::from_vec(vec![1, 2, 3, 4, 5], [5]);
    let windows = x.unfold_axis(0, 3, 1);
    assert_eq!(windows.to_vec(), [1, 2, 3, 2, 3, 4, 3, 4, 5]);
    assert_eq!(windows.flatten(0, 1), windows.contiguous().flatten(0, 1));
    let mut counts = Tensor::<i64>::zeros([5]);
    counts.update_view(
        |layout| layout.unfold_axis(0, 3, 1),
        &Tensor::ones([3, 3]),
        |a, b| a + b,
    );
    assert_eq!(counts.to_vec(), [1, 2, 3, 2, 1]);
    assert!(
        message_of(|| x.broadcast_to([1 << 40, 5]).unfold_axis(0, 1 << 39, 1))
            .contains("overflows")
    );
}

#[test]
fn the_extreme_integers_are_valid_arguments_or_panic_with_a_message() {
    let (most, least) = (isize::MAX, isize::MIN);
    let x = Tensor::from_vec(vec![1, 2, 3], [3]);
    assert_eq!(
        x.slice(0, Slice::new(Some(least), Some(most), most))
            .to_vec(),
        [1]
    );
    assert_eq!(
        x.slice(0, Slice::new(Some(most), Some(least), least))
            .to_vec(),
        [3]
    );
    assert_eq!(
        x.slice(0, Slice::new(Some(most), Some(least), -2)).to_vec(),
        [3, 1]
    );
    assert_eq!(x.roll(least, 0), x.roll(least % 3, 0));
    assert_eq!(x.roll(most, 0), x.roll(most % 3, 0));
    assert_eq!(x.unsqueeze(0).diagonal(most, 0, 1).len(), 0);
    assert_eq!(x.unsqueeze(0).diagonal(least, 0, 1).len(), 0);
    assert_eq!(x.unsqueeze(0).tril(most), x.unsqueeze(0));
    assert_eq!(x.unsqueeze(0).triu(most).to_vec(), [0; 3]);
    assert_eq!(x.unsqueeze(0).tril(least).to_vec(), [0; 3]);
    assert_eq!(x.slice(0, ..0).repeat([1 << 40]).len(), 0);
    assert_eq!(x.repeat([0, 1 << 40]).shape(), [0, 3 << 40]);
    for message in [
        message_of(|| x.select(0, least)),
        message_of(|| x.select(0, most)),
        message_of(|| x.select(least, 0)),
        message_of(|| x.unsqueeze(most)),
        message_of(|| x.pad(&[[least, 0]], 0)),
        message_of(|| x.pad(&[[most, most]], 0)),
        message_of(|| x.repeat([usize::MAX])),
        message_of(|| x.repeat([1 << 40])),
        message_of(|| x.split(0, [usize::MAX, 4])),
        message_of(|| x.chunk(0, 0)),
        message_of(|| x.unfold_axis(0, usize::MAX, 1)),
        message_of(|| x.unfold_axis(0, 1, 0)),
        message_of(|| Slice::new(None, None, 0)),
        message_of(|| Tensor::<f64>::arange(0.0, 1e300, 1.0)),
        message_of(|| Tensor::<f64>::arange(0.0, 1.0, 0.0)),
        message_of(|| Tensor::<f64>::arange(0.0, f64::NAN, 1.0)),
    ] {
        let (op, rest) = message.split_once(": ").expect("the operation comes first");
        assert!(op.chars().all(|c| c.is_ascii_lowercase() || c == '_') && !rest.is_empty());
    }
    let wide = Tensor::scalar(1).broadcast_to([usize::MAX / 2]);
    assert!(message_of(|| Tensor::concat(&[&wide; 3], 0)).contains("overflows"));
}

#[test]
fn the_stride_of_an_axis_of_extent_1_may_be_any_number() {
    let layout = Layout::strided(&[1, 0, 2], &[isize::MIN, isize::MAX, isize::MIN], 0, 0);
    assert!(layout.flip(&(..).into()).is_empty());
    assert!(layout.unsqueeze(0).transpose(0, 1).reshape(&[0]).is_some());
}

#[test]
fn writing_to_a_broadcast_view_writes_to_a_copy() {
    let x = Tensor::from_vec(vec![1.0, 2.0], [2, 1]);
    let mut wide = x.broadcast_to([2, 3]);
    wide.as_mut_slice()[0] = 9.0;
    assert_eq!(wide.to_vec(), [9.0, 1.0, 1.0, 2.0, 2.0, 2.0]);
    let mut filled = x.broadcast_to([2, 3]);
    filled.fill(4.0);
    assert_eq!(filled.to_vec(), [4.0; 6]);
    assert_eq!(x.to_vec(), [1.0, 2.0]);
}

#[test]
fn a_view_of_a_uniquely_owned_buffer_is_written_in_place() {
    let mut x = Tensor::from_vec(vec![1, 2, 3, 4], [4]).slice(0, 1..3);
    let before = x.as_slice().unwrap().as_ptr();
    x.map_in_place(|x| x * 10);
    assert_eq!(x.as_slice().unwrap().as_ptr(), before);
    assert_eq!(x.clone().into_vec(), [20, 30]);
    assert_eq!(x.into_vec(), [20, 30]);
}

#[test]
fn panic_messages_have_the_numbers() {
    let x = Tensor::<f32>::zeros([2, 3]);
    for (message, expected) in [
        (
            message_of(|| &x + &Tensor::zeros([2])),
            "add: [2, 3] and [2]: extents 3 and 2 of axis 1 differ",
        ),
        (
            message_of(|| x.reshape([4, 2])),
            "reshape: [2, 3] has 6 elements, [4, 2] needs 8",
        ),
        (
            message_of(|| x.size(2)),
            "size: [2, 3]: axis 2 is outside the 2 axes",
        ),
        (
            message_of(|| x.select(1, -4)),
            "select: [2, 3]: index -4 is outside axis 1 of extent 3",
        ),
        (
            message_of(|| x.permute([0, -2])),
            "permute: [2, 3]: [0, -2] names axis 0 twice",
        ),
        (
            message_of(|| x.squeeze(0)),
            "squeeze: [2, 3]: axis 0 has extent 2, not 1",
        ),
        (
            message_of(|| x.broadcast_to([3, 3])),
            "broadcast_to: [2, 3] does not broadcast to [3, 3]",
        ),
        (message_of(|| x.item()), "item: [2, 3]: 6 elements, not 1"),
        (
            message_of(|| x.get([2, 0])),
            "get: [2, 3]: index [2, 0] is outside",
        ),
        (
            message_of(|| x.dims::<4>()),
            "dims: [2, 3]: rank 2 where rank 4 is needed",
        ),
        (
            message_of(|| x.split(1, [1, 1])),
            "split: [2, 3]: [1, 1] add up to 2, axis 1 has extent 3",
        ),
        (
            message_of(|| Tensor::concat(&[&x, &x.t()], 0)),
            "concat: [2, 3] and, at index 1, [3, 2]: may differ on axis 0 only",
        ),
        (
            message_of(|| Tensor::from_vec(vec![1.0], [2])),
            "from_vec: 1 elements, [2] needs 2",
        ),
    ] {
        assert_eq!(message, expected);
    }
}
