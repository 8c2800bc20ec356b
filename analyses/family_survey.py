#!/usr/bin/env python3
"""Asks every model class of transformers that makes logits of tokens what stands between its last hidden state and them.

    VENV/bin/python analyses/family_survey.py > survey.md        # the first table of docs/families.md
    VENV/bin/python analyses/family_survey.py MODEL_TYPE ...

Each class is made with small sizes and seeded numbers and run once. Hooks record every module's input and result; the head
is the output embedding, the norm the last module of that kind whose result (times a factor) enters the head. Kind and
gain of the norm are fitted to its numbers, what follows the head to the logits. Each epsilon of a configuration gets a
value of its own, which tells the key that the norm obeys.
"""

import signal
import sys
import tempfile
import warnings

import torch
import transformers as tf
from safetensors import safe_open
from transformers.models.auto import modeling_auto
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from golden_folders import TINY_V, settable, tiny

SECONDS = 60
LARGEST = 20_000_000
MAPPINGS = (
    modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    modeling_auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
)


def made(model_type, name):
    """The model, and the epsilons of its configuration: the value set and the default."""
    cls = CONFIG_MAPPING[model_type]
    default = cls()
    config = tiny(cls)
    keys = [k for k in vars(default) if "eps" in k and isinstance(getattr(default, k), float) and settable(cls, k)]
    epsilons = {getattr(config, k): (k, getattr(default, k)) for k in keys}
    if name.endswith(("ForCausalLM", "LMHeadModel")) and hasattr(config, "is_decoder"):
        config.is_decoder = not config.is_encoder_decoder
    config._attn_implementation = "eager"
    with torch.device("meta"):  # towers for pictures and sound keep their sizes
        count = sum(p.numel() for p in getattr(tf, name)(config).parameters())
    if count > LARGEST:
        raise MemoryError(f"{count} parameters")
    torch.manual_seed(0)
    model = getattr(tf, name)(config).eval()
    with torch.no_grad():
        for key, value in sorted(model.named_parameters()):
            drawn = 0.3 * torch.randn(value.shape)
            value.copy_(1 + drawn if value.dim() == 1 and key.endswith("weight") else drawn)
    return model, epsilons, bool(getattr(default, "tie_word_embeddings", False))


def run(model):
    """The logits, and of each module its name, itself, its input and its result."""
    log = []

    def hook(name):
        def keep(module, arguments, result):
            result = result[0] if isinstance(result, tuple) else result
            if torch.is_tensor(result) and arguments and torch.is_tensor(arguments[0]):
                log.append((name, module, arguments[0], result))
        return keep

    for name, module in model.named_modules():
        module.register_forward_hook(hook(name))
    given = dict(input_ids=torch.randint(3, TINY_V - 4, (1, 8)))
    if model.config.is_encoder_decoder:
        given["decoder_input_ids"] = given["input_ids"]
    with torch.no_grad():
        return model(**given).logits, log


def after(logits, linear):
    """What the model makes of the linear layer's result."""
    if logits.shape != linear.shape:
        return f"shape {list(logits.shape[1:])} of {list(linear.shape[1:])}"
    if torch.allclose(logits, linear, atol=1e-4):
        return ""
    scale = float((logits * linear).sum() / (linear * linear).sum())
    if torch.allclose(logits, scale * linear, atol=1e-4):
        return f"times {scale:.4g}"
    difference = (logits - linear).reshape(-1, logits.shape[-1])
    if torch.allclose(difference, difference[:1].expand_as(difference), atol=1e-4):
        return "a constant vector is added"
    kept = bool((logits.argsort(-1) == linear.argsort(-1)).all())
    return "in another form, the order kept" if kept else "**the order is changed**"


def norm(log, hidden):
    """Name and module of the last norm, its input and result, and the factor after it."""
    for name, module, x, y in reversed(log):
        if "norm" in type(module).__name__.lower() and not list(module.children()) and y.shape == hidden.shape:
            factor = float((y * hidden).sum() / (y * y).sum())
            if torch.allclose(factor * y, hidden, atol=1e-5):
                return name, module, x.double(), y.double(), factor
    return None


def kind(module, x, y, epsilon):
    """`LayerNorm` or `RMSNorm`, and how the stored weight acts."""
    gain, shift = getattr(module, "weight", None), getattr(module, "bias", None)
    for name, mean in (("LayerNorm", x.mean(-1, keepdim=True)), ("RMSNorm", torch.zeros(1))):
        unit = (x - mean) / ((x - mean).square().mean(-1, keepdim=True) + epsilon).sqrt()
        for says, plus in (("w", 0), ("1 + w", 1)):
            again = unit * (1 if gain is None else gain.double() + plus) + (0 if shift is None else shift.double())
            if torch.allclose(again, y, atol=1e-4):
                return name, ("none" if gain is None else says) + (", shift" if shift is not None else "")
    return "another", "?"


def survey(model_type, name):
    model, epsilons, tied = made(model_type, name)
    logits, log = run(model)
    output = model.get_output_embeddings()
    head = next(((n, m, x, y) for n, m, x, y in reversed(log) if m is output), None)
    if head is None:
        return [model_type, name, "not a module of its own"]
    path, module, hidden, _ = head
    linear = hidden @ module.weight.T + (0 if getattr(module, "bias", None) is None else module.bias)
    row = [model_type, name, f"`{path}`" + (f" ({type(module).__name__})" if type(module) is not torch.nn.Linear else ""),
           "tied" if tied else "own", "yes" if getattr(module, "bias", None) is not None else "", after(logits, linear)]
    found = norm(log, hidden)
    if found is None:
        return row + ["none found"]
    path, module, x, y, factor = found
    epsilon = next((getattr(module, a) for a in ("eps", "variance_epsilon") if hasattr(module, a)), 1e-5)
    key, default = epsilons.get(epsilon, ("fixed", epsilon))
    which, gain = kind(module, x, y, epsilon)
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        with safe_open(f"{folder}/model.safetensors", "pt") as saved:
            stored = [n for n in saved.keys() if n.endswith(path.split(".", 1)[-1] + ".weight")]
    stem = stored[0].removesuffix(".weight") if len(stored) == 1 else path
    return row + [f"{which} `{stem}`", gain + (f", then times {factor:.4g}" if abs(factor - 1) > 1e-6 else ""),
                  f"{key} ({default:g})"]


def main():
    warnings.filterwarnings("ignore")
    tf.utils.logging.set_verbosity_error()
    tf.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)

    def late(*_):
        raise TimeoutError(f"longer than {SECONDS} s")

    signal.signal(signal.SIGALRM, late)
    print("| model_type | class | head | default | bias | logits are its result | norm | gain | epsilon |")
    print("|---|---|---|---|---|---|---|---|---|")
    seen = set()
    for mapping in MAPPINGS:
        for model_type, names in mapping.items():
            for name in [names] if isinstance(names, str) else names:
                if (model_type, name) in seen or (sys.argv[1:] and model_type not in sys.argv[1:]):
                    continue
                seen.add((model_type, name))
                signal.alarm(SECONDS)
                try:
                    row = survey(model_type, name)
                except Exception as error:  # a size that does not fit, or a module that is not installed
                    row = [model_type, name, f"not run: {type(error).__name__}"]
                signal.alarm(0)
                print("|", " | ".join(row + [""] * (9 - len(row))), "|", flush=True)


if __name__ == "__main__":
    main()
