//! Which state a SQLite database is in, without asking it: the header of its write-ahead log's index.
//!
//! Every commit, by this process or another, changes that header before the commit returns, and readers compare it to
//! learn whether anything is new (<https://www.sqlite.org/walformat.html>, section 2.1). What was read while the header
//! stayed the same is still what the database holds as long as the header does. It is read like a file, which is
//! coherent with the memory that SQLite maps on the systems named here.

use std::path::Path;

/// A state of the database: equal stamps mean that nothing was committed in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp([u8; 48]);

/// Where stamps come from.
#[derive(Debug)]
pub(super) struct Stamps {
    #[cfg(any(target_os = "linux", target_os = "macos", target_os = "freebsd"))]
    index: std::fs::File,
}

impl Stamps {
    /// Stamps of the database at a path, which is open and in write-ahead mode. `None` where they cannot be had; nothing
    /// is remembered then.
    pub(super) fn of(path: &Path) -> Option<Self> {
        // The index is beside the file itself, wherever a link to it is.
        let mut name = path.canonicalize().ok()?.into_os_string();
        name.push("-shm");
        #[cfg(any(target_os = "linux", target_os = "macos", target_os = "freebsd"))]
        return std::fs::File::open(name).ok().map(|index| Self { index });
        #[cfg(not(any(target_os = "linux", target_os = "macos", target_os = "freebsd")))]
        return None;
    }

    /// The present state; `None` when it cannot be told.
    #[cfg(any(target_os = "linux", target_os = "macos", target_os = "freebsd"))]
    pub(super) fn now(&self) -> Option<Stamp> {
        use std::os::unix::fs::{FileExt as _, MetadataExt as _};
        let mut header = [0; 48];
        self.index.read_exact_at(&mut header, 0).ok()?;
        // An index that was removed belongs to a database that every connection had left; another one took its place.
        let linked = self.index.metadata().is_ok_and(|metadata| metadata.nlink() > 0);
        // Byte 12 says whether the header was written at all.
        (linked && header[12] == 1).then_some(Stamp(header))
    }

    #[cfg(not(any(target_os = "linux", target_os = "macos", target_os = "freebsd")))]
    pub(super) fn now(&self) -> Option<Stamp> {
        None
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::ConnectionTrait as _;

    use crate::db::Db;

    #[cfg(unix)]
    #[tokio::test]
    async fn a_link_leads_to_the_index_of_the_file_itself() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file.db"), folder.path().join("link.db"));
        let open =
            async |path: &std::path::Path| Db::open(&format!("sqlite://{}", path.display())).await.unwrap();
        // One that was used under the name of the link leaves an index behind that nobody changes any more.
        let (first, left) = (open(&link).await, folder.path().join("link.db-shm"));
        first.writer().execute_unprepared("CREATE TABLE t (n integer)").await.unwrap();
        let index = std::fs::read(&left).unwrap();
        first.close().await;
        std::fs::rename(&link, &file).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        std::fs::write(&left, index).unwrap();
        let db = open(&link).await;
        let before = db.stamp();
        db.writer().execute_unprepared("INSERT INTO t VALUES (1)").await.unwrap();
        assert!(before != db.stamp() || before.is_none(), "a commit was not seen");
    }
}
