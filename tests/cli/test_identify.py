"""`kyara identify`: who it names and why, and how it stands in a pipe."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran, draw
from tests.support import AWKWARD_NAMES, TORN, awkward, command, run_process, tree

KEYS = ["path", "detection", "kind", "box", "character", "score", "probability", "margin"]
KEYS += ["runner_up", "runner_up_score", "nearest", "candidates", "error", "perhaps", "said_by"]
Identify = Callable[..., Ran]


@pytest.fixture
def identify(
    kyara: Callable[..., Ran],
    tiny_plugin: Path,
    cast: Path,
    inbox: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Identify:
    """`kyara identify … --refs cast`, in the folder that holds `inbox` and `cast`."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object, cast: object = "cast") -> Ran:
        return kyara("identify", *arguments, "--refs", cast, "--plugin", tiny_plugin)

    return call


@pytest.fixture
def piped(tiny_plugin: Path, cast: Path, inbox: Path, tmp_path: Path) -> Callable[..., Ran]:
    """`kyara identify - --refs cast --json` in a process of its own, with something on stdin."""

    def call(stdin: bytes, *options: object) -> Ran:
        fixed = ["identify", "-", "--refs", "cast", "--plugin", tiny_plugin, "--json"]
        return run_process(command(*fixed, *options), tmp_path, stdin=stdin)

    return call


def test_one_object_for_each_detection(identify: Identify) -> None:
    ran = identify("inbox/r1.png", "--json", "--top", "2", "--nearest", "2")
    assert (ran.code, ran.err) == (0, "")
    (row,) = ran.rows()
    assert list(row) == KEYS
    assert (row["path"], row["detection"], row["kind"]) == ("inbox/r1.png", 0, "whole")
    assert row["box"] == [0, 0, 60, 60]
    assert (row["character"], row["error"]) == ("ruby", None)
    best, second = row["candidates"]
    assert (best["character"], best["score"]) == ("ruby", row["score"])
    assert best["probability"] == row["probability"] > 0.5 > second["probability"]
    assert (second["character"], second["score"]) == (row["runner_up"], row["runner_up_score"])
    assert row["margin"] == pytest.approx(row["score"] - row["runner_up_score"], abs=2e-4)
    for candidate in (best, second):
        scores = [near["score"] for near in candidate["nearest"]]
        assert len(scores) == 2
        assert scores == sorted(scores, reverse=True)
        folders = {Path(near["path"]).parent for near in candidate["nearest"]}
        assert folders == {Path("cast") / candidate["character"]}
    assert best["nearest"][0] == {"path": row["nearest"], "score": row["score"]}


@pytest.mark.parametrize(
    "options", [[], ["--mode", "avg"], ["--threshold", "0.99"], ["--always-name"]]
)
def test_it_says_what_sort_says(
    identify: Identify, kyara: Callable[..., Ran], tiny_plugin: Path, options: list[str]
) -> None:
    arguments = ["--refs", "cast", "--json", "--plugin", tiny_plugin, *options]
    sorted_rows = kyara("sort", "inbox", "--out", "out", "--dry-run", *arguments).rows()
    rows = {row["path"]: row for row in identify("inbox", "--json", *options).rows()}
    assert len(sorted_rows) == len(rows) == 7
    for row in sorted_rows:
        shared = set(row) & set(KEYS)
        assert {key: row[key] for key in shared} == {key: rows[row["path"]][key] for key in shared}


def test_a_stranger_is_unknown_and_the_nearest_is_told(identify: Identify) -> None:
    (row,) = identify("inbox/who.png", "--json").rows()
    assert row["character"] == "unknown"
    assert row["candidates"][0]["score"] < 0.8
    assert len(row["candidates"]) == 3
    (named,) = identify("inbox/who.png", "--json", "--always-name", "--top", "1").rows()
    assert named["character"] == row["candidates"][0]["character"]
    assert len(named["candidates"]) == 1
    assert named["runner_up"] == row["runner_up"]


def test_a_cast_of_one_has_no_margin(identify: Identify, tmp_path: Path) -> None:
    (tmp_path / "cast.json").write_text(json.dumps({"only": "cast/ruby"}))
    (row,) = identify("inbox/r1.png", "--json", "--nearest", "9", cast="cast.json").rows()
    assert (row["margin"], row["runner_up"], row["runner_up_score"]) == (None, None, None)
    (only,) = row["candidates"]
    assert len(only["nearest"]) == 3


def test_the_table_has_a_line_for_each_picture(identify: Identify) -> None:
    ran = identify("inbox")
    assert ran.code == 0
    lines = [line.split() for line in ran.out.splitlines() if "inbox/" in line]
    assert len(lines) == 7
    assert len(ran.out.splitlines()) < 7 + 5
    assert ["inbox/r1.png", "ruby"] in [line[:2] for line in lines]
    for option in (["--why"], ["--top", "2"], ["--nearest", "1"]):
        assert len(identify("inbox", *option).out.splitlines()) > 14


def test_on_a_narrow_terminal_each_picture_has_one_line(
    tmp_path: Path, cast: Path, inbox: Path, tiny_plugin: Path
) -> None:
    deep = tmp_path / ("a folder with a long name " * 3) / "inbox"
    deep.parent.mkdir()
    inbox.rename(deep)
    reader, terminal = os.openpty()
    words = command("identify", deep, "--refs", cast, "--plugin", tiny_plugin)
    environment = {**os.environ, "COLUMNS": "80", "TERM": "dumb"}
    subprocess.run(words, cwd=tmp_path, stdout=terminal, env=environment, timeout=60, check=True)
    os.close(terminal)
    with os.fdopen(reader, "rb") as stream:
        lines = stream.read1(1 << 16).decode().splitlines()
    assert all(len(line) <= 80 for line in lines)
    for name in ("r1.png", "r2.jpg", "j1.png", "j2.jpg", "a1.png", "a2.jpg", "who.png"):
        assert len([line for line in lines if f"{name} " in line]) == 1


def test_who_it_may_be_is_said_of_an_unknown_one(identify: Identify) -> None:
    strict = ["--threshold", "0.99999"]
    rows = {row["path"]: row for row in identify("inbox", *strict, "--json").rows()}
    ruby, who = rows["inbox/r1.png"], rows["inbox/who.png"]
    assert (ruby["character"], ruby["perhaps"]) == ("unknown", "ruby")
    assert ruby["probability"] > 0.2 > who["probability"]
    assert (who["character"], who["perhaps"]) == ("unknown", None)
    lines = identify("inbox", *strict).out.splitlines()
    assert any("r1.png" in line and "perhaps ruby" in line for line in lines)
    assert identify("inbox/r1.png", "--json").rows()[0]["perhaps"] is None


def test_the_table_shows_candidates_and_why(identify: Identify) -> None:
    ran = identify("inbox/r1.png", "inbox/who.png", "--nearest", "2")
    assert ran.code == 0
    words = [line.split() for line in ran.out.splitlines()]
    (ruby,) = (line for line in words if line[:1] == ["inbox/r1.png"])
    assert ruby[1:3] == ["ruby", "ruby"]
    assert ruby[-2].startswith("cast/ruby/")
    (who,) = (line for line in words if line[:1] == ["inbox/who.png"])
    assert who[1] == "unknown"
    assert len([line for line in words if "cast/" in "".join(line)]) == 12


def test_csv_is_a_row_for_each_detection(identify: Identify) -> None:
    rows = list(csv.DictReader(io.StringIO(identify("inbox", "--csv").out, newline="")))
    expected = identify("inbox", "--json").rows()
    assert len(rows) == 7
    for row, known in zip(rows, expected, strict=True):
        edges = [float(row.pop(edge)) for edge in ("left", "top", "right", "bottom")]
        assert edges == known["box"]
        assert row == {key: "" if known[key] is None else str(known[key]) for key in row}
        assert set(row) == set(KEYS) - {"box", "candidates"}


def test_nothing_is_touched(identify: Identify, tmp_path: Path) -> None:
    before = tree(tmp_path)
    assert identify("inbox", "cast").code == 0
    assert tree(tmp_path) == before


@pytest.mark.parametrize("output", ["--json", "--csv", None])
def test_a_bad_picture_is_named_and_the_others_answered(
    identify: Identify, tmp_path: Path, output: str | None
) -> None:
    (tmp_path / "inbox" / "torn.png").write_bytes(TORN)
    (tmp_path / "cast" / "ruby" / "torn.png").write_bytes(TORN)
    ran = identify("inbox", "gone.png", *([output] if output else []))
    assert ran.code == 3
    for name in ("inbox/torn.png", "gone.png", "cast/ruby/torn.png"):
        assert len([line for line in ran.err.splitlines() if f"skipped {name}: " in line]) == 1
    assert ran.err.splitlines()[-1] == "kyara: 3 of 10 were skipped"
    if output == "--json":
        rows = {row["path"]: row for row in ran.rows()}
        assert len(rows) == 9
        gone = rows["gone.png"]
        nothing = dict.fromkeys(KEYS)
        assert gone == {**nothing, "path": "gone.png", "candidates": [], "error": gone["error"]}
        assert gone["error"] == "there is no such file"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-0", "inbox"], "name `-` as well"),
        (["inbox", "--threshold", "1", "--always-name"], "exclude each other"),
        (["inbox", "--top", "0"], "--top"),
        (["empty"], "empty: no pictures are here"),
        ([], "Missing argument"),
    ],
)
def test_wrong_usage(identify: Identify, tmp_path: Path, arguments: list[str], says: str) -> None:
    (tmp_path / "empty").mkdir()
    ran = identify(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err


def test_awkward_names_go_through_a_pipe(piped: Callable[..., Ran], tmp_path: Path) -> None:
    paths = [draw(awkward(tmp_path / "odd", name), "ruby", 4) for name in AWKWARD_NAMES]
    names = [os.fsencode(path.relative_to(tmp_path)) for path in paths]
    first = piped(b"".join(name + b"\0" for name in names), "-0")
    assert [os.fsencode(row["path"]) for row in first.rows()] == names
    assert {row["character"] for row in first.rows()} == {"ruby"}
    lines = b"".join(name + b"\n" for name in names if b"\n" not in name)
    listed = [os.fsencode(row["path"]) for row in piped(lines).rows()]
    assert listed == [name for name in names if b"\n" not in name]
    asked = [json.dumps({"id": n, "path": row["path"]}) for n, row in enumerate(first.rows())]
    again = piped("\n".join(asked).encode()).rows()
    assert [(row["id"], os.fsencode(row["path"])) for row in again] == list(enumerate(names))


@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_awkward_names_in_the_table(identify: Identify, tmp_path: Path, name: bytes) -> None:
    draw(awkward(tmp_path / "odd", name), "ruby", 4)
    usual = identify("inbox/r1.png")
    ran = identify("odd")
    assert ran.code == 0
    assert len(ran.out.splitlines()) == len(usual.out.splitlines())
    assert "\x1b" not in ran.out


def test_what_a_line_said_is_passed_on(piped: Callable[..., Ran]) -> None:
    site = {"id": [1, "\N{GRINNING FACE} é"]}
    said = {"path": "inbox/r1.png", "site": site, "score": "mine", "n": None}
    other = {"id": 2, "path": "inbox/j1.png"}
    ran = piped(f"{json.dumps(said)}\r\n\n{json.dumps(other)}".encode())
    assert (ran.code, ran.err) == (0, "")
    first, second = ran.rows()
    assert (first["site"], first["n"]) == (site, None)
    assert first["score"] > 0.9
    assert next(iter(second)) == "id"
    assert (second["id"], second["character"]) == (2, "jade")


def test_its_own_output_is_its_input(piped: Callable[..., Ran]) -> None:
    first = piped(b"inbox\n")
    assert len(first.rows()) == 7
    assert piped(first.out.encode()).out == first.out


def test_a_folder_on_stdin_stands_for_its_pictures(piped: Callable[..., Ran]) -> None:
    rows = piped(b'{"path": "inbox/more", "set": "m"}\ninbox/who.png').rows()
    assert [row["path"] for row in rows] == [
        *("inbox/more/a2.jpg", "inbox/more/j2.jpg", "inbox/more/r2.jpg", "inbox/who.png")
    ]
    assert [row.get("set") for row in rows] == ["m", "m", "m", None]


def test_bad_lines_do_not_stop_the_others(piped: Callable[..., Ran]) -> None:
    bad = [
        b'{"path": "inbox/r1.p',
        b'{"name": "inbox/r1.png"}',
        b'{"path": ["inbox/r1.png"]}',
        b'{"path": ""}',
        b'{"path": "a\\u0000b"}',
        b'{"path": "\\ud800"}',
        b'{"path": "x", "deep": ' + b"[" * 100_000,
    ]
    ran = piped(b"\n".join([b"inbox/r1.png", *bad, b"inbox/j1.png"]))
    assert ran.code == 3
    assert [row["character"] for row in ran.rows()] == ["ruby", "jade"]
    *said, count = ran.err.splitlines()
    assert len(said) == len(bad)
    for line, start in zip(said, bad, strict=True):
        assert line.startswith(f"kyara: skipped {start[:20].decode()}")
        assert len(line) < 300
    assert count == "kyara: 7 of 9 were skipped"


def test_a_name_may_look_like_an_object(piped: Callable[..., Ran], tmp_path: Path) -> None:
    draw(tmp_path / "{1}.png", "ruby", 4)
    assert piped(b"{1}.png\n").rows()[0]["character"] == "ruby"
    (tmp_path / "{1}.png").rename(tmp_path / '{"path": "x"}')
    assert piped(b'{"path": "x"}\0', "-0").rows()[0]["character"] == "ruby"


def test_an_empty_list_has_no_answers(piped: Callable[..., Ran]) -> None:
    ran = piped(b"\n")
    assert (ran.code, ran.out, ran.err) == (0, "", "")


@pytest.mark.slow  # 16 MB through a pipe and a regular expression
def test_a_line_without_end_is_refused(piped: Callable[..., Ran]) -> None:
    ran = piped(b"x" * (1 << 24) + b"y")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("kyara: stdin: this is not a list of pictures")


def test_each_answer_comes_before_the_next_question(
    tmp_path: Path, tiny_plugin: Path, cast: Path, inbox: Path
) -> None:
    fixed = ["identify", "-", "--refs", "cast", "--plugin", tiny_plugin, "--json"]
    with subprocess.Popen(
        command(*fixed), cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for name, character in (("r1", "ruby"), ("j1", "jade"), ("a1", "azure")):
            process.stdin.write(f"inbox/{name}.png\n".encode())
            process.stdin.flush()
            # Would wait for ever if the answer waited for more questions.
            assert json.loads(process.stdout.readline())["character"] == character
        process.stdin.close()
        assert process.wait(timeout=30) == 0


def test_a_reader_that_has_had_enough_is_no_error(
    tmp_path: Path, tiny_plugin: Path, cast: Path, inbox: Path
) -> None:
    fixed = ["identify", "-", "--refs", "cast", "--plugin", tiny_plugin, "--json"]
    with subprocess.Popen(
        command(*fixed),
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(b"inbox/r1.png\n")
        process.stdin.flush()
        process.stdout.readline()
        process.stdout.close()
        process.stdin.write(b"inbox/j1.png\n" * 100)
        process.stdin.close()
        assert process.wait(timeout=30) == 0
        assert process.stderr.read() == b""


def test_the_progress_bar_does_not_take_the_answers(
    tmp_path: Path, tiny_plugin: Path, cast: Path, inbox: Path
) -> None:
    ours, theirs = os.openpty()
    arguments = ["identify", "inbox", "--refs", "cast", "--plugin", tiny_plugin, "--json"]
    ran = subprocess.run(
        command(*arguments),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
        timeout=60,
        check=True,
    )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # the end of a terminal
        while part := os.read(ours, 1 << 16):
            shown += part
    os.close(ours)
    assert b"pictures" in shown
    assert len([json.loads(line) for line in ran.stdout.splitlines()]) == 7


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_lists_as_windows_writes_them(piped: Callable[..., Ran], encoding: str) -> None:
    ran = piped("inbox/r1.png\r\ninbox/j1.png\r\n".encode(encoding))
    assert [row["path"] for row in ran.rows()] == ["inbox/r1.png", "inbox/j1.png"]


def test_a_line_with_a_nul_is_named_and_the_others_go_on(piped: Callable[..., Ran]) -> None:
    ran = piped(b"inbox/r1.png\0inbox/j1.png\0\ninbox/a1.png\n")
    assert [row["path"] for row in ran.rows()] == ["inbox/a1.png"]
    assert (ran.code, "-0" in ran.err) == (3, True)
