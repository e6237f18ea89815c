"""Which known issues a text shows. The knowledge is the catalog's; the order of belief is `Issue.rank`."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator

import msgspec

from jetson_deploy.catalog.bounded import search
from jetson_deploy.catalog.entries import Issue, SeenIn
from jetson_deploy.catalog.required import required_words

UNRANKED = 500
_GENERAL = 900
_LINE_LIMIT = 500
_PLACES: dict[str, tuple[SeenIn, ...]] = {
    "preflight": ("log", "engine"),
    "start": ("log", "engine"),
    "serve": ("log",),
    "pull": ("pull",),
    "fleet": ("pull",),
}


class Fit(msgspec.Struct, frozen=True):
    """An issue that a text shows, and the line that shows it."""

    issue: Issue
    line: str

    @property
    def advice(self) -> str:
        return advice(self.issue)


def advice(issue: Issue) -> str:
    """One line for a user of this tool."""
    return issue.advice or next(iter(issue.fix), "`jetson-deploy logs` shows the server's output")


def seen_in(issue: Issue) -> tuple[SeenIn, ...]:
    """Where its symptoms are believed; nowhere: it is no cause of a failure."""
    if issue.phase not in _PLACES or not (issue.rank is not None or issue.explains or issue.severity == "block"):
        return ()
    return issue.seen_in or _PLACES[issue.phase]


def believed_order(issues: Iterable[Issue], *places: SeenIn) -> list[Issue]:
    """Those that are believed in one of the places, the most certain first."""
    here = [issue for issue in issues if set(places) & set(seen_in(issue))]
    return sorted(here, key=lambda issue: (issue.rank or UNRANKED, issue.id))


def of_kernel(issues: Iterable[Issue]) -> list[Issue]:
    """Those that the kernel's log may show, to be asked of `fitting`; the most certain first."""
    here = [msgspec.structs.replace(one, symptoms=one.kernel, also=()) for one in issues if one.kernel]
    return sorted(here, key=lambda issue: (issue.rank or UNRANKED, issue.id))


def fitting(text: str, issues: Iterable[Issue]) -> Iterator[Fit]:
    """The issues that the text shows, in the order given."""
    lowered = text.lower()
    for issue in issues:
        line = _evidence(text, lowered, issue)
        if line is not None:
            yield Fit(issue, line)


def first_match(text: str, lowered: str, pattern: str) -> re.Match[str] | None:
    """`lowered`: the text in lower case, by which most patterns are known not to fit before they are tried."""
    words = required_words(pattern)
    if words and not any(word in lowered for word in words):
        return None
    return search(compiled(pattern), text)


@functools.lru_cache(maxsize=2048)
def compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.MULTILINE)


def _evidence(text: str, lowered: str, issue: Issue) -> str | None:
    for symptom in issue.symptoms:
        match = first_match(text, lowered, symptom)
        if match is not None:
            is_all = all(first_match(text, lowered, pattern) for pattern in issue.also)
            return line_of(text, match) if is_all else None
    return None


def is_general(issue: Issue) -> bool:
    """It stands in many failures, and beside none."""
    return (issue.rank or UNRANKED) >= _GENERAL


def line_of(text: str, match: re.Match[str]) -> str:
    """The line of the match; of a long one what stands around it."""
    line = whole_line(text, match).strip()
    if len(line) <= _LINE_LIMIT:
        return line
    at = line.find(match.group(0).partition("\n")[0])
    before = max(0, min(at - _LINE_LIMIT // 2, len(line) - _LINE_LIMIT))
    return line[before : before + _LINE_LIMIT].strip()


def whole_line(text: str, match: re.Match[str]) -> str:
    start = text.rfind("\n", 0, match.start()) + 1
    end = text.find("\n", match.start())
    return text[start : end if end >= 0 else len(text)]
