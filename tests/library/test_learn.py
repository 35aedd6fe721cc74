"""Speaking of pictures: what is opened for it, and what is learned on the way."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from kyara.errors import PluginError
from kyara.library.learn import digests_at, learn
from kyara.library.store import Library
from kyara.pictures.digest import digest_of_file
from tests.conftest import Ran, draw
from tests.detectors import pair
from tests.support import TORN, run_process

Kyara = Callable[..., Ran]
ROOT = Path(__file__).parents[2]

# Runs a command and writes how often it opened each file whose name ends in .png.
_COUNTING = f"""
import atexit, collections, json, os, sys
sys.path.insert(0, {os.fspath(ROOT)!r})
if sys.argv.pop(1) == "halves":
    from kyara import detect
    from tests.detectors import Halves
    detect.DEFAULT = Halves()
opened = collections.Counter()

def hook(event, arguments):
    if event == "open" and str(arguments[0]).endswith(".png"):
        opened[os.path.basename(arguments[0])] += 1

sys.addaudithook(hook)
atexit.register(lambda: open("opened.json", "w").write(json.dumps(opened)))
from kyara.cli.main import main
main()
"""


def opened_by(folder: Path, *arguments: object, detector: str = "whole") -> dict[str, int]:
    """How often a command opens each picture."""
    words = [sys.executable, "-c", _COUNTING, detector, *map(str, arguments)]
    ran = run_process(words, folder)
    assert ran.code == 0, ran.err
    counts: dict[str, int] = json.loads((folder / "opened.json").read_text())
    return counts


def aged(*paths: Path) -> None:
    """Let the files be old enough for their times to tell that they did not change."""
    hour_ago = time.time() - 3600
    for path in paths:
        os.utime(path, (hour_ago, hour_ago))


def test_a_new_picture_is_opened_once_and_a_known_one_not_at_all(
    kyara: Kyara, library: Path
) -> None:
    """But for its pixels: those of a picture that somebody speaks of are read once, and those of a
    new one that is as large as such a picture."""
    folder = library.parent
    known, new = draw(folder / "known.png", "ruby"), draw(folder / "new.png", "ruby", 1)
    aged(known, new)
    confirm = ("decide", "confirm", "--character", "ruby")
    assert opened_by(folder, *confirm, known) == {"known.png": 2}
    shutil.copy(known, folder / "copy.png")
    assert opened_by(folder, *confirm, known, new, "copy.png") == {"new.png": 3, "copy.png": 1}
    for words in (("reject", "--character", "ruby"), ("ignore",)):
        assert opened_by(folder, "decide", *words, known, new, "copy.png") == {"copy.png": 1}
    assert kyara("library", "info", "cast.kyara", "--json").json()["pictures"] == 2


def test_figures_are_found_while_it_is_open(kyara: Kyara, library: Path, tiny_plugin: Path) -> None:
    library.unlink()
    pair(library.parent / "two.png", "ruby", "jade")
    opened_by(
        library.parent, "library", "create", library, "--plugin", tiny_plugin, detector="halves"
    )
    confirm = ("decide", "confirm", "two.png", "--box", "0,0,60,60", "--character", "ruby")
    assert opened_by(library.parent, *confirm, detector="halves") == {"two.png": 2}
    with Library.open(library) as opened:
        assert opened.database.rows("SELECT width, height FROM pictures") == [(120, 60)]


def test_add_and_update_open_each_picture_once(library: Path, cast: Path) -> None:
    once = {f"{pose}.png": 3 for pose in range(3)}  # three characters have one of each name
    assert opened_by(library.parent, "library", "add", library, cast, "--cast") == once
    shutil.move(cast / "ruby" / "0.png", cast / "ruby" / "moved.png")
    aged(*cast.rglob("*.png"))
    again = opened_by(library.parent, "library", "update", library)
    assert again == {"0.png": 2, "1.png": 3, "2.png": 3, "moved.png": 1}
    assert opened_by(library.parent, "library", "update", library) == {}


def test_what_is_not_the_librarys_business_is_told(
    kyara: Kyara, library: Path, tmp_path: Path
) -> None:
    good = draw(tmp_path / "good.png", "ruby")
    (tmp_path / "torn.png").write_bytes(TORN)
    ran = kyara(
        *("decide", "confirm", "nowhere.png", "torn.png", good, "--character", "ruby", "--json")
    )
    assert ran.code == 3
    assert ran.json()["pictures"] == [digest_of_file(good).hex()]
    assert "torn.png: not a picture" in ran.err
    assert "nowhere.png: there is no such picture" in ran.err
    assert "2 of 3 were skipped" in ran.err
    roots = kyara("library", "info", "cast.kyara", "--json").json()["roots"]
    assert roots == [str(good)]
    nothing = kyara("decide", "confirm", "torn.png", "--character", "ruby")
    assert nothing.code == 2
    assert "nothing was decided" in nothing.err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in folders here")
def test_what_cannot_be_read_says_why(kyara: Kyara, library: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for words in (("reject", "--character", "ruby"), ("confirm", "--character", "ruby")):
        ran = kyara("decide", *words, "pipe.png")
        assert ran.code == 2
        assert "pipe.png: cannot read it: not a file, but a pipe" in ran.err


def test_pictures_keep_their_order(kyara: Kyara, library: Path, tmp_path: Path) -> None:
    paths = [draw(tmp_path / f"{n}.png", "ruby", n) for n in range(3)]
    aged(paths[1])
    kyara("library", "add", "cast.kyara", paths[1])
    paths[2].rename(tmp_path / "other.png")
    kyara("library", "add", "cast.kyara", "other.png")
    (tmp_path / "other.png").unlink()
    wanted = [paths[0], tmp_path / "other.png", paths[1]]
    ran = kyara("decide", "confirm", *wanted, "--character", "ruby", "--json")
    with Library.open(library) as opened:
        expected = [digests_at(opened, [path]).digests[path].hex() for path in wanted]
    assert ran.json()["pictures"] == expected


def test_of_a_copy_can_be_spoken_without_the_model(
    kyara: Kyara, library: Path, cast: Path, tiny_plugin: Path, tmp_path: Path
) -> None:
    kyara("library", "add", "cast.kyara", cast, "--cast")
    shutil.rmtree(tiny_plugin)
    copied = Path(shutil.copy(cast / "ruby" / "0.png", tmp_path / "copied.png"))
    new = draw(tmp_path / "new.png", "jade", 40)
    assert kyara("decide", "confirm", copied, "--character", "jade").code == 0
    ran = kyara("decide", "confirm", new, copied, "--character", "ruby")
    assert ran.code == 1
    assert "plugin" in ran.err
    log = kyara("decide", "log", "--json").rows()
    assert [row["name"] for row in log if row["source"] == "person"] == ["jade"]


def test_the_encoder_is_opened_for_what_is_new(library: Path, tmp_path: Path) -> None:
    new = draw(tmp_path / "new.png", "ruby")

    def opening() -> nullcontext[tuple[object, None]]:
        raise PluginError("it cannot be opened")

    with Library.open(library, write=True) as opened:
        assert not learn(opened, [], opening).digests  # type: ignore[arg-type]
        with pytest.raises(PluginError):
            learn(opened, [new], opening)  # type: ignore[arg-type]
        assert digests_at(opened, [new]).digests == {new: digest_of_file(new)}
        assert not opened.roots()
