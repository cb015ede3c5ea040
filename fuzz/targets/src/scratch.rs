//! Files for readers that take a path.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tempfile::TempDir;

/// Memory, where the system has such a file system: a fuzzer writes millions of files.
const MEMORY: &str = "/dev/shm";

/// Writes `bytes` to a file of this process and hands over its path.
pub fn with_file<R>(name: &str, bytes: &[u8], f: impl FnOnce(&Path) -> R) -> R {
    let path = directory().join(name);
    fs::write(&path, bytes).expect("the scratch directory can be written");
    f(&path)
}

/// A directory of this process.
pub fn directory() -> PathBuf {
    static DIRECTORY: OnceLock<TempDir> = OnceLock::new();
    let made = DIRECTORY.get_or_init(|| {
        let memory = TempDir::new_in(MEMORY);
        memory
            .or_else(|_| TempDir::new())
            .expect("a scratch directory")
    });
    made.path().to_owned()
}
