//! Where and when: what a reader needs to place the numbers.

use crate::environment;

/// One run of the study.
#[derive(Clone, Debug)]
pub struct Setting {
    /// UTC, to the minute.
    pub date: String,
    pub processor: String,
    pub threads: usize,
    /// Short hash, and whether the tree differed from it.
    pub commit: String,
    pub command: String,
    /// Processes that wanted the cores before the study began, over a minute.
    pub load: String,
}

impl Setting {
    pub fn now(threads: usize) -> Self {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let rest = if arguments.is_empty() {
            String::new()
        } else {
            format!(" -- {}", arguments.join(" "))
        };
        Setting {
            date: environment::date(),
            processor: processor(),
            threads,
            commit: environment::commit(&[]),
            command: format!("cargo run --release --example speed{rest}"),
            load: environment::load(),
        }
    }
}

/// Model name and the vector extensions that the kernels of the audit ask for.
fn processor() -> String {
    let information = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = information.lines().find(|l| l.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let model = field("model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let family = field("cpu family").map(|f| format!(" family {f}")).unwrap_or_default();
    let flags = field("flags").or_else(|| field("Features")).unwrap_or_default();
    let kernels = ["avx2", "avx_vnni", "avx512f", "avx512_vnni", "asimd", "asimddp"];
    let has: Vec<&str> =
        kernels.into_iter().filter(|k| flags.split(' ').any(|f| f == *k)).collect();
    format!("{model}{family} ({})", has.join(", "))
}
