//! Recycled scratch buffers: fresh memory costs more in page faults than the arithmetic on it.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, Once};
use std::thread::ThreadId;

use crate::Element;
use crate::kernels::Private;
use crate::memory::statistics::{IDLE, SCRATCH};
use crate::memory::working_set;

/// A buffer of initialised elements whose values are unspecified until they are written.
///
/// When it is dropped, also by a panic, its memory goes back to the [`FreeList`] of its type, where the
/// next buffer of about this length finds it.
///
/// With debug assertions a new buffer holds [`Element::poison`], so that tests notice elements that are
/// read before they are written.
#[derive(Debug, Default, PartialEq)]
pub struct Scratch<T: Element>(Vec<T>);

impl<T: Element> Scratch<T> {
    /// A buffer of `length` elements.
    #[must_use]
    pub fn new(length: usize) -> Self {
        let list = T::free_list(Private).filter(|_| length >= SHORTEST);
        let recycled = list.and_then(|list| list.take(length));
        let mut buffer = recycled.unwrap_or_else(|| allocate(length));
        if cfg!(debug_assertions) {
            buffer.fill(T::poison());
        }
        let scratch = Self::from(buffer);
        if length >= SHORTEST {
            working_set::note_request();
        }
        scratch
    }

    /// A buffer of zeros, or of the type's default.
    #[must_use]
    pub fn zeroed(length: usize) -> Self {
        let mut buffer = Self::new(length);
        buffer.fill(T::default());
        buffer
    }

    /// A buffer of the first `length` values.
    ///
    /// # Panics
    /// If there are fewer.
    #[must_use]
    pub(crate) fn collect(length: usize, values: impl Iterator<Item = T>) -> Self {
        let mut buffer = Self::new(length);
        let mut filled = 0;
        for (to, value) in buffer.iter_mut().zip(values) {
            *to = value;
            filled += 1;
        }
        assert_eq!(filled, length, "one value for each element");
        buffer
    }

    /// The elements as a vector, whose memory is not recycled.
    #[must_use]
    pub fn into_vec(mut self) -> Vec<T> {
        SCRATCH.remove(counted(&self.0));
        std::mem::take(&mut self.0)
    }
}

impl<T: Element> Deref for Scratch<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Element> DerefMut for Scratch<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T: Element> Clone for Scratch<T> {
    fn clone(&self) -> Self {
        let mut copy = Self::new(self.len());
        copy.copy_from_slice(self);
        copy
    }
}

impl<T: Element> From<Vec<T>> for Scratch<T> {
    fn from(buffer: Vec<T>) -> Self {
        SCRATCH.add(counted(&buffer));
        Self(buffer)
    }
}

impl<T: Element> From<Scratch<T>> for Vec<T> {
    fn from(scratch: Scratch<T>) -> Self {
        scratch.into_vec()
    }
}

impl<T: Element> Drop for Scratch<T> {
    fn drop(&mut self) {
        SCRATCH.remove(counted(&self.0));
        recycle(std::mem::take(&mut self.0));
    }
}

/// Gives a buffer to the free list of its type, if it has one and the buffer is long enough.
pub(crate) fn recycle<T: Element>(buffer: Vec<T>) {
    if counted(&buffer) > 0
        && let Some(list) = T::free_list(Private)
    {
        list.give(buffer);
    }
}

/// Free buffers of one element type, by capacity.
///
/// A list keeps at most twice the bytes that were lately in use at one time (tensors and scratch buffers of
/// all types). Beyond that it returns the buffers to the allocator that have been free for longest: those of
/// a batch size, for example, that is no longer used.
#[derive(Debug)]
pub struct FreeList<T> {
    buffers: Mutex<Buffers<T>>,
}

#[derive(Debug)]
struct Buffers<T> {
    /// Sorted by capacity, and among equal ones by when they were freed. Not a map: it would be compiled for
    /// each element type in every crate.
    by_capacity: Vec<Free<T>>,
    bytes: usize,
    /// How many buffers were freed so far.
    freed: u64,
}

/// A free buffer, and the thread that freed it: parts of it may still be in that thread's caches.
#[derive(Debug)]
struct Free<T> {
    thread: ThreadId,
    /// The number of buffers that were freed before.
    order: u64,
    buffer: Vec<T>,
}

/// Shorter buffers are left to the allocator, which is fast for them. Together they must not be so large
/// that the allocator returns the end of its heap to the system in every training step.
const SHORTEST: usize = 512;

impl<T> FreeList<T> {
    /// An empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            buffers: Mutex::new(Buffers {
                by_capacity: Vec::new(),
                bytes: 0,
                freed: 0,
            }),
        }
    }
}

impl<T> Default for FreeList<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Buffers<T> {
    /// Returns the buffers that have been free for longest to the allocator, until at most `most` bytes are
    /// left.
    fn shrink_to(&mut self, most: usize) {
        while self.bytes > most {
            let orders = self.by_capacity.iter().enumerate();
            let Some((oldest, _)) = orders.min_by_key(|(_, free)| free.order) else {
                return;
            };
            let bytes = self.by_capacity.remove(oldest).buffer.capacity() * size_of::<T>();
            self.bytes -= bytes;
            IDLE.remove(bytes);
        }
    }
}

impl<T: Element> FreeList<T> {
    fn buffers(&self) -> std::sync::MutexGuard<'_, Buffers<T>> {
        self.buffers
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// A buffer of `length` initialised elements, if there is one that is at most a quarter longer: a
    /// much larger one would be missing where it fits.
    fn take(&self, length: usize) -> Option<Vec<T>> {
        let mut buffers = self.buffers();
        let list = &mut buffers.by_capacity;
        let first = list.partition_point(|free| free.buffer.capacity() < length);
        let capacity = list.get(first)?.buffer.capacity();
        if capacity > length + length / 4 {
            return None;
        }
        let same = list[first..].iter();
        let count = same
            .take_while(|free| free.buffer.capacity() == capacity)
            .count();
        // Prefer a buffer that this thread freed: lines that another processor has written are fetched
        // from that processor's caches one by one.
        let own = std::thread::current().id();
        let mut same = list[first..first + count].iter();
        let index = same.rposition(|free| free.thread == own);
        let Free { mut buffer, .. } = list.remove(first + index.unwrap_or(count - 1));
        let bytes = capacity * size_of::<T>();
        buffers.bytes -= bytes;
        IDLE.remove(bytes);
        buffer.resize(length, T::default());
        Some(buffer)
    }

    fn give(&self, buffer: Vec<T>) {
        let bytes = buffer.capacity() * size_of::<T>();
        let thread = std::thread::current().id();
        let most = working_set::note_freed(bytes);
        let mut buffers = self.buffers();
        buffers.bytes += bytes;
        IDLE.add(bytes);
        let order = buffers.freed;
        buffers.freed += 1;
        let capacity = buffer.capacity();
        let list = &mut buffers.by_capacity;
        let place = list.partition_point(|free| free.buffer.capacity() <= capacity);
        list.insert(
            place,
            Free {
                thread,
                order,
                buffer,
            },
        );
        buffers.shrink_to(most);
    }

    /// Returns every free buffer to the allocator; the result is their size in bytes.
    pub fn drain(&self) -> usize {
        let mut buffers = self.buffers();
        buffers.by_capacity.clear();
        let bytes = std::mem::take(&mut buffers.bytes);
        IDLE.remove(bytes);
        bytes
    }
}

/// Returns every free buffer of a type to the allocator; the result is their size in bytes.
///
/// [`trim`](crate::memory::trim) does so for all types.
pub fn drain<T: Element>() -> usize {
    T::free_list(Private).map_or(0, FreeList::drain)
}

/// Requests of at least this many bytes are checked before they are made. Whether memory can be had is only known by
/// asking for it, which glibc answers without side effects above 32 MB: such memory is mapped and unmapped.
const CHECKED_BYTES: usize = 1 << 26;

/// Larger requests are treated as a mistake, such as a copy of a huge broadcast view, also on a system that
/// overcommits memory.
const MAX_BYTES: usize = 1 << 38;

/// Whether a buffer of `length` elements is checked before it is allocated.
pub(crate) fn is_checked<T>(length: usize) -> bool {
    length.saturating_mul(size_of::<T>()) >= CHECKED_BYTES
}

/// Whether the allocator has memory for `length` elements, after the free buffers of all types have been returned to
/// it if need be.
pub(crate) fn fits<T>(length: usize) -> bool {
    let is_available = || Vec::<T>::new().try_reserve_exact(length).is_ok();
    let is_sensible = length.saturating_mul(size_of::<T>()) <= MAX_BYTES;
    is_sensible && (is_available() || (crate::memory::trim() > 0 && is_available()))
}

/// Large buffers are zeroed pages of the system, which cost nothing before they are touched. Short ones
/// are memory that was in use before: the allocator finds it faster if it need not be zeroed.
///
/// # Panics
/// If a buffer of at least [`CHECKED_BYTES`] does not fit in memory. A shorter one then aborts the process, as `Vec` does.
fn allocate<T: Element>(length: usize) -> Vec<T> {
    if is_checked::<T>(length) {
        let bytes = length * size_of::<T>();
        assert!(
            fits::<T>(length),
            "scratch memory of {bytes} bytes does not fit in memory"
        );
    }
    if length >= SHORTEST {
        raise_trim_threshold();
        return vec![T::default(); length];
    }
    let mut buffer = Vec::with_capacity(length);
    buffer.resize(length, T::default());
    buffer
}

/// Makes the C library keep up to 512 KB of free memory at the end of its heap.
///
/// By default glibc returns free memory above 128 KB to the system, so a training step that frees its short
/// buffers together would request their memory again in the next step. Freeing one large block makes glibc
/// keep twice the size of that block (`man 3 mallopt`, `M_MMAP_THRESHOLD`); since large buffers go to the
/// free lists instead, this function allocates and frees one. With another allocator that has no effect.
fn raise_trim_threshold() {
    const MAPPED: usize = 1 << 18;
    static RAISED: Once = Once::new();
    RAISED.call_once(|| drop(std::hint::black_box(Vec::<u8>::with_capacity(MAPPED))));
}

/// The bytes of a buffer that [`statistics`](crate::memory::statistics) count.
pub(crate) fn counted<T>(buffer: &Vec<T>) -> usize {
    if buffer.capacity() < SHORTEST {
        return 0;
    }
    buffer.capacity() * size_of::<T>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::Kernels;

    #[test]
    fn a_thread_gets_its_own_buffer_first_and_then_any() {
        let list = FreeList::<f32>::new();
        let [own, other] = [vec![1.0; 600], vec![2.0; 600]];
        list.give(own);
        std::thread::scope(|scope| {
            scope.spawn(|| list.give(other));
        });
        assert_eq!(list.take(600), Some(vec![1.0; 600]));
        assert_eq!(list.take(600), Some(vec![2.0; 600]));
        assert_eq!(list.take(600), None);
    }

    #[test]
    fn a_panic_returns_the_buffer_too() {
        // A type that no other test of this process uses.
        let free = || u16::free_list(Private).map_or(0, |list| list.buffers().bytes);
        let before = free();
        let result = std::panic::catch_unwind(|| {
            let buffer = Scratch::<u16>::new(98_765);
            panic!("with {} elements", buffer.len());
        });
        assert!(result.is_err());
        assert!(free() >= before + 2 * 98_765);
    }
}
