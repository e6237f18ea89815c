"""Everything that names machine, users or secrets, taken out of texts and counted by kind."""

from __future__ import annotations

import ipaddress
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from jetson_deploy.doctor.report import prompts, secret_values
from jetson_deploy.doctor.report.identity import GENERIC, Kind, Word, is_public
from jetson_deploy.doctor.report.secret_forms import address_forms, encoded_forms, mac_forms, plain_forms
from jetson_deploy.state.redact import GONE, redacted

NO_MAC, NO_UUID, NO_ADDRESS = "00:00:00:00:00:00", "00000000-0000-0000-0000-000000000000", "0.0.0.0"  # noqa: S104
"""As scripts/capture-host writes them."""
NO_WORD = "redacted"
_PUT = {"secret": GONE, "MAC address": NO_MAC, "IP address": NO_ADDRESS, "user name": "user"}
_MAC = re.compile(r"(?<![0-9A-Fa-f:-])[0-9A-Fa-f]{2}(?:([:-])[0-9A-Fa-f]{2})(?:\1[0-9A-Fa-f]{2}){4}(?![0-9A-Fa-f:-])")
_UUID = re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}(?![0-9A-Fa-f])")
_IPV4 = re.compile(r"(?<![\w.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?!\w|\.[0-9])", re.ASCII)
_COLONS = re.compile(r"(?<![\w:.])[0-9A-Fa-f:.]{2,45}(?![\w:])")
_HOME = re.compile(r"(/home/|/media/|/run/media/|/Users/|/run/user/)([^/\s\"\\:,;)\]}]+)")
_URL_HOST = re.compile(r"(\b[a-z][a-z0-9+.-]{1,20}://(?:[^\s/@\"']{1,200}@)?|\blookup )([A-Za-z0-9][\w.-]{1,200})")
_SERIAL = re.compile(r"(\b(?:serial(?:[ _-]?n(?:o|um(?:ber)?))?|ecid)\W{1,4})([A-Za-z0-9-]{5,})", re.IGNORECASE)
_OURS = ("127.", "0.", "255.255.255.255")
_NETWORK_DIGITS = re.compile(r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}")


class Redaction:
    """`learn` from all texts first, then `file` each of them."""

    def __init__(self, words: Iterable[Word], kept: frozenset[str] = frozenset()) -> None:
        """`kept`: words in lower case that are the board's own."""
        self.counts: Counter[str] = Counter()
        self._words = {word for word in words if word.text.lower() not in kept}
        self._kept = kept
        self._bounded: dict[str, Kind] = {}
        self._anywhere: dict[str, Kind] = {}
        self._made = False

    def learn(self, text: str) -> None:
        known = {word.text for word in self._words}
        for value in secret_values.learned(text):
            if value not in known and value.lower() not in self._kept:
                self._words.add(Word("secret", value))
                self._made = False

    def file(self, name: str, text: str, *, said: bool = False) -> str:
        """`said`: it may hold what users asked and models answered."""
        before = text.count(GONE)
        text = redacted(name, text)
        self._count("secret", text.count(GONE) - before)
        if said:
            text, count = prompts.replaced(text)
            self._count("prompt", count)
        text, count = secret_values.replaced(text)
        self._count("secret", count)
        return self.words(self._shapes(text))

    def document(self, value: Any) -> Any:
        """A decoded one, string by string."""
        if isinstance(value, dict):
            return {
                self.words(key) if isinstance(key, str) else key: self._field(key, one) for key, one in value.items()
            }
        if isinstance(value, (list, tuple)):
            return [self.document(one) for one in value]
        return self.file("", value, said=True) if isinstance(value, str) else value

    def words(self, text: str) -> str:
        """Only what is known by name: for what must stay as it is else, such as a board's own files."""
        self._make()
        found = [form for form in self._anywhere if form in text]
        text = self._out_of(text, found, "{}", 0, self._anywhere)
        lowered = text.lower()
        found = [form for form in self._bounded if form in lowered]
        return self._out_of(text, found, "(?<![A-Za-z0-9]){}(?![A-Za-z0-9])", re.IGNORECASE, self._bounded)

    def _out_of(self, text: str, forms: list[str], around: str, flags: int, kinds: dict[str, Kind]) -> str:
        """The longest first: a name may be the start of another."""
        if not forms:
            return text
        longest = sorted(forms, key=lambda form: (-len(form), form))
        pattern = re.compile(around.format("(?:" + "|".join(map(re.escape, longest)) + ")"), flags)

        def gone(match: re.Match[str]) -> str:
            kind = kinds.get(match[0]) or kinds.get(match[0].lower()) or "secret"
            self._count(kind, 1)
            return _PUT.get(kind, NO_WORD)

        return pattern.sub(gone, text)

    def _field(self, key: object, value: Any) -> Any:
        pair = json.dumps({str(key): value}) if isinstance(value, str) else ""
        if pair and secret_values.replaced(pair)[1]:
            self._count("secret", 1)
            return GONE
        return self.document(value)

    def _shapes(self, text: str) -> str:
        text = self._each("MAC address", _MAC, lambda match: NO_MAC, text)
        text = self._each("identifier", _UUID, lambda match: NO_UUID, text)
        text = self._each("IP address", _IPV4, _without_address, text)
        text = self._each("IP address", _COLONS, _without_ipv6, text)
        text = self._each("user name", _HOME, lambda match: match[1] + ("user" if _names(match[2]) else match[2]), text)
        text = self._each(
            "serial number", _SERIAL, lambda match: match[1] + (NO_WORD if _digits(match[2]) else match[2]), text
        )
        return self._each("host name", _URL_HOST, _without_host, text)

    def _each(self, kind: Kind, pattern: re.Pattern[str], put: Any, text: str) -> str:
        def replace(match: re.Match[str]) -> str:
            new = str(put(match))
            self._count(kind, new != match[0])
            return new

        return pattern.sub(replace, text)

    def _count(self, kind: Kind, number: int) -> None:
        if number > 0:
            self.counts[kind] += number

    def _make(self) -> None:
        if self._made:
            return
        self._made = True
        for word in sorted(self._words, key=lambda one: (one.kind, one.text)):
            for form in filter(None, _plain(word)):
                if word.kind == "secret":
                    self._anywhere.setdefault(form, word.kind)
                else:
                    self._bounded.setdefault(form.lower(), word.kind)
            for form in encoded_forms(word.text):
                self._anywhere.setdefault(form, word.kind)


def _plain(word: Word) -> Iterator[str]:
    if word.kind == "MAC address":
        yield from mac_forms(word.text)
    elif word.kind == "IP address" and _NETWORK_DIGITS.fullmatch(word.text):
        yield from address_forms(word.text)
    yield from plain_forms(word.text)


def _without_address(match: re.Match[str]) -> str:
    text = match[0]
    is_one = all(int(part) <= 255 for part in text.split("."))
    return NO_ADDRESS if is_one and not text.startswith(_OURS) else text


def _without_ipv6(match: re.Match[str]) -> str:
    """Times and the places of PCI devices have colons too."""
    try:
        address = ipaddress.IPv6Address(match[0]) if match[0].count(":") > 1 else None
    except ValueError:
        return match[0]
    return match[0] if address is None or address.is_loopback or address.is_unspecified else "::"


def _names(name: str) -> bool:
    return name != "user"


def _digits(text: str) -> bool:
    """A serial number has some; `driver`, `console` have none."""
    return any(one.isdigit() for one in text)


def _without_host(match: re.Match[str]) -> str:
    host = match[2].rstrip(".")
    return match[0] if is_public(host) or host.lower() in GENERIC else match[1] + NO_WORD
