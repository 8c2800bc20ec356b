//! The memory that a model takes for a long text. Peaks are read from Linux.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

/// Copies a tiny model, and lets it read longer texts than it was made for.
fn with_a_long_context(name: &str, folder: &Path) {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/forward").join(name);
    let text = std::fs::read_to_string(data.join("config.json")).unwrap();
    let mut config: Value = serde_json::from_str(&text).unwrap();
    if config.get("max_position_embeddings").is_some() {
        config["max_position_embeddings"] = json!(100_000);
    }
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
    std::fs::copy(data.join("model.safetensors"), folder.join("model.safetensors")).unwrap();
}

/// Returns the most memory, in KiB, that the process had while `logits` ran on a text of some tokens.
fn peak(folder: &Path, length: usize, options: &[&str]) -> f64 {
    let ids: Vec<String> = (0..length).map(|at| (3 + at % 60).to_string()).collect();
    let ids = ids.join(",");
    let mut command = Command::new(env!("CARGO_BIN_EXE_unargmax"));
    command.arg("logits").arg(folder).args(["--top", "1", "--ids", &ids]);
    for option in options {
        command.arg(option);
        if *option == "--source-ids" {
            command.arg(&ids);
        }
    }
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0.0;
    loop {
        // An ended process has no memory any more, and the line is missing.
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        if let Some(line) = text.lines().find_map(|line| line.strip_prefix("VmHWM:")) {
            most = line.trim().trim_end_matches(" kB").parse().unwrap();
        }
        if let Some(ended) = child.try_wait().unwrap() {
            assert!(ended.success());
            return most;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Four times the text may take four times the memory, and not the sixteen times of a number for each query and key.
fn grows_linearly(name: &str, length: usize, options: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    with_a_long_context(name, folder.path());
    let at = |length| peak(folder.path(), length, options);
    let (base, once, four_times) = (at(8), at(length), at(4 * length));
    // The allocator gives memory back sooner in one run than in another: a fifth more or less was seen.
    let numbers = 4 * (4 * length).pow(2) / 1024;
    let allowed = 5.0 * (once - base) + numbers as f64 / 8.0;
    assert!(four_times - base < allowed, "{name}: {base} KiB, {once} KiB, {four_times} KiB");
}

#[test]
fn the_memory_of_a_decoder_is_linear_in_the_length_of_its_text() {
    grows_linearly("llama", 2048, &[]);
}

#[test]
fn the_memory_of_layers_with_windows_is_linear_in_the_length_of_the_text() {
    grows_linearly("mistral", 2048, &[]);
    grows_linearly("modernbert", 2048, &[]);
}

#[test]
fn the_memory_of_biases_by_distance_is_linear_in_the_length_of_the_text() {
    grows_linearly("bloom", 2048, &[]);
    grows_linearly("falcon-alibi", 2048, &[]);
}

#[test]
fn the_memory_of_encoder_and_decoder_is_linear_in_the_lengths_of_their_texts() {
    grows_linearly("t5", 1024, &["--source-ids"]);
}

#[test]
fn the_memory_of_an_encoder_with_vectors_of_distances_is_linear_in_the_length_of_the_text() {
    grows_linearly("deberta-v2", 1024, &[]);
}

#[test]
fn the_memory_of_both_streams_of_xlnet_is_linear_in_the_length_of_the_text() {
    grows_linearly("xlnet", 1024, &["--blind", "--mask", "causal"]);
}
