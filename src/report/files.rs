//! Files are written whole or not at all: first beside their place, then renamed into it. What an earlier run left and
//! this one does not write goes in the same step; what is not ours stays, or is an error before any work.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::NamedTempFile;

use super::own_files::{self, Product};
use crate::error::{Error, Result};

/// Folders that were made for results that are not there yet, parents first.
static MADE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// An output folder that has been seen to be writable. Folders that were made for it are removed again when it is
/// dropped before anything was written.
#[derive(Debug)]
pub struct OutputFolder {
    path: PathBuf,
    product: Option<&'static Product>,
}

impl OutputFolder {
    /// Makes the folder if needed and tries to write in it, so that a long audit does not end in an error.
    ///
    /// # Errors
    /// What the operating system refuses.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        OutputFolder::made(path.as_ref(), None)
    }

    /// The same for the files of one command: where this run `writes` a name under which a file of somebody else lies,
    /// that is an error, unless `force` says to replace it.
    ///
    /// # Errors
    /// As [`OutputFolder::open`], and a file of somebody else.
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
            // A link that leads nowhere says nothing.
            let ours =
                path.exists() && own_files::is_own(&path).map_err(|e| Error::io(&path, e))?;
            if !ours && !force {
                let reason =
                    format!("is there already, and unargmax did not write it; {}", product.way_out);
                return Err(Error::io(&path, io::Error::new(io::ErrorKind::AlreadyExists, reason)));
            }
        }
        Ok(folder)
    }

    fn made(path: &Path, product: Option<&'static Product>) -> Result<Self> {
        let no_folder = |path: &Path| {
            let reason = match path.exists() {
                true => "is no folder; name one, or one to be made",
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
            // Held, so that an interruption finds what was made.
            let mut list = list();
            match fs::create_dir(&made) {
                Ok(()) => list.push(made),
                // `a/../b` names `b` once `a` is there; another process may have made it.
                Err(_) if made.is_dir() => {}
                Err(e) => return Err(Error::io(&made, e)),
            }
        }
        // Without a name, so that an interruption leaves nothing.
        tempfile::tempfile_in(&folder.path).map_err(|e| Error::io(&folder.path, e))?;
        Ok(folder)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names in the folder that the command's files have.
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

    /// Writes files by name; none appears unless all could be written, and then those of an earlier run that are not
    /// among them are gone.
    ///
    /// # Errors
    /// What the operating system refuses; the folder is as before.
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
            // What is not ours and is not written over stays: it was allowed by `force` or came since.
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

fn list() -> MutexGuard<'static, Vec<PathBuf>> {
    MADE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes the folders that were made for results that are not there, as far as they are empty. For the end of a
/// program that was interrupted; otherwise dropping an [`OutputFolder`] does it.
pub fn abandon() {
    remove_made(|_| true);
}

fn remove_made(which: impl Fn(&Path) -> bool) {
    for made in list().extract_if(.., |made| which(made)).collect::<Vec<_>>().into_iter().rev() {
        // One that somebody has put something into stays.
        let _ = fs::remove_dir(made);
    }
}

fn in_the_way(path: &Path) -> Error {
    let reason = "is a folder where a file is to be written; move it away or name another folder";
    Error::io(path, io::Error::new(io::ErrorKind::IsADirectory, reason))
}

/// Files on their way into a folder. Unless it is [`Exchange::done`], everything is put back.
struct Exchange {
    /// Where the old files wait.
    aside: tempfile::TempDir,
    old: Vec<(PathBuf, PathBuf)>,
    new: Vec<PathBuf>,
}

impl Exchange {
    fn new(folder: &Path) -> Result<Self> {
        let aside = tempfile::Builder::new().prefix(".unargmax-").tempdir_in(folder);
        let aside = aside.map_err(|e| Error::io(folder, e))?;
        Ok(Exchange { aside, old: Vec::new(), new: Vec::new() })
    }

    /// Takes a file away.
    fn remove(&mut self, path: &Path) -> Result<()> {
        let aside = self.aside.path().join(self.old.len().to_string());
        fs::rename(path, &aside).map_err(|e| Error::io(path, e))?;
        self.old.push((path.to_path_buf(), aside));
        Ok(())
    }

    /// Puts a file in its place.
    fn put(&mut self, target: PathBuf, file: NamedTempFile) -> Result<()> {
        if target.is_dir() {
            return Err(in_the_way(&target));
        }
        if target.symlink_metadata().is_ok() {
            let aside = self.aside.path().join(self.old.len().to_string());
            match fs::hard_link(&target, &aside) {
                // So that the place is never empty.
                Ok(()) => self.old.push((target.clone(), aside)),
                Err(_) => self.remove(&target)?,
            }
        }
        file.persist(&target).map_err(|e| Error::io(&target, e.error))?;
        self.new.push(target);
        Ok(())
    }

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

/// Temporary files are private; results are ordinary files. Failing to widen access is no loss of data.
fn readable_by_all(path: &Path) {
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
