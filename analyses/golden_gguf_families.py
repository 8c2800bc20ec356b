#!/usr/bin/env python3
"""Makes the GGUF files of tests/data/forward for architectures other than Llama, and asks llama.cpp about them.

    VENV/bin/python analyses/golden_gguf_families.py [NAME ...]
    VENV/bin/python analyses/golden_gguf_families.py --llama.cpp [NAME ...]

The environment is that of golden_forward.py; `--llama.cpp` also needs the package `xllamacpp`. The models are tiny and
random. Names, the order of rows and what is added to numbers are those of llama.cpp's convert_hf_to_gguf.py; numbers are
stored in float32. What is expected comes from transformers, which runs the model before it is converted. With
`--llama.cpp` the files that are there are run by llama.cpp, and the log-probabilities of its best tokens after each
prompt are compared with the golden logits: the conversion was right where they agree up to the 16-bit tables and caches
of llama.cpp.
"""

import json
import math
import re
import shutil
import sys
import tempfile
from pathlib import Path

import gguf
import numpy
import torch
import transformers as tf
from safetensors.torch import load_file

from golden_folders import config
from golden_forward import COMMON, D, DECODER, ENCODER, LENGTHS, ROOT, ROPE, T, V, ask, greedy, ids, randomise, write

F32 = gguf.GGMLQuantizationType.F32
# The ends of names of transformers, within a layer, and those of llama.cpp.
LLAMA = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "self_attn.dense": "attn_output",
    "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
    "self_attn.qkv_proj": "attn_qkv", "mlp.gate_up_proj": "ffn_up", "mlp.fc1": "ffn_up", "mlp.fc2": "ffn_down",
    "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down", "attention.query_key_value": "attn_qkv",
    "attention.dense": "attn_output", "self_attention.query_key_value": "attn_qkv",
    "self_attention.dense": "attn_output", "mlp.dense_h_to_4h": "ffn_up", "mlp.dense_4h_to_h": "ffn_down",
    "mlp.gate": "ffn_gate_inp", "mlp.shared_expert_gate": "ffn_gate_inp_shexp",
    "mlp.shared_expert.gate_proj": "ffn_gate_shexp", "mlp.shared_expert.up_proj": "ffn_up_shexp",
    "mlp.shared_expert.down_proj": "ffn_down_shexp",
    "ln_1": "attn_norm", "ln_2": "ffn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output",
}
AROUND = LLAMA | {
    "post_attention_layernorm": "post_attention_norm", "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
}
OUTSIDE = {
    "embed_tokens": "token_embd", "embed_in": "token_embd", "word_embeddings": "token_embd", "wte": "token_embd",
    "wpe": "position_embd", "word_embeddings_layernorm": "token_embd_norm", "norm": "output_norm",
    "final_layernorm": "output_norm", "final_layer_norm": "output_norm", "ln_f": "output_norm", "lm_head": "output",
    "embed_out": "output",
}
SMALL = dict(DECODER, num_hidden_layers=2)
LONG = dict(tie_word_embeddings=False,
            rope_parameters=dict(rope_type="longrope", rope_theta=300.0, partial_rotary_factor=0.75,
                                 short_factor=[1.0, 1.3, 1.9], long_factor=[1.5, 4.0, 7.0]))
# Name of a folder: class, configuration, sizes, settings, architecture, names.
CASES = {
    "qwen2-gguf": (tf.Qwen2ForCausalLM, tf.Qwen2Config, SMALL, dict(rope_parameters=ROPE), "qwen2", LLAMA),
    "qwen3-gguf": (tf.Qwen3ForCausalLM, tf.Qwen3Config, SMALL, dict(head_dim=12, rope_parameters=ROPE), "qwen3", LLAMA),
    "smollm3-gguf": (tf.SmolLM3ForCausalLM, tf.SmolLM3Config, dict(DECODER, num_hidden_layers=4, intermediate_size=24),
                     dict(rope_parameters=ROPE), "smollm3", LLAMA),
    "gemma-gguf": (tf.GemmaForCausalLM, tf.GemmaConfig, SMALL, dict(head_dim=10, rope_parameters=ROPE), "gemma", LLAMA),
    "gemma2-gguf": (tf.Gemma2ForCausalLM, tf.Gemma2Config, SMALL,
                    dict(head_dim=10, query_pre_attn_scalar=10, sliding_window=4, attn_logit_softcapping=2.0,
                         final_logit_softcapping=20.0), "gemma2", AROUND),
    "gemma3-gguf": (tf.Gemma3ForCausalLM, tf.Gemma3TextConfig,
                    dict(DECODER, num_hidden_layers=6, intermediate_size=24),
                    dict(head_dim=10, query_pre_attn_scalar=10, sliding_window=4,
                         rope_parameters=dict(full_attention=dict(rope_type="default", rope_theta=900.0),
                                              sliding_attention=dict(rope_type="default", rope_theta=10000.0))),
                    "gemma3", AROUND),
    "phi2-gguf": (tf.PhiForCausalLM, tf.PhiConfig, SMALL, dict(tie_word_embeddings=False), "phi2", LLAMA),
    "phi3-gguf": (tf.Phi3ForCausalLM, tf.Phi3Config, SMALL,
                  dict(tie_word_embeddings=False, original_max_position_embeddings=16), "phi3", LLAMA),
    "gptneox-gguf": (tf.GPTNeoXForCausalLM, tf.GPTNeoXConfig, ENCODER,
                     dict(rope_parameters=dict(ROPE, partial_rotary_factor=0.5)), "gptneox", LLAMA),
    "starcoder2-gguf": (tf.Starcoder2ForCausalLM, tf.Starcoder2Config, SMALL, {}, "starcoder2", LLAMA),
    "stablelm-gguf": (tf.StableLmForCausalLM, tf.StableLmConfig, SMALL, dict(use_qkv_bias=True), "stablelm", LLAMA),
    "olmo2-gguf": (tf.Olmo2ForCausalLM, tf.Olmo2Config, SMALL, dict(rope_parameters=ROPE), "olmo2", AROUND),
    "granite-gguf": (tf.GraniteForCausalLM, tf.GraniteConfig, SMALL,
                     dict(embedding_multiplier=3.0, attention_multiplier=0.2, residual_multiplier=0.4,
                          logits_scaling=2.5), "granite", LLAMA),
    "command-r-gguf": (tf.CohereForCausalLM, tf.CohereConfig, SMALL, dict(logit_scale=0.3), "command-r", LLAMA),
    "gpt2-gguf": (tf.GPT2LMHeadModel, tf.GPT2Config, dict(n_embd=D, n_layer=2, n_head=4, n_positions=16), {}, "gpt2",
                  LLAMA),
    "bloom-gguf": (tf.BloomForCausalLM, tf.BloomConfig, dict(hidden_size=D, n_layer=2, n_head=4), {}, "bloom", LLAMA),
    "mixtral-gguf": (tf.MixtralForCausalLM, tf.MixtralConfig, dict(SMALL, intermediate_size=64),
                     dict(num_local_experts=4, rope_parameters=ROPE), "llama", LLAMA),
    "qwen2moe-gguf": (tf.Qwen2MoeForCausalLM, tf.Qwen2MoeConfig, SMALL,
                      dict(num_experts=5, num_experts_per_tok=2, moe_intermediate_size=12,
                           shared_expert_intermediate_size=20, rope_parameters=ROPE), "qwen2moe", LLAMA),
    "qwen3moe-gguf": (tf.Qwen3MoeForCausalLM, tf.Qwen3MoeConfig, SMALL,
                      dict(num_experts=5, num_experts_per_tok=3, moe_intermediate_size=12, norm_topk_prob=True,
                           head_dim=12, rope_parameters=ROPE), "qwen3moe", LLAMA),
    "phi3-long-gguf": (tf.Phi3ForCausalLM, tf.Phi3Config, SMALL, dict(LONG, original_max_position_embeddings=4), "phi3",
                       LLAMA),
    "phi3-short-gguf": (tf.Phi3ForCausalLM, tf.Phi3Config, SMALL, dict(LONG, original_max_position_embeddings=14), "phi3",
                        LLAMA),
    "stablelm-norms-gguf": (tf.StableLmForCausalLM, tf.StableLmConfig, SMALL,
                            dict(qk_layernorm=True, use_parallel_residual=True), "stablelm", LLAMA),
}
INTERLEAVED = {"smollm3", "granite", "llama"}
# Models whose experts are stored in blocks of eight bits; transformers runs them with the numbers that these hold.
QUANTISED = {"mixtral-gguf"}
Q8 = gguf.GGMLQuantizationType.Q8_0
LAYER_NORM = {"phi2", "gptneox", "starcoder2", "stablelm", "command-r", "gpt2", "bloom"}


def stored_name(name, names):
    inner = re.fullmatch(r"(?:.*\.)?(?:layers|h)\.(\d+)\.(.*)\.(weight|bias)", name)
    if inner:
        return f"blk.{inner[1]}.{names[inner[2]]}.{inner[3]}"
    stem, end = name.split(".")[-2:]
    return f"{OUTSIDE[stem]}.{end}"


def interleaved(rows, heads):
    """`[first half, second half]` of each head's rows become `[first, second, first, ...]`."""
    count = rows.shape[0]
    return rows.reshape(heads, 2, count // heads // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def by_kind(rows, heads):
    """Query, key and value of each head become all queries, all keys, all values."""
    return rows.reshape(heads, 3, rows.shape[0] // heads // 3, *rows.shape[1:]).swapaxes(0, 1).reshape(rows.shape)


def metadata(writer, settings, architecture):
    heads = settings.num_attention_heads
    width = settings.hidden_size
    head = getattr(settings, "head_dim", None) or width // heads
    inner = getattr(settings, "intermediate_size", None) or getattr(settings, "n_inner", None) or 4 * width
    writer.add_context_length(getattr(settings, "max_position_embeddings", 16))
    writer.add_embedding_length(width)
    writer.add_block_count(settings.num_hidden_layers)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(getattr(settings, "num_key_value_heads", heads))
    if head != width // heads:
        writer.add_key_length(head)
        writer.add_value_length(head)
    rope = getattr(settings, "rope_parameters", None)
    if rope:
        full = rope.get("full_attention", rope)
        writer.add_rope_freq_base(full["rope_theta"])
        writer.add_rope_dimension_count(int(head * full.get("partial_rotary_factor", 1.0)))
    if architecture in LAYER_NORM:
        names = ("layer_norm_eps", "layer_norm_epsilon", "norm_epsilon")
        writer.add_layer_norm_eps(next(getattr(settings, name) for name in names if hasattr(settings, name)))
    else:
        writer.add_layer_norm_rms_eps(settings.rms_norm_eps)
    if architecture in ("gemma2", "gemma3"):
        writer.add_sliding_window(settings.sliding_window)
    if architecture == "gemma2":
        writer.add_attn_logit_softcapping(settings.attn_logit_softcapping)
        writer.add_final_logit_softcapping(settings.final_logit_softcapping)
    if architecture in ("gptneox", "stablelm"):
        writer.add_parallel_residual(settings.use_parallel_residual)
    if architecture == "granite":
        writer.add_attention_scale(settings.attention_multiplier)
        writer.add_embedding_scale(settings.embedding_multiplier)
        writer.add_residual_scale(settings.residual_multiplier)
        writer.add_logit_scale(settings.logits_scaling)
    if architecture == "command-r":
        writer.add_logit_scale(settings.logit_scale)
    experts = getattr(settings, "num_experts", None)
    if experts:
        writer.add_expert_count(experts)
        writer.add_expert_used_count(settings.num_experts_per_tok)
    if architecture in ("qwen2moe", "qwen3moe"):
        writer.add_expert_feed_forward_length(settings.moe_intermediate_size)
    if architecture == "qwen2moe":
        writer.add_expert_shared_feed_forward_length(settings.shared_expert_intermediate_size)
    if rope and rope.get("rope_type") == "longrope":
        original = settings.original_max_position_embeddings
        longer = settings.max_position_embeddings / original
        writer.add_rope_scaling_orig_ctx_len(original)
        writer.add_rope_scaling_attn_factors(math.sqrt(1 + math.log(longer) / math.log(original)))


def stacked(name, value, rest):
    """The tensors of llama.cpp that a tensor of all experts, or the norms of all heads, make; `None` for any other."""
    block = re.search(r"layers\.(\d+)\.", name)
    if name.endswith("experts.gate_up_proj"):
        gate, up = value.chunk(2, 1)
        return {f"blk.{block[1]}.ffn_gate_exps.weight": gate, f"blk.{block[1]}.ffn_up_exps.weight": up}
    if name.endswith("experts.down_proj"):
        return {f"blk.{block[1]}.ffn_down_exps.weight": value}
    if "_layernorm.norms." in name:
        heads = [v for other, v in rest.items() if other.startswith(name.rsplit(".", 2)[0] + ".")]
        return {f"blk.{block[1]}.attn_{'q' if '.q_layernorm' in name else 'k'}_norm.weight": torch.stack(heads)}
    return None


def write_file(path, model, architecture, names, quantised):
    settings = model.config
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name("a tiny random model")
    writer.add_vocab_size(V)
    metadata(writer, settings, architecture)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([f"t{i}" for i in range(V)])
    writer.add_token_types([3] * 3 + [1] * (V - 3))
    writer.add_token_merges(["t 1"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(0)
    heads = settings.num_attention_heads
    seen = set()
    rope = getattr(settings, "rope_parameters", None) or {}
    if rope.get("rope_type") == "longrope":
        for kind in ("long", "short"):
            factors = numpy.array(rope[f"{kind}_factor"], numpy.float32)
            writer.add_tensor(f"rope_factors_{kind}.weight", factors, raw_dtype=F32)
    for name, value in model.state_dict().items():
        together = stacked(name, value, model.state_dict())
        for stored, numbers in (together or {}).items():
            numbers = numpy.ascontiguousarray(numbers.numpy())
            if stored not in seen:
                seen.add(stored)
                if quantised:
                    writer.add_tensor(stored, gguf.quants.quantize(numbers, Q8), raw_dtype=Q8)
                else:
                    writer.add_tensor(stored, numbers, raw_dtype=F32)
        if together:
            continue
        stored = stored_name(name, names)
        numbers = value.numpy()
        tied = name.endswith(("lm_head.weight", "embed_out.weight")) and getattr(settings, "tie_word_embeddings", True)
        if tied or stored in seen:
            continue
        seen.add(stored)
        stem = stored.rsplit(".", 1)[0].split(".")[-1]
        if architecture in INTERLEAVED and stem in ("attn_q", "attn_k"):
            numbers = interleaved(numbers, heads if stem == "attn_q" else settings.num_key_value_heads)
        if architecture in ("gptneox", "bloom") and stem == "attn_qkv":
            numbers = by_kind(numbers, heads)
        if architecture == "gpt2" and numbers.ndim == 2 and stored.startswith("blk"):
            numbers = numbers.T  # Conv1D is stored in x out
        if architecture.startswith("gemma") and stem.endswith("norm"):
            numbers = numbers + numpy.float32(1)
        writer.add_tensor(stored, numpy.ascontiguousarray(numbers), raw_dtype=F32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def build(name):
    """The model of a case, with its seed."""
    architecture, settings, sizes, more, _, _ = CASES[name]
    seed = 500 + list(CASES).index(name)
    torch.manual_seed(seed)
    model = architecture(config(settings, COMMON, sizes, **more)).eval()
    randomise(model, seed)
    for parameter, value in model.named_parameters():
        if name in QUANTISED and "experts" in parameter:
            held = gguf.quants.dequantize(gguf.quants.quantize(value.detach().numpy(), Q8), Q8)
            value.data.copy_(torch.tensor(held))
    return model, seed


def make(name):
    architecture, _, _, _, arch, names = CASES[name]
    model, seed = build(name)
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_file(folder / "model.gguf", model, arch, names, name in QUANTISED)
    tokens, mask = ids(model, seed, T, LENGTHS)
    arrays = ask(model, input_ids=tokens, attention_mask=mask)
    facts = dict(causal=dict(ids=tokens.tolist(), lengths=LENGTHS, mask="causal"))
    write(folder, dict(architecture=architecture.__name__, cases=facts, greedy=greedy(model, tokens[:1, :5])),
          {f"causal.{key}": value for key, value in arrays.items()})
    print(f"{name:24} {sum(f.stat().st_size for f in folder.iterdir()):7} bytes", flush=True)


def compare(name):
    """The log-probabilities that llama.cpp gives to its best tokens after a prompt, less the golden ones: the largest."""
    import xllamacpp
    folder = ROOT / name
    golden = json.loads((folder / "golden.json").read_text())["cases"]["causal"]
    logits = load_file(folder / "golden.safetensors")["causal.logits"]
    parameters = xllamacpp.CommonParams()
    path = folder / "model.gguf"
    if name in QUANTISED:
        # llama.cpp would round the vectors to eight bits as well, so it gets the same numbers as float32.
        path = Path(tempfile.mkdtemp()) / "model.gguf"
        write_file(path, build(name)[0], *CASES[name][4:], False)
    parameters.model.path = str(path)
    parameters.n_ctx, parameters.cpuparams.n_threads, parameters.n_gpu_layers = 64, 1, 0
    parameters.warmup, parameters.n_parallel = False, 1
    server = xllamacpp.Server(parameters)
    apart = 0.0
    for row, length in enumerate(golden["lengths"]):
        prompt = golden["ids"][row][:length]
        said = server.handle_completions(dict(prompt=prompt, n_predict=1, logprobs=8, temperature=1.0, n_probs=8,
                                              cache_prompt=False))
        said = said if isinstance(said, dict) else json.loads(said)
        expected = torch.log_softmax(logits[row, length - 1].double(), -1)
        content = said["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
        for token in content:
            apart = max(apart, abs(token["logprob"] - expected[token["id"]].item()))
    largest = logits.abs().max().item()
    print(f"{name:24} llama.cpp is {apart:.5f} away, of logits up to {largest:.0f}", flush=True)
    assert apart < 0.002 * max(largest, 10.0), name


if __name__ == "__main__":
    tf.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    asked = "--llama.cpp" in sys.argv
    failed = []
    for name in [a for a in sys.argv[1:] if a != "--llama.cpp"] or CASES:
        try:
            compare(name) if asked else make(name)
        except Exception as error:  # one line a failure, and the rest is still made
            failed.append(name)
            print(f"{name:24} FAILED: {type(error).__name__}: {error}")
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)
