//! Rows split into phases: position `p` of a row goes to phase `p mod stride`, so that positions a stride
//! apart become neighbours. `phases[r · columns + q]` holds position `q · stride + r`.

use super::level::Level;
use super::scalar::Scalar;

/// Deinterleaving with the instructions of a level.
pub(crate) trait Deinterleave: Scalar {
    /// Copies the elements of even index and those of odd index of each row to two places.
    fn deinterleave_pairs(level: Level, rows: PairRows<'_, Self>);
}

macro_rules! deinterleave {
    ($t:ty, $pairs:ident) => {
        impl Deinterleave for $t {
            fn deinterleave_pairs(level: Level, rows: PairRows<'_, Self>) {
                #[cfg(target_arch = "x86_64")]
                if level.avx2_fma().is_some() {
                    // SAFETY: the processor has AVX2, as the level proves.
                    return unsafe { avx2::$pairs(rows) };
                }
                let _ = level;
                rows.copy();
            }
        }
    };
}

deinterleave!(f32, pairs_f32);
deinterleave!(f64, pairs_f64);

/// Copies `from[i]` to position `first + i`.
pub(crate) fn split<T: Deinterleave>(
    level: Level,
    from: &[T],
    first: usize,
    stride: usize,
    phases: &mut [T],
    columns: usize,
) {
    match stride {
        1 => phases[first..first + from.len()].copy_from_slice(from),
        2 => {
            let [length, stride] = [from.len(), phases.len()];
            let rows = PairRows {
                from,
                from_stride: length.max(1),
                count: length,
                to: phases,
                to_stride: stride,
                starts: starts_of_pairs(first, columns),
            };
            T::deinterleave_pairs(level, rows);
        }
        _ => {
            for (phase, to) in phases.chunks_exact_mut(columns).enumerate().take(stride) {
                let skipped = (phase + stride - first % stride) % stride;
                let from = from.iter().skip(skipped).step_by(stride);
                let column = (first + skipped) / stride;
                for (to, &x) in to[column.min(columns)..].iter_mut().zip(from) {
                    *to = x;
                }
            }
        }
    }
}

/// Copies position `first + i` to `to[i]`, the inverse of [`split`].
pub(crate) fn join<T: Copy>(
    phases: &[T],
    columns: usize,
    first: usize,
    stride: usize,
    to: &mut [T],
) {
    match stride {
        1 => to.copy_from_slice(&phases[first..first + to.len()]),
        2 => {
            let (even, odd) = phases.split_at(columns);
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
            for (phase, from) in phases.chunks_exact(columns).enumerate().take(stride) {
                let skipped = (phase + stride - first % stride) % stride;
                let to = to.iter_mut().skip(skipped).step_by(stride);
                let column = (first + skipped) / stride;
                for (to, &x) in to.zip(&from[column.min(columns)..]) {
                    *to = x;
                }
            }
        }
    }
}

/// Rows whose elements of even and of odd index go to two places.
pub(crate) struct PairRows<'a, T> {
    pub from: &'a [T],
    /// Elements of `from` from one row to the next.
    pub from_stride: usize,
    /// Elements of each row that are copied.
    pub count: usize,
    pub to: &'a mut [T],
    /// Elements of `to` from one row to the next.
    pub to_stride: usize,
    /// Where in a row of `to` the elements of even and of odd index begin.
    pub starts: [usize; 2],
}

/// Where the elements of even and of odd index begin if element 0 goes to position `first` of two phases
/// of `columns` columns.
pub(crate) fn starts_of_pairs(first: usize, columns: usize) -> [usize; 2] {
    let half = first / 2;
    if first.is_multiple_of(2) {
        [half, columns + half]
    } else {
        [columns + half, half + 1]
    }
}

impl<T: Copy> PairRows<'_, T> {
    /// Element by element.
    fn copy(self) {
        let rows = self.to.chunks_mut(self.to_stride);
        for (to, from) in rows.zip(self.from.chunks(self.from_stride)) {
            let [a, b] = self.starts;
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

/// [`PairRows::copy`] with the shuffles of AVX2: LLVM compiles a loop over arrays to loads of single numbers.
#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256, __m256d, _mm256_castpd_ps, _mm256_castps_pd, _mm256_loadu_pd, _mm256_loadu_ps,
        _mm256_permute4x64_pd, _mm256_shuffle_ps, _mm256_storeu_pd, _mm256_storeu_ps,
        _mm256_unpackhi_pd, _mm256_unpacklo_pd,
    };

    use super::PairRows;

    macro_rules! pairs {
        ($name:ident, $t:ty, $lanes:literal, $load:ident, $store:ident, $split:expr) => {
            #[target_feature(enable = "avx2")]
            pub(super) fn $name(rows: PairRows<'_, $t>) {
                const LANES: usize = $lanes;
                let pairs = rows.count / 2;
                if pairs < LANES {
                    return rows.copy();
                }
                let [a, b] = rows.starts;
                let to = rows.to.chunks_mut(rows.to_stride);
                for (to, from) in to.zip(rows.from.chunks(rows.from_stride)) {
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

    pairs!(
        pairs_f32,
        f32,
        8,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        split_f32
    );
    pairs!(
        pairs_f64,
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

    fn positions_are_in_their_phases<T: Deinterleave + PartialEq + std::fmt::Debug>() {
        for stride in 1..5 {
            for first in 0..6_usize {
                for length in 0..40_usize {
                    for level in Level::all() {
                        let columns = (first + length).div_ceil(stride) + 1;
                        let from: Vec<T> = (1..=length).map(|i| T::of(i as f64)).collect();
                        let mut phases = vec![T::zero(); columns * stride];
                        split(level, &from, first, stride, &mut phases, columns);
                        for (i, &x) in from.iter().enumerate() {
                            let at = first + i;
                            assert_eq!(phases[at % stride * columns + at / stride], x);
                        }
                        let mut back = vec![T::zero(); length];
                        join(&phases, columns, first, stride, &mut back);
                        assert_eq!(back, from, "stride {stride} from {first}");
                    }
                }
            }
        }
    }

    #[test]
    fn every_position_is_copied_to_its_phase_and_back() {
        positions_are_in_their_phases::<f32>();
        positions_are_in_their_phases::<f64>();
    }
}
