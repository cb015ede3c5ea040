//! Recycled buffers: fresh memory costs more in page faults than the arithmetic on it.

use std::collections::BTreeMap;
use std::sync::{Mutex, Once};
use std::thread::ThreadId;

use crate::Element;
use crate::memory::statistics::IDLE;

/// A bounded store of buffers of one element type, by length.
///
/// A buffer that comes back is handed out again as it is: initialised, its old values in it.
#[derive(Debug)]
pub struct Pool<T> {
    shelves: Mutex<Shelves<T>>,
}

#[derive(Debug)]
struct Shelves<T> {
    by_capacity: BTreeMap<usize, Vec<Kept<T>>>,
    bytes: usize,
}

/// A buffer, and the thread that gave it back: it may lie in that one's caches.
#[derive(Debug)]
struct Kept<T> {
    from: ThreadId,
    buffer: Vec<T>,
}

/// No pool keeps more than this many bytes.
const BOUND: usize = 1 << 30;

/// Shorter buffers are left to the allocator, which is fast for them; what it has been given back in one
/// training step should not add up to so much that it returns the end of its heap to the system.
const SHORTEST: usize = 512;

impl<T> Pool<T> {
    /// An empty pool.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            shelves: Mutex::new(Shelves {
                by_capacity: BTreeMap::new(),
                bytes: 0,
            }),
        }
    }
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Element> Pool<T> {
    fn shelves(&self) -> std::sync::MutexGuard<'_, Shelves<T>> {
        self.shelves
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn take(&self, length: usize) -> Option<Vec<T>> {
        let mut shelves = self.shelves();
        // Not the best fit at any price: a much larger buffer would waste what others need.
        let (&capacity, shelf) = shelves
            .by_capacity
            .range_mut(length..=length + length / 4)
            .next()?;
        // A thread's own if there is one: what another has written comes from that one's caches, line by line.
        let own = std::thread::current().id();
        let index = shelf.iter().rposition(|kept| kept.from == own);
        let mut buffer = shelf.remove(index.unwrap_or(shelf.len() - 1)).buffer;
        if shelf.is_empty() {
            shelves.by_capacity.remove(&capacity);
        }
        let bytes = capacity * size_of::<T>();
        shelves.bytes -= bytes;
        IDLE.remove(bytes);
        buffer.resize(length, T::default());
        Some(buffer)
    }

    fn give(&self, buffer: Vec<T>) {
        let bytes = buffer.capacity() * size_of::<T>();
        let from = std::thread::current().id();
        let mut shelves = self.shelves();
        if shelves.bytes + bytes <= BOUND {
            shelves.bytes += bytes;
            IDLE.add(bytes);
            shelves
                .by_capacity
                .entry(buffer.capacity())
                .or_default()
                .push(Kept { from, buffer });
        }
    }

    /// Returns every kept buffer to the allocator and tells how many bytes they were.
    pub fn drain(&self) -> usize {
        let mut shelves = self.shelves();
        shelves.by_capacity.clear();
        let bytes = std::mem::take(&mut shelves.bytes);
        IDLE.remove(bytes);
        bytes
    }
}

/// A buffer of `length` initialised elements of any value: for results that are written whole.
///
/// With debug assertions the value is [`Element::poison`], so that a test sees what nobody wrote.
#[must_use]
pub fn stale<T: Element>(length: usize) -> Vec<T> {
    let pool = T::pool().filter(|_| length >= SHORTEST);
    let recycled = pool.and_then(|pool| pool.take(length));
    let mut buffer = recycled.unwrap_or_else(|| fresh(length));
    if cfg!(debug_assertions) {
        buffer.fill(T::poison());
    }
    buffer
}

/// The system's own zeros cost nothing; a short buffer is most often one that was in use before, and
/// the allocator finds it faster if it need not promise zeros.
fn fresh<T: Element>(length: usize) -> Vec<T> {
    if length >= SHORTEST {
        raise_trimming();
        return vec![T::default(); length];
    }
    let mut buffer = Vec::with_capacity(length);
    buffer.resize(length, T::default());
    buffer
}

/// Has the C library keep up to 512 KB that are free at the end of its heap.
///
/// Glibc returns more than 128 KB there to the system, and a training step that frees its small lists together would
/// ask for them again at every step. Twice the largest mapped block that it has been given back is what it keeps, and
/// the pool gives none back. (`man 3 mallopt`, `M_MMAP_THRESHOLD`.) To other allocators this is one block more.
fn raise_trimming() {
    const MAPPED: usize = 1 << 18;
    static RAISED: Once = Once::new();
    RAISED.call_once(|| drop(std::hint::black_box(Vec::<u8>::with_capacity(MAPPED))));
}

/// The bytes of a buffer that [`usage`](crate::memory::statistics) counts.
pub(crate) fn counted<T>(buffer: &Vec<T>) -> usize {
    if buffer.capacity() < SHORTEST {
        return 0;
    }
    buffer.capacity() * size_of::<T>()
}

/// Hands a buffer back, so that [`stale`] may find it.
pub fn recycle<T: Element>(buffer: Vec<T>) {
    if counted(&buffer) > 0
        && let Some(pool) = T::pool()
    {
        pool.give(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_handed_its_own_buffer_first_and_then_any() {
        let pool = Pool::<f32>::new();
        let [own, other] = [vec![1.0; 600], vec![2.0; 600]];
        pool.give(own);
        std::thread::scope(|scope| {
            scope.spawn(|| pool.give(other));
        });
        assert_eq!(pool.take(600), Some(vec![1.0; 600]));
        assert_eq!(pool.take(600), Some(vec![2.0; 600]));
        assert_eq!(pool.take(600), None);
    }
}
