"""Give a GGUF model whose output layer is its quantised token embedding an output layer of its own, in float32.

The new tensor `output.weight` holds the decoded numbers of the embedding, so the model computes the same logits. All other tensors
and all metadata stay. `unargmax repair --rows` can then move rows of the output layer and leave the embedding as it is.

    python3 analyses/float_head.py MODEL.gguf OUT.gguf

Needs the Python package gguf.
"""

import argparse

import numpy as np
from gguf import GGUFReader, GGUFValueType, GGUFWriter
from gguf.quants import dequantize


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("out")
    arguments = parser.parse_args()
    reader = GGUFReader(arguments.model)
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    if "output.weight" in tensors:
        raise SystemExit(f"{arguments.model}: it has an output layer of its own, `output.weight`")
    architecture = reader.get_field("general.architecture").contents()
    writer = GGUFWriter(arguments.out, architecture)
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":
            continue
        inner = field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), field.types[0], sub_type=inner)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    embedding = tensors["token_embd.weight"]
    rows = dequantize(embedding.data, embedding.tensor_type).astype(np.float32)
    writer.add_tensor("output.weight", rows)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
