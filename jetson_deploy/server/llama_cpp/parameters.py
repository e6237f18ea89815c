"""Parameter layers of manifests, by their digests: what a llama-server is given of each.

A request's own values come before the flags' here, as they do with Ollama.
"""

from __future__ import annotations

from typing import NamedTuple

from jetson_deploy.server.workload import Layers

_FLAGS = {"temperature": "--temp", "top_p": "--top-p", "top_k": "--top-k", "min_p": "--min-p"}
_STOP = "--reverse-prompt"
"""Its help speaks of an interactive mode; a server takes it as the stop words of a request that has none of its own."""
_R1_STOPS = ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>")


class Parameters(NamedTuple):
    stop: tuple[str, ...]
    sampling: dict[str, float]


KNOWN = {
    # DeepSeek-R1's distills.
    "sha256:f4d24e9138dd4603380add165d2b0d970bef471fac194b436ebd50e6147c6588": Parameters(_R1_STOPS, {}),
    # DeepSeek-R1 8b of May 2025.
    "sha256:ed8474dc73db8ca0d85c1958c91c3a444e13a469c2efb10cd777ca9baeaddcb7": Parameters(
        _R1_STOPS, {"temperature": 0.6, "top_p": 0.95}
    ),
}


def flags(digest: str) -> tuple[str, ...]:
    """What a request gets that does not say it itself: sampling, and where an answer ends."""
    known = KNOWN.get(digest)
    if known is None:
        return ()
    given = [(_FLAGS[key], str(value)) for key, value in known.sampling.items()]
    given += [(_STOP, word) for word in known.stop]
    return tuple(word for pair in given for word in pair)


def left_out(layers: Layers) -> str:
    if not layers.parameters or layers.parameters in KNOWN:
        return ""
    return (
        f"it does not read the model's parameters ({layers.parameters[:19]}): stop words and sampling are its own "
        "unless a request says them"
    )
