//! Rows split by the residue of the position modulo a stride, so that what lies a stride apart becomes
//! neighbours: `parts[r · columns + q]` holds position `q · stride + r`.

/// Puts `from[i]` at position `first + i`.
pub(crate) fn split<T: Copy>(
    from: &[T],
    first: usize,
    stride: usize,
    parts: &mut [T],
    columns: usize,
) {
    match stride {
        1 => parts[first..first + from.len()].copy_from_slice(from),
        2 => {
            let (even, odd) = parts.split_at_mut(columns);
            let (head, from) = from.split_at((first % 2).min(from.len()));
            if let [head] = head {
                odd[first / 2] = *head;
            }
            let (even, odd) = (
                &mut even[first.div_ceil(2)..],
                &mut odd[first.div_ceil(2)..],
            );
            let (pairs, rest) = from.as_chunks::<2>();
            for ((&[a, b], even), odd) in pairs.iter().zip(&mut *even).zip(&mut *odd) {
                (*even, *odd) = (a, b);
            }
            if let [last] = rest {
                even[pairs.len()] = *last;
            }
        }
        _ => {
            for (residue, part) in parts.chunks_exact_mut(columns).enumerate().take(stride) {
                let skipped = (residue + stride - first % stride) % stride;
                let from = from.iter().skip(skipped).step_by(stride);
                let column = (first + skipped) / stride;
                for (to, &x) in part[column.min(columns)..].iter_mut().zip(from) {
                    *to = x;
                }
            }
        }
    }
}

/// Takes `to[i]` from position `first + i`, the opposite of [`split`].
pub(crate) fn join<T: Copy>(
    parts: &[T],
    columns: usize,
    first: usize,
    stride: usize,
    to: &mut [T],
) {
    match stride {
        1 => to.copy_from_slice(&parts[first..first + to.len()]),
        2 => {
            let (even, odd) = parts.split_at(columns);
            let (head, to) = to.split_at_mut((first % 2).min(to.len()));
            if let [head] = head {
                *head = odd[first / 2];
            }
            let (even, odd) = (&even[first.div_ceil(2)..], &odd[first.div_ceil(2)..]);
            let (pairs, rest) = to.as_chunks_mut::<2>();
            let whole = pairs.len();
            for ((pair, &a), &b) in pairs.iter_mut().zip(even).zip(odd) {
                *pair = [a, b];
            }
            if let [last] = rest {
                *last = even[whole];
            }
        }
        _ => {
            for (residue, part) in parts.chunks_exact(columns).enumerate().take(stride) {
                let skipped = (residue + stride - first % stride) % stride;
                let to = to.iter_mut().skip(skipped).step_by(stride);
                let column = (first + skipped) / stride;
                for (to, &x) in to.zip(&part[column.min(columns)..]) {
                    *to = x;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_position_is_found_where_its_residue_lies() {
        for stride in 1..5 {
            for first in 0..6_usize {
                for length in 0..12_usize {
                    let columns = (first + length).div_ceil(stride) + 1;
                    let from: Vec<usize> = (1..=length).collect();
                    let mut parts = vec![0; columns * stride];
                    split(&from, first, stride, &mut parts, columns);
                    for (i, &x) in from.iter().enumerate() {
                        let at = first + i;
                        assert_eq!(parts[at % stride * columns + at / stride], x);
                    }
                    let mut back = vec![0; length];
                    join(&parts, columns, first, stride, &mut back);
                    assert_eq!(back, from, "stride {stride} from {first}");
                }
            }
        }
    }
}
