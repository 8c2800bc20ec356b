#!/usr/bin/env python3
"""Trains one small language model and keeps its output layer and final norm at many steps. Needs numpy, torch, safetensors.

    python3 analyses/study/studies/training/train.py OUT.safetensors --width 32 [--tied] [--decay 0.1] [--new]

The text is that of Python's own reference manual, which every Python holds for `help()` (`pydoc_data.topics`, licence of the
Python Software Foundation), split into lower-case words and signs. The most frequent PRESENT of them are the vocabulary; ABSENT
further rows belong to tokens that never occur, neither as input nor as target. The model has one block of a transformer and
an RMSNorm before the output layer, which has no bias. AdamW acts on all weights alike, with or without decay.

With --new the training goes on after eight new rows by each of five recipes were added: each new token takes the place of one word of
middling frequency. OUT holds, for each kept step N: `weight.N` (V x d), `gain.N` (d), `seen.N` (the largest probability of each token on
held-out text) and `wins.N` (how often it was the most probable there).
"""

import argparse
import hashlib
import json
import re
from pathlib import Path
from pydoc_data.topics import topics

import torch
from safetensors.torch import save_file

RECIPES = ["near-mean", "mean", "normal", "pieces", "spread"]
EACH = 8
CONTEXT, BATCH = 32, 32
SEED = 7


def text(present):
    """Ids of the words in order, and the hash of the text; the last id of those present stands for all rarer words."""
    raw = "\n".join(topics[name] for name in sorted(topics)).lower()
    words = re.findall(r"[a-z_]+|[0-9]+|[^\sa-z0-9_]", raw)
    counts = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    ordered = sorted(counts, key=lambda word: (-counts[word], word))[: present - 1]
    ids = {word: i for i, word in enumerate(ordered)}
    numbers = torch.tensor([ids.get(word, present - 1) for word in words])
    return numbers, hashlib.sha256(raw.encode()).hexdigest()


class Norm(torch.nn.Module):
    """An RMSNorm with a gain."""

    def __init__(self, width):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.ones(width))

    def forward(self, x):
        return self.gain * x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6)


class Model(torch.nn.Module):
    def __init__(self, rows, width, tied):
        super().__init__()
        self.embedding = torch.nn.Parameter(0.02 * torch.randn(rows, width))
        self.position = torch.nn.Parameter(0.02 * torch.randn(CONTEXT, width))
        self.block = torch.nn.TransformerEncoderLayer(
            width, max(1, width // 16), 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.norm = Norm(width)
        self.output = None if tied else torch.nn.Parameter(0.02 * torch.randn(rows, width))
        self.register_buffer("mask", torch.triu(torch.full((CONTEXT, CONTEXT), float("-inf")), 1))

    def head(self):
        return self.embedding if self.output is None else self.output

    def forward(self, ids):
        hidden = self.block(self.embedding[ids] + self.position, src_mask=self.mask)
        return self.norm(hidden) @ self.head().T


def batch(ids, generator):
    starts = torch.randint(len(ids) - CONTEXT - 1, (BATCH,), generator=generator)
    windows = torch.stack([ids[s : s + CONTEXT + 1] for s in starts])
    return windows[:, :-1], windows[:, 1:]


def keep(kept, losses, step, model, loss, held_out):
    """Keeps the output layer, and what held-out text says of each token."""
    with torch.no_grad():
        logits = model(held_out[:, :-1]).flatten(0, 1)
        kept[f"weight.{step}"] = model.head().detach().clone().contiguous()
        kept[f"gain.{step}"] = model.norm.gain.detach().clone()
        kept[f"seen.{step}"] = logits.softmax(-1).max(0).values
        kept[f"wins.{step}"] = torch.bincount(logits.argmax(-1), minlength=logits.shape[1]).float()
        losses[step] = [loss, torch.nn.functional.cross_entropy(logits, held_out[:, 1:].flatten()).item()]


def optimiser(model, decay):
    return torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=decay)


def train(model, ids, held_out, steps, every, decay, first, kept, losses):
    """Trains, and keeps every `every` steps, the first time before the first step."""
    generator = torch.Generator().manual_seed(SEED)
    adam, loss = optimiser(model, decay), None
    for step in range(steps + 1):
        if step % every == 0:
            keep(kept, losses, first + step, model, loss, held_out)
        if step == steps:
            return
        inputs, targets = batch(ids, generator)
        wrong = torch.nn.functional.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
        adam.zero_grad()
        wrong.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        loss = wrong.item()


def new_rows(old):
    """Eight rows by each recipe, for a matrix of old rows."""
    mean, count = old.mean(0), len(old)

    def near(share):
        by = torch.randn(EACH, count) * (share / (count - 1)) ** 0.5
        return mean + by @ (old - mean)

    pieces = torch.stack([old[torch.randperm(count)[:3]].mean(0) for _ in range(EACH)])
    made = {"near-mean": near(1e-9), "mean": mean.repeat(EACH, 1), "normal": 0.02 * torch.randn(EACH, old.shape[1]), "pieces": pieces, "spread": near(1.0)}
    return torch.cat([made[name] for name in RECIPES])


def extend(model):
    """The model with new rows at the end of its embedding and of its output layer."""
    with torch.no_grad():
        for name in ["embedding", "output"]:
            old = getattr(model, name)
            if old is not None:
                setattr(model, name, torch.nn.Parameter(torch.cat([old, new_rows(old)])))


def renamed(ids, rows):
    """The text with words of middling frequency replaced by the new tokens, every recipe at the same frequencies."""
    table = torch.arange(rows + EACH * len(RECIPES))
    for recipe in range(len(RECIPES)):
        for i in range(EACH):
            table[60 + i * len(RECIPES) + recipe] = rows + recipe * EACH + i
    return table[ids]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--tied", action="store_true")
    parser.add_argument("--decay", type=float, default=0.0)
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--every", type=int, default=60)
    parser.add_argument("--present", type=int, default=900)
    parser.add_argument("--absent", type=int, default=300)
    parser.add_argument("--new", action="store_true")
    parser.add_argument("--new-steps", type=int, default=200)
    parser.add_argument("--new-every", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.manual_seed(SEED)
    torch.set_num_threads(options.threads)
    ids, digest = text(options.present)
    rows = options.present + options.absent
    model = Model(rows, options.width, options.tied)
    generator = torch.Generator().manual_seed(SEED + 1)
    tail = len(ids) // 20
    training, rest = ids[:-tail], ids[-tail:]
    starts = torch.randint(len(rest) - CONTEXT - 1, (64,), generator=generator)
    windows = lambda words: torch.stack([words[s : s + CONTEXT + 1] for s in starts])
    kept, losses = {}, {}
    train(model, training, windows(rest), options.steps, options.every, options.decay, 0, kept, losses)
    if options.new:
        extend(model)
        training, rest = renamed(training, rows), renamed(rest, rows)
        first = options.steps + options.every
        train(model, training, windows(rest), options.new_steps, options.new_every, options.decay, first, kept, losses)
    about = {
        "text": digest, "words": str(len(ids)), "present": str(options.present), "rows": str(rows), "losses": json.dumps(losses),
        "steps": str(options.steps), "new": str(options.steps + options.every if options.new else ""), "torch": torch.__version__,
        "script": hashlib.sha256(Path(__file__).read_bytes()).hexdigest(),
    }
    save_file(kept, options.out, metadata=about)
    print(f"{options.out}: loss {losses[options.steps]}")


if __name__ == "__main__":
    main()
