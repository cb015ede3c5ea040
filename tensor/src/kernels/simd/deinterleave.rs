//! Rows split by the residue of the position modulo a stride, so that what lies a stride apart becomes
//! neighbours: `parts[r · columns + q]` holds position `q · stride + r`.

use super::{Float, Level};

/// Puts `from[i]` at position `first + i`.
pub(crate) fn split<T: Float>(
    level: Level,
    from: &[T],
    first: usize,
    stride: usize,
    parts: &mut [T],
    columns: usize,
) {
    match stride {
        1 => parts[first..first + from.len()].copy_from_slice(from),
        2 => {
            let [length, row] = [from.len(), parts.len()];
            let rows = Halves {
                from,
                width: length.max(1),
                count: length,
                to: parts,
                row,
                at: halves(first, columns),
            };
            T::halve(level, rows);
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

/// Rows whose even and odd elements go to two places.
pub(crate) struct Halves<'a, T> {
    pub from: &'a [T],
    /// Distance of the rows, and how many elements of each are copied.
    pub width: usize,
    pub count: usize,
    pub to: &'a mut [T],
    /// Distance of the rows there, and where in each the elements of even and of odd index begin.
    pub row: usize,
    pub at: [usize; 2],
}

/// Where the elements from position `first` on begin, by turns, in two parts of so many columns.
pub(crate) fn halves(first: usize, columns: usize) -> [usize; 2] {
    let half = first / 2;
    if first.is_multiple_of(2) {
        [half, columns + half]
    } else {
        [columns + half, half + 1]
    }
}

impl<T: Copy> Halves<'_, T> {
    /// Element by element.
    pub fn copy(self) {
        let rows = self.to.chunks_mut(self.row);
        for (to, from) in rows.zip(self.from.chunks(self.width)) {
            let [a, b] = self.at;
            let (pairs, rest) = from[..self.count].as_chunks::<2>();
            for (i, &[even, odd]) in pairs.iter().enumerate() {
                to[a + i] = even;
                to[b + i] = odd;
            }
            if let [last] = rest {
                to[a + pairs.len()] = *last;
            }
        }
    }
}

/// The same with the shuffles of AVX2; from arrays the compiler makes loads of single numbers.
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2 {
    use std::arch::x86_64::{
        __m256, __m256d, _mm256_castpd_ps, _mm256_castps_pd, _mm256_loadu_pd, _mm256_loadu_ps,
        _mm256_permute4x64_pd, _mm256_shuffle_ps, _mm256_storeu_pd, _mm256_storeu_ps,
        _mm256_unpackhi_pd, _mm256_unpacklo_pd,
    };

    use super::Halves;

    macro_rules! halve {
        ($name:ident, $t:ty, $lanes:literal, $load:ident, $store:ident, $split:expr) => {
            #[target_feature(enable = "avx2")]
            pub(crate) fn $name(rows: Halves<'_, $t>) {
                const LANES: usize = $lanes;
                let pairs = rows.count / 2;
                if pairs < LANES {
                    return rows.copy();
                }
                let [a, b] = rows.at;
                let to = rows.to.chunks_mut(rows.row);
                for (to, from) in to.zip(rows.from.chunks(rows.width)) {
                    let from = &from[..rows.count];
                    if rows.count > 2 * pairs {
                        to[a + pairs] = from[2 * pairs];
                    }
                    let room = to.len().checked_sub(pairs);
                    assert!(room.is_some_and(|room| a.max(b) <= room), "a row has room");
                    let mut pair = 0;
                    loop {
                        // SAFETY: `pair + LANES <= pairs`, here and below, and the row has
                        // `2 * pairs` elements to read and, as asserted, room for `pairs` from
                        // `a` and from `b` on; no alignment is needed.
                        unsafe {
                            let from = from.as_ptr().add(2 * pair);
                            let [even, odd] = $split($load(from), $load(from.add(LANES)));
                            $store(to.as_mut_ptr().add(a + pair), even);
                            $store(to.as_mut_ptr().add(b + pair), odd);
                        }
                        if pair + LANES >= pairs {
                            break;
                        }
                        // The last vectors overlap the ones before them.
                        pair = (pair + LANES).min(pairs - LANES);
                    }
                }
            }
        };
    }

    #[target_feature(enable = "avx2")]
    fn split_f32(left: __m256, right: __m256) -> [__m256; 2] {
        let even = _mm256_castps_pd(_mm256_shuffle_ps::<0x88>(left, right));
        let odd = _mm256_castps_pd(_mm256_shuffle_ps::<0xdd>(left, right));
        let even = _mm256_castpd_ps(_mm256_permute4x64_pd::<0xd8>(even));
        [even, _mm256_castpd_ps(_mm256_permute4x64_pd::<0xd8>(odd))]
    }

    #[target_feature(enable = "avx2")]
    fn split_f64(left: __m256d, right: __m256d) -> [__m256d; 2] {
        let even = _mm256_unpacklo_pd(left, right);
        let odd = _mm256_unpackhi_pd(left, right);
        let even = _mm256_permute4x64_pd::<0xd8>(even);
        [even, _mm256_permute4x64_pd::<0xd8>(odd)]
    }

    halve!(
        halve_f32,
        f32,
        8,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        split_f32
    );
    halve!(
        halve_f64,
        f64,
        4,
        _mm256_loadu_pd,
        _mm256_storeu_pd,
        split_f64
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions_are_found<T: Float + PartialEq + std::fmt::Debug>() {
        for stride in 1..5 {
            for first in 0..6_usize {
                for length in 0..40_usize {
                    for level in Level::all() {
                        let columns = (first + length).div_ceil(stride) + 1;
                        let from: Vec<T> = (1..=length).map(|i| T::of(i as f64)).collect();
                        let mut parts = vec![T::zero(); columns * stride];
                        split(level, &from, first, stride, &mut parts, columns);
                        for (i, &x) in from.iter().enumerate() {
                            let at = first + i;
                            assert_eq!(parts[at % stride * columns + at / stride], x);
                        }
                        let mut back = vec![T::zero(); length];
                        join(&parts, columns, first, stride, &mut back);
                        assert_eq!(back, from, "stride {stride} from {first}");
                    }
                }
            }
        }
    }

    #[test]
    fn every_position_is_found_where_its_residue_lies() {
        positions_are_found::<f32>();
        positions_are_found::<f64>();
    }
}
