//! Which state a SQLite database is in, without asking it: the header of its write-ahead log's index.
//!
//! Every commit, by this process or another, changes that header before the commit returns, and readers compare it to
//! learn whether anything is new (<https://www.sqlite.org/walformat.html>, section 2.1). What was read while the header
//! stayed the same is still what the database holds as long as the header does. It is read like a file, which is
//! coherent with the memory that SQLite maps.

use std::path::Path;

/// A state of the database: equal stamps mean that nothing was committed in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp([u8; 48]);

/// Where stamps come from.
#[derive(Debug)]
pub(super) struct Stamps {
    #[cfg(unix)]
    index: std::fs::File,
}

impl Stamps {
    /// Stamps of the database at a path, which is open and in write-ahead mode. `None` where they cannot be had; nothing
    /// is remembered then.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let mut name = path.as_os_str().to_owned();
        name.push("-shm");
        #[cfg(unix)]
        return std::fs::File::open(name).ok().map(|index| Self { index });
        #[cfg(not(unix))]
        return None;
    }

    /// The present state; `None` when it cannot be told.
    #[cfg(unix)]
    pub(super) fn now(&self) -> Option<Stamp> {
        use std::os::unix::fs::{FileExt as _, MetadataExt as _};
        let mut header = [0; 48];
        self.index.read_exact_at(&mut header, 0).ok()?;
        // An index that was removed belongs to a database that every connection had left; another one took its place.
        let linked = self.index.metadata().is_ok_and(|metadata| metadata.nlink() > 0);
        // Byte 12 says whether the header was written at all.
        (linked && header[12] == 1).then_some(Stamp(header))
    }

    #[cfg(not(unix))]
    pub(super) fn now(&self) -> Option<Stamp> {
        None
    }
}
