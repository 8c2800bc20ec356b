//! Writes the files of a folder all or none: first under temporary names, then renamed into place. Files of an
//! earlier run that this one does not write are removed in the same step. Files that this program did not write are
//! kept, or cause an error before any work.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::NamedTempFile;

use super::own_files::{self, Product};
use crate::error::{Error, Result};

/// Folders that were created for results that are not there yet, parents first.
static MADE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// An output folder that was checked to be writable. Folders that were created for it are removed again if it is
/// dropped before anything was written.
#[derive(Debug)]
pub struct OutputFolder {
    path: PathBuf,
    product: Option<&'static Product>,
}

impl OutputFolder {
    /// Creates the folder if needed and tests that it is writable, so that a long audit does not end in an error.
    ///
    /// # Errors
    /// What the operating system refuses.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        OutputFolder::made(path.as_ref(), None)
    }

    /// Opens the folder for the files of one command. A foreign file under a name that this run `writes` is an error,
    /// unless `force` allows replacing it.
    ///
    /// # Errors
    /// As [`OutputFolder::open`], or such a foreign file exists.
    pub fn open_for(
        path: impl AsRef<Path>,
        product: &'static Product,
        writes: impl Fn(&str) -> bool,
        force: bool,
    ) -> Result<Self> {
        let folder = OutputFolder::made(path.as_ref(), Some(product))?;
        for name in folder.present()?.into_iter().filter(|name| writes(name)) {
            let path = folder.path.join(&name);
            if path.is_dir() {
                return Err(in_the_way(&path));
            }
            // A broken link has no content that says who wrote it.
            let ours =
                path.exists() && own_files::is_own(&path).map_err(|e| Error::io(&path, e))?;
            if !ours && !force {
                let reason =
                    format!("is there already, and unargmax did not write it; {}", product.advice);
                return Err(Error::io(&path, io::Error::new(io::ErrorKind::AlreadyExists, reason)));
            }
        }
        Ok(folder)
    }

    /// Creates the folder and its parents, and tests that it is writable.
    fn made(path: &Path, product: Option<&'static Product>) -> Result<Self> {
        let no_folder = |path: &Path| {
            let reason = match path.exists() {
                true => "is not a folder; name one, or one to be made",
                false => "is a link that leads nowhere; name a folder, or one to be made",
            };
            Err(Error::io(path, io::Error::new(io::ErrorKind::NotADirectory, reason)))
        };
        if path.as_os_str().is_empty() {
            return Err(Error::Invalid(
                "an empty name names no folder; `.` is this one".to_owned(),
            ));
        }
        let folder = OutputFolder { path: path.to_path_buf(), product };
        let mut missing = Vec::new();
        for ancestor in path.ancestors().filter(|path| !path.as_os_str().is_empty()) {
            match ancestor.symlink_metadata() {
                Ok(_) if ancestor.is_dir() => break,
                Ok(_) => return no_folder(ancestor),
                Err(_) => missing.push(ancestor.to_path_buf()),
            }
        }
        missing.reverse();
        for made in missing {
            // Hold the lock, so that an interruption finds every folder that was created.
            let mut list = list();
            match fs::create_dir(&made) {
                Ok(()) => list.push(made),
                // `a/../b` names `b` as soon as `a` exists; another process may have created it.
                Err(_) if made.is_dir() => {}
                Err(e) => return Err(Error::io(&made, e)),
            }
        }
        // A file without a name, so that an interruption leaves nothing behind.
        tempfile::tempfile_in(&folder.path).map_err(|e| Error::io(&folder.path, e))?;
        Ok(folder)
    }

    /// The path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names in the folder that belong to files of the command.
    fn present(&self) -> Result<Vec<String>> {
        let Some(product) = self.product else { return Ok(Vec::new()) };
        let entries = fs::read_dir(&self.path).map_err(|e| Error::io(&self.path, e))?;
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(|e| Error::io(&self.path, e))?.file_name();
            names.extend(name.into_string().ok().filter(|name| product.has(name)));
        }
        names.sort();
        Ok(names)
    }

    /// Writes files by name. None appears unless all could be written; then files of an earlier run that are not
    /// among them are removed.
    ///
    /// # Errors
    /// The operating system refuses something; the folder is then as before.
    pub fn write(&self, files: &[(impl AsRef<Path>, Vec<u8>)]) -> Result<()> {
        let staged: Vec<(PathBuf, NamedTempFile)> = files
            .iter()
            .map(|(name, bytes)| {
                let target = self.path.join(name);
                let mut file =
                    NamedTempFile::new_in(&self.path).map_err(|e| Error::io(&target, e))?;
                file.write_all(bytes)
                    .and_then(|()| file.as_file().sync_all())
                    .map_err(|e| Error::io(&target, e))?;
                readable_by_all(file.path());
                Ok((target, file))
            })
            .collect::<Result<_>>()?;
        let written: Vec<&Path> = files.iter().map(|(name, _)| name.as_ref()).collect();
        let mut exchange = Exchange::new(&self.path)?;
        for name in self.present()? {
            let path = self.path.join(&name);
            // A foreign file that is not overwritten stays: `force` allowed it, or it came later.
            if !written.contains(&Path::new(&name)) && own_files::is_own(&path).unwrap_or(false) {
                exchange.remove(&path)?;
            }
        }
        for (target, file) in staged {
            exchange.put(target, file)?;
        }
        exchange.done();
        list().retain(|made| !self.path.starts_with(made));
        Ok(())
    }
}

impl Drop for OutputFolder {
    fn drop(&mut self) {
        remove_made(|made| self.path.starts_with(made));
    }
}

/// Locks the list of created folders.
fn list() -> MutexGuard<'static, Vec<PathBuf>> {
    MADE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes the folders that were created for results that are not there, if they are empty. For a program that was
/// interrupted; otherwise dropping an [`OutputFolder`] does this.
pub fn abandon() {
    remove_made(|_| true);
}

/// Removes the created folders that `which` selects, if they are empty.
fn remove_made(which: impl Fn(&Path) -> bool) {
    for made in list().extract_if(.., |made| which(made)).collect::<Vec<_>>().into_iter().rev() {
        // A folder into which something was put stays.
        let _ = fs::remove_dir(made);
    }
}

/// The error for a folder that has the name of a file to be written.
fn in_the_way(path: &Path) -> Error {
    let reason = "is a folder where a file is to be written; move it away or name another folder";
    Error::io(path, io::Error::new(io::ErrorKind::IsADirectory, reason))
}

/// Files that are being exchanged in a folder. Everything is put back unless [`Exchange::done`] is called.
struct Exchange {
    /// The temporary folder that holds the old files.
    aside: tempfile::TempDir,
    old: Vec<(PathBuf, PathBuf)>,
    new: Vec<PathBuf>,
}

impl Exchange {
    /// Starts an exchange of files in a folder.
    fn new(folder: &Path) -> Result<Self> {
        let aside = tempfile::Builder::new().prefix(".unargmax-").tempdir_in(folder);
        let aside = aside.map_err(|e| Error::io(folder, e))?;
        Ok(Exchange { aside, old: Vec::new(), new: Vec::new() })
    }

    /// Moves an old file away.
    fn remove(&mut self, path: &Path) -> Result<()> {
        let aside = self.aside.path().join(self.old.len().to_string());
        fs::rename(path, &aside).map_err(|e| Error::io(path, e))?;
        self.old.push((path.to_path_buf(), aside));
        Ok(())
    }

    /// Puts a new file in place, and keeps the old one.
    fn put(&mut self, target: PathBuf, file: NamedTempFile) -> Result<()> {
        if target.is_dir() {
            return Err(in_the_way(&target));
        }
        if target.symlink_metadata().is_ok() {
            let aside = self.aside.path().join(self.old.len().to_string());
            match fs::hard_link(&target, &aside) {
                // A hard link, so that there is a file at the place at any time.
                Ok(()) => self.old.push((target.clone(), aside)),
                Err(_) => self.remove(&target)?,
            }
        }
        file.persist(&target).map_err(|e| Error::io(&target, e.error))?;
        self.new.push(target);
        Ok(())
    }

    /// Makes the exchange final.
    fn done(mut self) {
        self.old.clear();
        self.new.clear();
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        for new in self.new.drain(..) {
            let _ = fs::remove_file(new);
        }
        for (place, aside) in self.old.drain(..) {
            let _ = fs::rename(aside, place);
        }
    }
}

/// Makes a file readable by all users: temporary files are private, results are not. A failure is ignored, because no
/// data is lost.
pub fn readable_by_all(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let _ = fs::set_permissions(path, fs::Permissions::from_mode(0o644));
    }
    #[cfg(not(unix))]
    let _ = path;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn a_write_that_fails_leaves_the_folder_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::write(path.join("a"), "old").unwrap();
        fs::create_dir(path.join("c")).unwrap();
        let out = OutputFolder::open(path).unwrap();
        let files = ["a", "b", "c"].map(|name| (name, b"new".to_vec()));
        // A folder is in the way of the last one.
        assert!(out.write(&files).is_err());
        assert_eq!(text(&path.join("a")), "old");
        assert!(!path.join("b").exists() && path.join("c").is_dir());
        assert_eq!(fs::read_dir(path).unwrap().count(), 2);
        out.write(&files[..2]).unwrap();
        assert_eq!((text(&path.join("a")), text(&path.join("b"))), ("new".into(), "new".into()));
        assert_eq!(fs::read_dir(path).unwrap().count(), 3);
    }
}
