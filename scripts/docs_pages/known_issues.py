"""The known issues of the catalog, as `jetson-deploy doctor` tells them."""

from __future__ import annotations

from collections.abc import Iterator

from docs_pages.commands import escaped
from docs_pages.markdown import page
from docs_pages.shipped import shipped_issues
from jetson_deploy.catalog.entries import Issue
from jetson_deploy.catalog.probe import Condition
from jetson_deploy.catalog.symptoms import advice, seen_in

WHERE = {"log": "a server's log", "engine": "an error of the engine", "pull": "an error of a pull"}
WORDS = {"equals": "is", "one_of": "is", "at_least": "is at least", "below": "is below", "matches": "matches"}
LEVELS = ("block", "degrade", "warn")


def known_issues_page() -> str:
    issues = sorted(shipped_issues().values(), key=lambda one: (LEVELS.index(one.severity), one.id))
    return page(
        "Known issues",
        "profiles/issues",
        f"What `jetson-deploy doctor` knows of: {len(issues)} issues, each one file. An overlay's "
        "`profiles/issues/ID.yaml` adds one or changes one; docs/catalog.md describes the keys.",
        *(part for one in issues for part in _issue(one)),
    )


def _issue(one: Issue) -> tuple[str, ...]:
    affected = "; ".join(f"{what}: {words}" for what, words in one.affects.items())
    rows = [("Affects", affected), *_seen(one), ("Fix", advice(one)), ("Undo", one.undo)]
    listed = "\n".join(f"- {key}: {escaped(' '.join(text.split()))}" for key, text in rows if text)
    return f"## {one.id}", f"{one.severity}: {escaped(one.title)}", listed


def _seen(one: Issue) -> Iterator[tuple[str, str]]:
    if one.probe is not None:
        yield "Seen on a host where", " and ".join(_condition(condition) for condition in one.probe.all)
    if one.checks:
        yield "Seen by the checks", ", ".join(one.checks)
    where = [*(WHERE[place] for place in seen_in(one) if one.symptoms), *(["the kernel's log"] if one.kernel else [])]
    if where:
        yield "Seen in", ", ".join(where)


def _condition(condition: Condition) -> str:
    subject, comparison = condition.of[0], condition.compared_by[0]
    name, wanted = getattr(condition, subject), getattr(condition, comparison)
    name = name if subject == "fact" else f"{subject} {name}"
    if comparison == "present":
        return f"{name} is {'there' if wanted else 'not there'}"
    words = " or ".join(map(str, wanted)) if isinstance(wanted, tuple) else str(wanted)
    return f"{name} {WORDS[comparison]} {words.lower() if isinstance(wanted, bool) else words}"
