//! Checkpoints whose head is not there to be read, each refused by name.

use super::stored::Stored;
use crate::checkpoint::Dtype;
use crate::error::{Error, Result};

/// Refuses adapters: they change a head that is in another checkpoint.
pub(super) fn adapters(stored: &Stored) -> Result<()> {
    let tensors = stored.checkpoint.tensors();
    let lora = |name: &str| {
        [".lora_A", ".lora_B", ".lora_embedding_A", ".lora_magnitude_vector"]
            .iter()
            .any(|mark| name.contains(mark))
    };
    let adapted = tensors.iter().find(|t| lora(&t.name));
    let config = stored.checkpoint.side_file("adapter_config.json")?.is_some();
    let only = adapted.is_some()
        && tensors.iter().all(|t| lora(&t.name) || t.name.contains("modules_to_save"));
    // Beside a whole model an adapter_config.json counts as well: transformers would apply the adapter to it.
    if config || only {
        let found = adapted
            .map_or_else(|| "adapter_config.json beside it".into(), |t| format!("`{}`", t.name));
        return Err(Error::head(
            stored.path,
            format!(
                "this is a LoRA adapter ({found}), which may change the head of its base model: merge it (merge_and_unload \
                 of peft) and name the result"
            ),
        ));
    }
    Ok(())
}

/// Refuses a head that is stored in a form whose numbers are not decoded; `stem` is its name without `.weight`.
pub(super) fn unreadable(stored: &Stored, stem: &str, quantisation: Option<&str>) -> Result<()> {
    let part = |suffix: &str| Some(format!("{stem}{suffix}")).filter(|name| stored.has(name));
    let refuse = |what: String| {
        Err(Error::head(
            stored.path,
            format!(
                "{what}: name a checkpoint that keeps its head in f16, bf16 or f32 (most quantised ones do), or the \
                 unquantised model"
            ),
        ))
    };
    if let Some(name) = [".lora_A.weight", ".lora_A.default.weight"].iter().find_map(|s| part(s)) {
        return Err(Error::head(
            stored.path,
            format!(
                "a LoRA adapter (`{name}`) changes the head: merge it (merge_and_unload of peft) and name the result"
            ),
        ));
    }
    if let Some(name) =
        [".base_layer.weight", ".modules_to_save.default.weight"].iter().find_map(|s| part(s))
    {
        return Err(Error::head(
            stored.path,
            format!(
                "the head is wrapped by an adapter (`{name}`): merge the adapter and name the result"
            ),
        ));
    }
    if let Some(name) = part(".qweight") {
        let method = match quantisation {
            Some("awq") => "AWQ",
            Some("gptq") => "GPTQ",
            _ if part(".g_idx").is_some() => "GPTQ",
            _ => "GPTQ or AWQ",
        };
        return refuse(format!(
            "the head is quantised by {method} (`{name}`), which is not decoded"
        ));
    }
    if let Some(name) = [".weight_packed", ".weight.absmax", ".weight.quant_map", ".SCB"]
        .iter()
        .find_map(|s| part(s))
    {
        let method = quantisation.unwrap_or("packed or bitsandbytes");
        return refuse(format!("the head is quantised ({method}, `{name}`), which is not decoded"));
    }
    let weight = format!("{stem}.weight");
    if let Some(info) = stored.get(&weight)
        && let Dtype::Other(name) = &info.dtype
    {
        let scale = [".weight_scale", ".weight_scale_inv"].iter().find_map(|s| part(s));
        let scale = scale.map(|s| format!(" with the scale `{s}`")).unwrap_or_default();
        let kind = if name.to_ascii_uppercase().starts_with("F8") { "FP8, " } else { "" };
        return refuse(format!(
            "the head `{weight}` is stored as {kind}{name}{scale}, which is not decoded"
        ));
    }
    Ok(())
}
