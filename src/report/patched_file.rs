//! Writes a repaired file: completely or not at all.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use tempfile::Builder;

use super::files;
use crate::checkpoint::patch::Patched;
use crate::error::{Error, Result};

/// Writes the file under a temporary name beside `path`, lets `check` read it, and moves it into place.
///
/// # Errors
/// What the operating system refuses, and what `check` does.
pub fn write(
    path: &Path,
    patched: &Patched,
    check: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    let refused = |e: io::Error| Error::io(path, e);
    let folder = path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // The extension stays, because it can say what the file is.
    let extension = path.extension().map(|e| format!(".{}", e.to_string_lossy()));
    let mut file = Builder::new()
        .suffix(extension.as_deref().unwrap_or_default())
        .tempfile_in(folder)
        .map_err(refused)?;
    let mut out = BufWriter::new(file.as_file_mut());
    patched.write(&mut out).and_then(|()| out.flush()).map_err(refused)?;
    drop(out);
    check(file.path())?;
    files::readable_by_all(file.path());
    file.persist(path).map_err(|e| Error::io(path, e.error))?;
    Ok(())
}
