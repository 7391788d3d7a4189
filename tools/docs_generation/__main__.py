"""Write the derived documents: ``python -m tools.docs_generation``; with ``--check``, fail where a file differs.

``--check`` also compares today's events with those of every release; ``--release VERSION`` keeps them as a release's.
"""

import sys
from pathlib import Path

from shared.events import needs as log_needs
from tools.docs_generation import (
    asyncapi,
    cases,
    chaos,
    clients,
    compatibility,
    kafka_access,
    limits,
    metrics,
    needs,
    openapi,
    pages,
    permissions,
    schemas,
    settings,
    store_access,
    words,
)
from tools.monitoring import dashboards, objectives

DOCS = Path(__file__).parents[2] / "docs"
OWNED = ("events", "asyncapi", "openapi", dashboards.FOLDER)
"""Folders, seen from ``docs``, that hold nothing but written files: what is not written any more is stale."""


def wanted() -> dict[str, str]:
    """Every derived document by its path below ``docs``."""
    parts = (
        *(schemas, asyncapi, openapi, permissions, cases, settings, metrics, needs, pages),
        *(objectives, dashboards, kafka_access, store_access, clients, limits, chaos, words),
    )
    return {path: text for part in parts for path, text in part.files().items()}


def differences(documents: dict[str, str]) -> list[str]:
    """Return how the files differ from the documents, one line each."""
    found = []
    for path, text in documents.items():
        file = DOCS / path
        if not file.exists():
            found.append(f"docs/{path} is missing")
        elif file.read_text(encoding="utf-8") != text:
            found.append(f"docs/{path} is not what the code says")
    found += [f"docs/{path} describes nothing any more" for path in stale(documents)]
    return found


def stale(documents: dict[str, str]) -> list[str]:
    """Files that were written once and are not any more, by path below ``docs``."""
    places = [*((DOCS / folder).glob("*.*") for folder in OWNED), (DOCS / "events").glob("*.v*/*")]
    files = {str(file.relative_to(DOCS)) for place in places for file in place if file.is_file()}
    return sorted(files - documents.keys())


def main(arguments: list[str]) -> int:
    """Write or check; the exit status is 1 where a check fails, or a field of the log has no reason to be there."""
    if unexplained := log_needs.unexplained():
        print(*unexplained, sep="\n")
        return 1
    documents = wanted()
    if "--check" in arguments:
        found = [*(f"{line}; run: make docs" for line in differences(documents)), *compatibility.problems()]
        print(*found, sep="\n", end="\n" if found else "")
        return 1 if found else 0
    if "--release" in arguments:
        compatibility.release(arguments[arguments.index("--release") + 1])
        return 0
    for path in stale(documents):
        (DOCS / path).unlink()
    for path, text in documents.items():
        file = DOCS / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    print(f"{len(documents)} documents written below docs/")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
