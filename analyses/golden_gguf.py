#!/usr/bin/env python3
"""Makes the GGUF files of tests/data/forward: tiny random Llamas as llama.cpp's converter would store them.

    VENV/bin/python analyses/golden_gguf.py [NAME ...]

The environment is that of golden_forward.py. The package `gguf` writes the files and quantises; names and the order of
rows are those of llama.cpp (convert_hf_to_gguf.py, `LlamaModel.permute`): the rotary halves of each head of wq and wk are
interleaved. What is expected comes from transformers, which reads the file, undoes that order and dequantises.
"""

import json
import math
import shutil
import sys

import gguf
import numpy
import torch
import transformers as tf

from golden_folders import config
from golden_forward import COMMON, LLAMA, LLAMA3, ROOT, T, V, LENGTHS, ask, greedy, ids, randomise, write

Q8_0, Q4_1, F16, F32 = (gguf.GGMLQuantizationType[name] for name in ("Q8_0", "Q4_1", "F16", "F32"))
LINEAR = dict(rope_type="linear", rope_theta=700.0, factor=4.0)
# Name of a folder: settings, and the types of embeddings, of ffn_down and of every other matrix.
CASES = {
    "llama-gguf-f32": (dict(tie_word_embeddings=True), F32, F32, F32),
    "llama-gguf-f16": (dict(tie_word_embeddings=False, head_dim=16), F16, F16, F16),
    "llama-gguf-q8_0": (dict(tie_word_embeddings=True), Q8_0, Q8_0, Q8_0),
    "llama-gguf-q4_1": (dict(tie_word_embeddings=False), Q8_0, F16, Q4_1),
    "llama-gguf-linear": (dict(tie_word_embeddings=True, rope_parameters=LINEAR), F32, F32, F32),
    "llama-gguf-llama3": (dict(tie_word_embeddings=True, rope_parameters=LLAMA3), F32, F32, F32),
}
LATER = {"llama-gguf-linear": 401, "llama-gguf-llama3": 402}  # seeds of their own, so that the others stay
NAMES = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}


def stored_name(name):
    if not name.startswith("model.layers."):
        return {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
                "lm_head.weight": "output.weight"}[name]
    layer, inner = name.removeprefix("model.layers.").removesuffix(".weight").split(".", 1)
    return f"blk.{layer}.{NAMES[inner]}.weight"


def interleaved(weights, heads):
    """`[first half, second half]` of each head's rows become `[first, second, first, ...]`."""
    rows, columns = weights.shape
    return weights.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def llama3_factors(rope, width):
    """What the converter stores of Llama 3.1's scaling: a divisor for each frequency."""
    low, high = (rope["original_max_position_embeddings"] / rope[f"{end}_freq_factor"] for end in ("low", "high"))
    factors = []
    for pair in range(width // 2):
        wave = 2 * math.pi * rope["rope_theta"] ** (2 * pair / width)
        if high < wave < low:
            smooth = (low / wave - 1) / (low / high - 1)
            factors.append(1 / ((1 - smooth) / rope["factor"] + smooth))
        else:
            factors.append(1 if wave <= high else rope["factor"])
    return numpy.array(factors, numpy.float32)


def write_file(path, model, embedding, down, other):
    settings = model.config
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny random Llama")
    writer.add_vocab_size(V)
    writer.add_context_length(settings.max_position_embeddings)
    writer.add_embedding_length(settings.hidden_size)
    writer.add_block_count(settings.num_hidden_layers)
    writer.add_feed_forward_length(settings.intermediate_size)
    writer.add_head_count(settings.num_attention_heads)
    writer.add_head_count_kv(settings.num_key_value_heads)
    if settings.head_dim != settings.hidden_size // settings.num_attention_heads:
        writer.add_key_length(settings.head_dim)
        writer.add_value_length(settings.head_dim)
    writer.add_rope_dimension_count(settings.head_dim)
    writer.add_rope_freq_base(settings.rope_parameters["rope_theta"])
    rope = settings.rope_parameters
    if rope["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])
    elif rope["rope_type"] == "llama3":
        writer.add_tensor("rope_freqs.weight", llama3_factors(rope, settings.head_dim))
    writer.add_layer_norm_rms_eps(settings.rms_norm_eps)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([f"t{i}" for i in range(V)])
    writer.add_token_types([3] * 3 + [1] * (V - 3))
    writer.add_bos_token_id(settings.bos_token_id)
    writer.add_eos_token_id(settings.eos_token_id)
    writer.add_pad_token_id(settings.pad_token_id)
    for name, value in model.state_dict().items():
        if name == "lm_head.weight" and settings.tie_word_embeddings:
            continue
        stored, numbers = stored_name(name), value.numpy()
        if "attn_q" in stored:
            numbers = interleaved(numbers, settings.num_attention_heads)
        elif "attn_k" in stored:
            numbers = interleaved(numbers, settings.num_key_value_heads)
        kind = F32 if numbers.ndim == 1 else embedding if stored in ("token_embd.weight", "output.weight") \
            else down if "ffn_down" in stored else other
        writer.add_tensor(stored, gguf.quants.quantize(numbers, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make(name):
    settings, *types = CASES[name]
    seed = LATER.get(name) or 300 + sorted(CASES.keys() - LATER.keys()).index(name)
    torch.manual_seed(seed)
    rope = dict(rope_type="default", rope_theta=700.0)
    settings = dict(rope_parameters=rope) | settings
    model = tf.LlamaForCausalLM(config(tf.LlamaConfig, COMMON, LLAMA, settings)).eval()
    randomise(model, seed)
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_file(folder / "model.gguf", model, *types)
    if model.config.rope_parameters["rope_type"] == "default":
        read = tf.AutoModelForCausalLM.from_pretrained(folder, gguf_file="model.gguf", dtype=torch.float32,
                                                       attn_implementation="eager").eval()
    else:  # transformers does not read the scaling of a GGUF file
        read = model
    assert all(p.dtype == torch.float32 for p in read.parameters())
    tokens, mask = ids(read, seed, T, LENGTHS)
    given = dict(input_ids=tokens, attention_mask=mask)
    arrays = ask(read, **given)
    # How far the stored numbers are from those before they were narrowed; none in float32.
    loss = (arrays["logits"] - ask(model, **given)["logits"])[mask.bool()].abs().max().item()
    assert loss < {F32: 1e-5, F16: 0.1, Q8_0: 1.0, Q4_1: 10.0}[types[2]], loss
    facts = dict(causal=dict(ids=tokens.tolist(), lengths=LENGTHS, mask="causal"))
    write(folder, dict(architecture="LlamaForCausalLM", cases=facts, greedy=greedy(read, tokens[:1, :5])),
          {f"causal.{key}": value for key, value in arrays.items()})
    print(f"{name:24} {sum(f.stat().st_size for f in folder.iterdir()):7} bytes, {loss:.6f} from the unstored model")


if __name__ == "__main__":
    tf.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    for name in sys.argv[1:] or CASES:
        make(name)
