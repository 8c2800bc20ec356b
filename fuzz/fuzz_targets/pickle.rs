//! Any bytes as a pickle, a zip archive or a legacy file of torch.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| unargmax::checkpoint::fuzz::pickle(bytes));
