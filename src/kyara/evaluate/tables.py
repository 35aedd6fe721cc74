"""CSV files of people: as spreadsheets write them, too."""

from __future__ import annotations

import codecs
import csv
import io
from pathlib import Path

from kyara.errors import DataError, one_line
from kyara.files import reading

__all__ = ["read_table"]

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_DELIMITERS = ",;\t"
"""What stands between cells; the one that the header has most of."""


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file with a header, by column; a cell that is missing is empty.

    UTF-8 with a mark of byte order or without, or UTF-16 with one; between the cells commas,
    semicolons (as spreadsheets of many languages have them) or tabs.

    Raises:
        DataError: it cannot be read, or is no such file.
    """
    with reading(path):
        data = path.read_bytes()
    try:
        text = data.decode("utf-16" if data.startswith(_UTF_16) else "utf-8-sig")
        if "\0" in text:
            raise ValueError("there are NULs in it")
        header = text.partition("\n")[0]
        delimiter = max(_DELIMITERS, key=header.count)
        rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restval="")
        return [{k: v for k, v in row.items() if k is not None} for row in rows]
    except (ValueError, csv.Error) as error:
        what = f"not a manifest in CSV, as UTF-8: {one_line(error)}"
        raise DataError(what, where=path) from error
