//! The state of caches and address translations before a call.
//!
//! | mode | before each call | timed |
//! |---|---|---|
//! | warm | the same call | many calls together |
//! | weights-cold | everything is evicted, then the images and results are read | each call by itself |
//! | cold | everything is evicted | each call by itself |
//! | tlb | the same call; then all address translations are dropped | each call by itself |
//!
//! *Evicted* means that all threads together read memory of twice the size of all caches from the second level
//! on. That evicts scratch memory and the kernel's code too; with scratch excluded, the kernel runs once on other
//! operands of the same geometry after that, so that only the operands are cold.
//!
//! Translations are dropped by returning memory to the system: Linux then flushes the translations of the whole
//! process on every core that it runs on. Caches stay as they are.

use std::hint::black_box;
use std::path::Path;

use clap::ValueEnum;
use wengert_tensor::parallel;

/// What is in the caches when a timed call begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum CacheMode {
    /// All that fits in the caches.
    #[default]
    Warm,
    /// All but the weights (operand or result).
    WeightsCold,
    /// Neither operands nor result.
    Cold,
    /// All that fits, but no address translation.
    Tlb,
}

impl CacheMode {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Warm => "warm",
            Self::WeightsCold => "weights-cold",
            Self::Cold => "cold",
            Self::Tlb => "tlb",
        }
    }

    /// # Errors
    /// If this system cannot be brought into the state.
    pub(crate) fn supported(self) -> Result<(), String> {
        if self != Self::Tlb {
            return Ok(());
        }
        if !cfg!(target_os = "linux") {
            return Err("--cache tlb drops translations as Linux does: run it on Linux".into());
        }
        let file = "/sys/kernel/mm/transparent_hugepage/enabled";
        let pages = std::fs::read_to_string(file).unwrap_or_default();
        if pages.contains("[always]") {
            return Err(format!(
                "--cache tlb cannot drop translations of huge pages: write madvise to {file} first"
            ));
        }
        Ok(())
    }
}

/// Whether scratch memory belongs to the working set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scratch {
    /// Bytes are those of operands and result; scratch memory is warm.
    #[default]
    Excluded,
    /// Bytes include writing and reading scratch memory once; it is as cold as the operands.
    Counted,
}

impl Scratch {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Excluded => "excluded",
            Self::Counted => "counted",
        }
    }
}

/// Bytes of a cache line; where lines are longer, each is read twice.
const LINE: usize = 64;

/// Bytes that a thread reads at a time.
const PART: usize = 1 << 18;

/// Memory that is read to evict everything else.
pub(crate) struct Eviction(Vec<u8>);

impl Eviction {
    pub(crate) fn new() -> Self {
        // Written, because all pages that are only read are one page of zeros.
        Self(vec![1; 2 * caches().clamp(32 << 20, 512 << 20)])
    }

    pub(crate) fn evict(&self) {
        read(&self.0);
    }
}

/// Reads an array into the caches, with all threads.
pub(crate) fn read<T: Copy + Sync>(values: &[T]) {
    let (part, step) = (PART / size_of::<T>(), LINE / size_of::<T>());
    let count = values.len().div_ceil(part);
    black_box(parallel::map_chunks(count, usize::MAX, |index| {
        let values = &values[index * part..values.len().min((index + 1) * part)];
        for value in values.iter().step_by(step) {
            black_box(*value);
        }
    }));
}

/// Bytes of all caches from the second level on, each counted once; 0 if the system does not say.
fn caches() -> usize {
    let mut found = std::collections::HashMap::new();
    let entries = |path: &Path| std::fs::read_dir(path).into_iter().flatten().flatten();
    for processor in entries(Path::new("/sys/devices/system/cpu")) {
        for cache in entries(&processor.path().join("cache")) {
            let text = |name: &str| std::fs::read_to_string(cache.path().join(name));
            let (Ok(level), Ok(shared), Ok(size)) =
                (text("level"), text("shared_cpu_list"), text("size"))
            else {
                continue;
            };
            if level.trim() != "1" {
                found.insert((level, shared), bytes(size.trim()));
            }
        }
    }
    found.values().sum()
}

/// The bytes of `1024K` or `32M`.
fn bytes(size: &str) -> usize {
    let (number, unit) = match size.split_at_checked(size.len().saturating_sub(1)) {
        Some((number, "K")) => (number, 10),
        Some((number, "M")) => (number, 20),
        _ => (size, 0),
    };
    number.parse().map_or(0, |number: usize| number << unit)
}

/// Makes the operating system drop all address translations of this process.
pub(crate) fn drop_translations() {
    // Malloc maps blocks of this size for themselves, and unmaps them. From 33 present pages on, Linux flushes
    // all translations instead of one by one.
    const BYTES: usize = 64 << 20;
    const PAGES: usize = 40;
    let mut block = vec![0_u8; BYTES];
    for page in block.chunks_mut(4096).take(PAGES) {
        page[0] = 1;
    }
    black_box(block);
}

#[cfg(test)]
mod tests {
    #[test]
    fn sizes_of_caches_are_read_with_their_units() {
        assert_eq!(super::bytes("1024K"), 1 << 20);
        assert_eq!(super::bytes("32M"), 32 << 20);
        assert_eq!(super::bytes("512"), 512);
        assert_eq!(super::bytes(""), 0);
    }
}
