//! Files are written whole or not at all: first beside their place, then renamed into it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::{Error, Result};

/// An output folder that has been seen to be writable.
#[derive(Clone, Debug)]
pub struct OutputFolder {
    path: PathBuf,
}

impl OutputFolder {
    /// Makes the folder if needed and tries to write in it, so that a long audit does not end in an error.
    ///
    /// # Errors
    /// What the operating system refuses.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        if path.exists() && !path.is_dir() {
            let reason = "is no folder; name one, or one to be made";
            return Err(Error::io(&path, io::Error::new(io::ErrorKind::NotADirectory, reason)));
        }
        fs::create_dir_all(&path).map_err(|e| Error::io(&path, e))?;
        NamedTempFile::new_in(&path).map_err(|e| Error::io(&path, e))?;
        Ok(OutputFolder { path })
    }

    /// Writes files by name; none appears unless all could be written.
    ///
    /// # Errors
    /// What the operating system refuses.
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
        for (target, file) in staged {
            file.persist(&target).map_err(|e| Error::io(&target, e.error))?;
        }
        Ok(())
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
