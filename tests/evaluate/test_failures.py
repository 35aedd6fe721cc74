"""How each picture fares in inboxes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kyara.evaluate.dataset import LabelledPicture
from kyara.evaluate.embed import EmbeddedDataset
from kyara.evaluate.failures import pictures_in_inboxes
from kyara.evaluate.inboxes import InboxShape
from tests.cli.test_fit import paint
from tests.conftest import Ran
from tests.evaluate.helpers import clusters, toy_encoder

pytest.importorskip("sklearn", reason="needs the extra `evaluate`")

SHAPE = InboxShape(pictures=40, references=2, characters=4)


def test_every_picture_is_counted_as_what_it_was_drawn() -> None:
    embedded = clusters(12, 8, 0.2)
    pictures = tuple(
        LabelledPicture("toy", f"c{owner}", f"{n}.png", "", f"{n}", Path(f"{n}.png"))
        for n, owner in enumerate(embedded.characters.tolist())
    )
    data = EmbeddedDataset({"toy": embedded}, {"toy": pictures})
    fates = pictures_in_inboxes(toy_encoder(), data, SHAPE, draws=10)
    total = sum(fate.right + fate.wrong + fate.unknown + fate.named + fate.left for fate in fates)
    assert 300 <= total <= 400
    shares = [fate.failed for fate in fates]
    assert shares == sorted(shares, reverse=True)
    # Without a threshold everybody has a name, and those that are told apart the right one.
    assert sum(fate.unknown + fate.left for fate in fates) == 0
    assert sum(fate.right for fate in fates) > sum(fate.wrong for fate in fates)
    for fate in fates:
        assert (fate.taken_for is None) == (fate.wrong + fate.named == 0)
        assert fate.taken_for != fate.character


def test_they_are_written(kyara: Callable[..., Ran], tiny_plugin: Path, tmp_path: Path) -> None:
    data, out = paint(tmp_path / "dev", range(12), 5), tmp_path / "fates.jsonl"
    call = ["evaluate", data, "--plugin", tiny_plugin, "--protocol", "inboxes", "--bootstrap", "0"]
    assert kyara(*call, "--inbox", "20:50%:2:4", "--failures", out).code == 0
    rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert {row["model"] for row in rows} == {"tiny"}
    assert {row["character"] for row in rows} <= {f"c{n:02}" for n in range(12)}
    assert all(Path(row["file"]).suffix == ".png" for row in rows)
