"""What workers are told, and what they run; without a Ray."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from kyara.errors import PictureError, PluginError
from kyara.plugins.discover import open_encoder
from kyara.scale.dataset import Digests, Ids
from kyara.scale.sources import packed, sources_at, unpacked
from kyara.scale.spread import OnRay
from kyara.scale.worker import Attempts, Job
from tests.conftest import TINY_PY, draw


def test_code_that_the_user_did_not_name_never_runs(tiny_plugin: Path, tmp_path: Path) -> None:
    """On another machine, something else may lie in the same directory."""
    named = open_encoder(str(tiny_plugin))
    job = Job(str(tiny_plugin), "none", "cpu", Ids(named.id, "whole", 48), 1 << 30)
    encoder, _ = pickle.loads(pickle.dumps(job)).open()
    assert encoder.encode(np.zeros((1, 16, 16, 3), np.uint8)).shape == (1, 48)
    ran = tmp_path / "ran"
    (tiny_plugin / "tiny.py").write_text(f"open({str(ran)!r}, 'w')\n{TINY_PY}")
    with pytest.raises(PluginError, match="a worker has other models: tiny@1:"):
        job.open()
    assert not ran.exists()


def test_no_ray_is_started_for_nothing(tiny_plugin: Path) -> None:
    job = Job(str(tiny_plugin), "none", "cpu", Ids("tiny@1:", "whole", 48), 1 << 30)
    assert list(OnRay(job).tables([], Digests())) == []


def test_what_was_begun_and_never_ended_is_counted() -> None:
    attempts = Attempts()
    assert [attempts.begin(b"a"), attempts.begin(b"b"), attempts.begin(b"a")] == [0, 0, 1]
    attempts.end(b"a")
    assert [attempts.begin(b"a"), attempts.begin(b"b")] == [0, 1]


def test_members_of_a_zip_are_read_where_they_are_unpacked(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for number in range(2):
            opened.write(draw(tmp_path / f"{number}.png", "ruby", number), f"{number}.png")
    there = [packed(source) for source in sources_at(str(archive))]
    assert [unpacked(data).read().digest for data in there] == [
        source.read().digest for source in sources_at(str(archive))
    ]
    gone = tmp_path / "gone.zip"
    archive.rename(gone)
    moved = [packed(source) for source in sources_at(str(gone))]
    gone.unlink()
    with pytest.raises(PictureError, match="not in the archive any more"):
        unpacked(moved[0]).read()
