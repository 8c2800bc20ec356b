//! Tells the system's allocator to keep memory that is given back, for commands that run a model.
//!
//! A forward pass allocates and drops large tensors in every layer. The allocator of glibc maps and unmaps each of them,
//! and the system then clears every page anew, which takes up to half of the time (docs/speed.md).

/// Keeps dropped memory, where the allocator is glibc's; elsewhere this does nothing.
pub fn keep() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[allow(unsafe_code)]
    // SAFETY: `mallopt` takes two numbers and may be called at any time.
    unsafe {
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, libc::c_int::MAX);
    }
}
