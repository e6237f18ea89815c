#!/usr/bin/env bash
# gguf 0.19.0: opening a file with GGUFReader turns every string of the vocabulary into NumPy arrays at once.
#
# Expected: the reader maps the file (np.memmap), so that opening one costs what is asked for; the vocabulary is part of
# the header of every model and is rarely wanted. Seen: for a header of 151,936 tokens (the vocabulary of Qwen 2 and of
# DeepSeek-R1 7b) 466 MiB are allocated for a file of 5 MiB before one field has been asked for: 759,712 arrays, one for
# each length, string and number. A reader that skips arrays by their lengths needs some KiB.
#
# The file is written with the same package. Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install "${GGUF:-gguf==0.19.0}" numpy==2.2.6
"$folder/venv/bin/python" - "$folder/model.gguf" <<'PYTHON'
import sys
import tracemalloc
from importlib.metadata import version
from pathlib import Path

from gguf import GGUFReader, GGUFWriter

path, tokens = Path(sys.argv[1]), 151_936
writer = GGUFWriter(path, "qwen2")
writer.add_block_count(28)
writer.add_tokenizer_model("gpt2")
writer.add_token_list([f"token{number}" for number in range(tokens)])
writer.add_token_merges([f"a{number} b" for number in range(tokens)])
writer.add_token_types([1] * tokens)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
size = path.stat().st_size
tracemalloc.start()
reader = GGUFReader(path)
peak = tracemalloc.get_traced_memory()[1]
layers = reader.fields["qwen2.block_count"].contents()
parts = sum(len(field.parts) for field in reader.fields.values())
print(f"gguf {version('gguf')}: file of {size >> 20} MiB, {layers} layers, {parts} arrays, {peak >> 20} MiB allocated")
sys.exit(0 if peak > 40 * size and parts > 4 * tokens else "changed")
PYTHON
