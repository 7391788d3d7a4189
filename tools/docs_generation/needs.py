"""The page of what the `reports` topic carries of a report, field by field, for front ends and data protection."""

from collections.abc import Mapping

from shared.events import needs

_HEAD = """# What the log keeps of a report

Written by `make docs` from `shared/events/needs.py`; a test compares the readers with the code, and `make check` fails
for a field without an entry. For front-end teams, and for whoever answers for data protection.

What a reporter writes stays in intake, encrypted with a key of its own; the facts below stand there as told. Erasure
destroys both. The topic `reports` is kept for ever, is not compacted, and **erasure removes nothing from it**: what is
left there is this, under an id that says nothing without intake. So each field is on it only as finely as one of its
readers uses it. `routings` repeats the same facts. What is needed more finely, staff of the owning centre read in
intake, by ticket and on record.

No address, name, text, picture, account, file or fingerprint is on any topic. How likely the rest still points at a
person, by place: [decision 27](../decisions/0027-what-the-log-keeps.md); `python -m tools.k_anonymity` measures it.
"""


def files() -> dict[str, str]:
    """The page, by its path below ``docs``."""
    return {
        "reference/log-fields.md": f"{_HEAD}\n## Of the report\n\n{_table(needs.FACTS)}\n"
        f"## Of the record\n\n{_table(needs.ENVELOPE)}"
    }


def _table(table: Mapping[str, needs.Need]) -> str:
    rows = "".join(
        f"| `{name}` | {', '.join(need.readers) or 'nobody'} | {need.why} | {need.grain} |\n"
        for name, need in table.items()
    )
    return f"| field | read by | why | on the log |\n|---|---|---|---|\n{rows}"
