"""`model import` of what people took for a model: the answer says what the file is, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from bundles import NAME, imported, tree

from jetson_deploy.catalog.reader import read_yaml

CASES = read_yaml(Path(__file__).parents[1] / "data" / "mistaken-files.yaml")


def file_of(case: str, folder: Path) -> Path:
    given = CASES[case]
    content = given["text"].encode() if "text" in given else bytes.fromhex(str(given["hex"]))
    file = folder / str(given["file"])
    file.write_bytes(content.ljust(given.get("padded", 0), b"\0"))
    return file


AS, WITH_MODELFILE = ("--as", NAME), ("--as", NAME, "--modelfile", "none.yaml")
# What may be a bundle takes no Modelfile, and is refused for that first.
GIVEN = [(case, AS) for case in CASES] + [(case, WITH_MODELFILE) for case in CASES if case != "foreign-tar"]


@pytest.mark.parametrize(("case", "options"), GIVEN)
def test_a_file_that_is_no_model_is_named_as_what_it_is(tmp_path: Path, case: str, options: tuple[str, ...]) -> None:
    file = file_of(case, tmp_path)
    done = imported(file, tmp_path / "store", *options)
    assert (done.code, done.document["code"]) == (5, "bundle-refused")
    assert done.document["message"].startswith(f"{file} is refused: {CASES[case]['told']}")
    assert CASES[case]["hint"] in done.document["hint"]
    assert list(tree(tmp_path)) == [file.name]
