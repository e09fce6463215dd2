//! The end of a file that only grows: what is there has been synced, or is cut off again.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

/// What a [`Tail`] writes to.
pub trait Medium: Send {
    /// Puts bytes at the end; some of them may be there when it fails.
    ///
    /// # Errors
    /// What the operating system says.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes sure that everything is on the disk.
    ///
    /// # Errors
    /// What the operating system says.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts everything after `length` bytes off.
    ///
    /// # Errors
    /// What the operating system says.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
}

impl Medium for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

/// Opens files of a log, which are made when they do not exist. Tests have disks that fail.
pub type Opener = Box<dyn Fn(&Path) -> io::Result<Box<dyn Medium>> + Send>;

/// Files of this machine, for their owner only.
pub fn files() -> Opener {
    Box::new(|path| {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Ok(Box::new(options.open(path)?))
    })
}

/// A file of which a known length is on the disk.
pub(super) struct Tail {
    medium: Box<dyn Medium>,
    length: u64,
    /// Something may stand after `length`.
    dirty: bool,
}

impl Tail {
    pub(super) fn new(medium: Box<dyn Medium>, length: u64) -> Self {
        Self { medium, length, dirty: false }
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Writes and syncs. After an error nothing of it is there, or is cut off before the next attempt: after a sync that failed
    /// nobody knows what the disk has.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.repair()?;
        self.dirty = true;
        let written = self.medium.append(bytes).and_then(|()| self.medium.sync());
        if let Err(error) = written {
            // At once if it can be, so that readers see whole lines.
            let _ = self.repair();
            return Err(error);
        }
        self.dirty = false;
        self.length = self.length.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    fn repair(&mut self) -> io::Result<()> {
        if self.dirty {
            self.medium.truncate(self.length)?;
            self.medium.sync()?;
            self.dirty = false;
        }
        Ok(())
    }
}

/// Syncs a directory, so that a file that was made or renamed there is found after the power failed.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Puts a file in the place of another, or of none, as a whole.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    match path.parent() {
        Some(folder) => sync_directory(folder),
        None => Ok(()),
    }
}
