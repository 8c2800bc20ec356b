//! The numbers of an array as those of a head, without a copy.

use std::sync::Arc;

use numpy::{Element, PyArray2, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::prelude::*;
use unargmax::head::Numbers;

/// The numbers of a C-ordered array; the array lives as long as they do.
///
/// # Errors
/// The array is not C-ordered.
pub fn lent<T: Element + Sync>(array: &Bound<'_, PyArray2<T>>) -> PyResult<Numbers<T>> {
    if !array.is_c_contiguous() {
        return Err(pyo3::exceptions::PyValueError::new_err("the array is not C-ordered"));
    }
    let owner = Arc::new(array.clone().unbind());
    let (start, length) = (array.data(), array.len());
    if length == 0 {
        return Ok(Vec::new().into());
    }
    // SAFETY: A C-ordered array has `length` initialised numbers from `start` on, aligned (numpy's `require` sees to that).
    // `Numbers` keeps `owner`, a reference to the array, as long as the slice, and lends the slice for no longer than itself, so
    // the memory stays: numpy refuses to resize an array that is referred to. What Rust cannot prevent is that Python code
    // writes to a writeable array meanwhile. The package says that it must not; where it did so after an audit, the hash of
    // the head tells before anything is made from the numbers again (`audit::check_unchanged`).
    #[allow(unsafe_code)]
    let numbers: &'static [T] = unsafe { std::slice::from_raw_parts(start, length) };
    Ok(Numbers::of_owner(numbers, owner))
}
