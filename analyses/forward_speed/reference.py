"""How long the Python package `transformers` takes for one pass of 512 tokens in float32, on the processor.

    pip install torch transformers gguf
    python3 analyses/forward_speed/reference.py models/smollm2/published SmolLM2-135M-Instruct.Q4_1.gguf

Prints the seconds of each run, with logits of all positions, as `cargo run --release --example forward_speed` does.
"""

import argparse
import time

import torch
from transformers import AutoModelForCausalLM

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("folder")
parser.add_argument("gguf", nargs="?", help="the GGUF file in the folder; without it the folder has a config.json")
parser.add_argument("--tokens", type=int, default=512)
parser.add_argument("--runs", type=int, default=5)
arguments = parser.parse_args()

options = {"gguf_file": arguments.gguf} if arguments.gguf else {}
model = AutoModelForCausalLM.from_pretrained(arguments.folder, dtype=torch.float32, **options).eval()
known = model.config.vocab_size
ids = torch.tensor([[(at * 7919 + 13) % known for at in range(arguments.tokens)]])
print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
with torch.no_grad():
    for run in range(arguments.runs):
        begun = time.perf_counter()
        model(ids)
        print(f"run {run}: logits of all positions {time.perf_counter() - begun:.3f} s")
