"""Values that are secret by their names or by their shape."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from urllib.parse import unquote

from jetson_deploy.doctor.report.identity import GENERIC

GONE = "[redacted]"
_NAME = (
    r"(?:passw(?:or)?d|passphrase|secret|credentials?|api[-_]?key|access[-_]?key|private[-_]?key|auth[-_]?key|token"
    r"|identitytoken|registrytoken|psk)"
)
_QUOTE = r"\\{0,3}[\"']?"
NAMED = re.compile(
    rf"((?<![A-Za-z0-9])[A-Za-z0-9_.-]{{0,40}}?{_NAME}{_QUOTE}\s{{0,2}}(?::=|[:=])\s{{0,2}}{_QUOTE})"
    rf"([^\s\"'\\,;&}}\])]{{3,}})",
    re.IGNORECASE,
)
"""`password: x`, `--token=x`, `"apiKey":"x"`, `?secret=x`."""
FLAG = re.compile(rf"(--?[A-Za-z-]{{0,20}}{_NAME}\s+)([^\s\"'-][^\s\"']{{2,}})", re.IGNORECASE)
AUTH = re.compile(rf"({_QUOTE}\bauth{_QUOTE}\s?:\s?{_QUOTE})([A-Za-z0-9+/=_-]{{6,}})")
"""Of Docker's config.json."""
HEADER = re.compile(r"(\b(?:basic|bearer|digest)\s+)([A-Za-z0-9+/=_.~-]{8,})", re.IGNORECASE)
COOKIE = re.compile(
    r"(\b(?:set-)?cookie\W{1,4}|x-registry-auth\W{1,4}|x-api-key\W{1,4})([^\s\"']{4,}[^\n\"']*)", re.IGNORECASE
)
LOGIN = re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]{0,20}://)([^\s/?#\"'<>@]{1,500})(?=@)")
UPPER = re.compile(
    r"((?<![A-Za-z0-9_])[A-Z0-9_]{0,60}(?:TOKEN|KEY|SECRET|PASSWORD|PASSWD|CREDENTIAL)[A-Z0-9_]{0,60}"
    r"\\{0,3}\"?\s?[:=]\s?\\{0,3}[\"']?)([^\s\"'\\\]]{4,})"
)
"""As an environment has it, in a shell or in a Go log."""
_GROUPED = (NAMED, FLAG, AUTH, HEADER, COOKIE, LOGIN, UPPER)
SHAPES = (
    re.compile(r"-----BEGIN [A-Z ]{3,40}-----.{0,20000}?-----END [A-Z ]{3,40}-----", re.DOTALL),
    re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.{0,20000}", re.DOTALL),
    re.compile(r"\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?"),
    re.compile(r"\b(?:hf_|sk-|gh[pousr]_|github_pat_|glpat-|xox[abprs]-|nvapi-)[\w-]{10,}"),
    re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    re.compile(r"\b(?:ssh-(?:rsa|ed25519|dss)|ecdsa-sha2-[\w-]{5,30}) AAAA[\w+/=]{20,}(?: [^\s\"'\\]{1,80})?"),
)
"""Keys and tokens that say themselves what they are, with the comment of a public key, which names its owner."""
_LEAST_LEARNED = 6
_NUMBER = re.compile(r"[0-9.]{1,9}")


def replaced(text: str) -> tuple[str, int]:
    """The text without them, and how many there were."""
    count = 0

    def gone(match: re.Match[str]) -> str:
        nonlocal count
        if match[2].startswith(GONE[:-1]) or _is_count(match):
            return match[0]
        count += 1
        return match[1] + GONE

    for pattern in _GROUPED:
        text = pattern.sub(gone, text)
    for pattern in SHAPES:
        text, more = pattern.subn(GONE, text)
        count += more
    return text, count


def learned(text: str) -> Iterator[str]:
    """The values themselves: a log repeats what an environment holds."""
    for pattern in _GROUPED:
        for match in pattern.finditer(text):
            if not _is_count(match):
                yield from filter(_is_telling, _parts(pattern, match[2]))
    for pattern in SHAPES[2:]:
        yield from (match[0] for match in pattern.finditer(text))


def _parts(pattern: re.Pattern[str], value: str) -> Iterator[str]:
    yield value
    if pattern is LOGIN:
        for part in value.split(":", 1):
            yield from (part, unquote(part))
    if pattern in (HEADER, AUTH):
        try:
            yield from base64.b64decode(value + "=" * (-len(value) % 4)).decode().split(":", 1)
        except (binascii.Error, UnicodeDecodeError, ValueError):
            return


def _is_telling(value: str) -> bool:
    plain = value.strip("[](){}<>.,;")
    return len(plain) >= _LEAST_LEARNED and plain.lower() not in GENERIC and not plain.startswith(("/", "redacted"))


def _is_count(match: re.Match[str]) -> bool:
    """`eos_token = 151643`."""
    return "token" in match[1].lower() and _NUMBER.fullmatch(match[2]) is not None
