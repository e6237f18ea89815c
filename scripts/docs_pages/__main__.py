"""`scripts/docs`: writes what is stale and names it."""

from __future__ import annotations

from docs_pages.pages import REPOSITORY, stale


def main() -> None:
    for name, text in stale().items():
        path = REPOSITORY / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(f"written: {name}")


if __name__ == "__main__":
    main()
