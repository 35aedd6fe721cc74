"""docs/reference/plans.md against the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import msgspec

from kyara.organise import journal
from kyara.organise.planfile import PlanFile, PlannedOperation

PAGE = (Path(__file__).parents[2] / "docs/reference/plans.md").read_text("utf-8")


def keys(heading: str) -> set[str]:
    """First cells of the rows of the table that has that heading."""
    table = PAGE[PAGE.index(f"| {heading} |") :].split("\n\n")[0]
    return set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))


def fields(struct: type[msgspec.Struct]) -> set[str]:
    return {field.name for field in msgspec.structs.fields(struct)}


def test_every_key_of_a_plan_has_a_row() -> None:
    assert keys("key") == fields(PlanFile)
    assert keys("key of an operation") == fields(PlannedOperation)


def test_every_record_of_a_journal_has_a_row_that_names_its_keys() -> None:
    records = {record.__struct_config__.tag: record for record in get_args(journal.Record)}
    assert keys("`record`") - {"record"} == records.keys()
    for tag, record in records.items():
        (row,) = re.findall(rf"^\| `{tag}` \|.*$", PAGE, re.MULTILINE)
        assert all(f"`{name}`" in row for name in fields(record))
