"""Help, wrong usage, pipes that close, and that stdout holds nothing but data."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from kyara.cli.main import COMMANDS, cli
from tests.conftest import Ran, draw
from tests.support import TORN, command, run_process


def every_command() -> list[list[str]]:
    """The words of each command, sub-commands too."""
    found = []
    for name in COMMANDS:
        made = cli.get_command(click.Context(cli), name)
        assert made is not None
        found.append([name])
        found += [[name, sub] for sub in getattr(made, "commands", {})]
    return found


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_every_help_has_an_example(kyara: Callable[..., Ran], words: list[str]) -> None:
    for option in ("--help", "-h"):
        ran = kyara(*words, option)
        assert (ran.code, ran.err) == (0, "")
        example = ran.out[ran.out.lower().index("example") :]
        assert f"    kyara {words[0]}" in example


def test_the_help_names_every_command_and_exit_code(kyara: Callable[..., Ran]) -> None:
    ran = kyara("--help")
    assert ran.code == 0
    for name in COMMANDS:
        assert f"\n  {name} " in ran.out
    for code in ("0 done", "1 failed", "2 wrong usage", "3 done but", "130 interrupted"):
        assert code in ran.out
    assert "kyara sort inbox --refs cast --out sorted" in ran.out


def test_the_version_is_that_of_the_package(kyara: Callable[..., Ran]) -> None:
    from importlib.metadata import version

    assert version("kyara") in kyara("--version").out


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["nonsense"],
        ["--nonsense"],
        ["compare"],
        ["compare", "a", "b", "--nonsense"],
        ["sort", "inbox"],
        ["sort", "inbox", "--refs", "cast"],
        ["sort", "inbox", "--refs", "cast", "--out", "o", "--mode", "best"],
        ["sort", "inbox", "--refs", "cast", "--out", "o", "--threshold", "high"],
        ["sort", "inbox", "--refs", "c", "--out", "o", "--threshold", "1", "--always-name"],
        ["embed", "a.png"],
        ["cache"],
        ["cache", "nonsense"],
        ["plugins", "extra"],
        ["compare", "a", "b", "--device", "tpu"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_2(kyara: Callable[..., Ran], words: list[str]) -> None:
    ran = kyara(*words)
    assert ran.code == 2
    assert ran.err != ""
    assert "Traceback" not in ran.err


def test_a_missing_gpu_is_one_line(
    kyara: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    ran = kyara("compare", "a.png", "b.png", "--device", "cuda:1")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("kyara: there is no GPU 1 here")
    assert len(ran.err.splitlines()) == 1


def test_even_a_mistake_in_the_code_is_one_line(
    kyara: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistake() -> None:
        raise ZeroDivisionError("on\nline two")

    monkeypatch.setattr("kyara.plugins.discover.find_plugins", mistake)
    ran = kyara("plugins")
    assert ran.code == 1
    assert ran.err == "kyara: ZeroDivisionError: on line two (kyara --debug … shows where)\n"
    with pytest.raises(ZeroDivisionError):
        cli_debug()


def cli_debug() -> None:
    from kyara.cli.main import run

    run(cli, ["--debug", "plugins"])


def test_pictures_that_may_not_be_read_do_not_stop_the_others(
    tmp_path: Path, tiny_plugin: Path, obey_permissions: Callable[[], None]
) -> None:
    names = ["a.png", "closed.png", "b.png"]
    for name in names:
        draw(tmp_path / name, "ruby")
    (tmp_path / "closed.png").chmod(0)
    for words in (["compare", *names], ["embed", *names, "--out", "x.npz"]):
        ran = run_process(command(*words, "--plugin", tiny_plugin), tmp_path, obey_permissions)
        assert ran.code == 3
        assert ran.err.splitlines() == [
            "kyara: skipped closed.png: cannot read it: Permission denied",
            "kyara: 1 of 3 were skipped",
        ]


def test_stdout_holds_only_data_with_json(
    kyara: Callable[..., Ran], inbox: Path, cast: Path, tmp_path: Path, tiny_plugin: Path
) -> None:
    """Skipped pictures, summaries and an unusable cache are told on stderr."""
    (inbox / "torn.png").write_bytes(TORN)
    Path(os.environ["KYARA_CACHE"]).write_bytes(b"no cache" * 500)
    out = tmp_path / "out"
    for words in (
        ["compare", inbox, "--json"],
        ["embed", inbox, "--out", tmp_path / "x.npz", "--json"],
        ["sort", inbox, "--refs", cast, "--out", out, "--json"],
    ):
        ran = kyara(*words, "--plugin", tiny_plugin)
        assert ran.code == 3
        assert all(isinstance(row, dict) for row in ran.rows())
        assert "torn.png" in ran.err
        assert "the cache cannot be used" in ran.err


LOUD = [
    ["plugins"],
    ["plugins", "--json"],
    ["--help"],
    ["sort", "inbox", "--refs", "cast", "--out", "out", "--json"],
    ["sort", "inbox", "--refs", "cast", "--out", "out"],
]


@pytest.mark.parametrize("words", LOUD, ids=" ".join)
def test_a_reader_that_has_had_enough_is_no_error(
    words: list[str], tmp_path: Path, inbox: Path, cast: Path, tiny_plugin: Path
) -> None:
    """As with `kyara … | head`; here the reader is gone before the first line."""
    options = ["--plugin", tiny_plugin] if words[0] == "sort" else []
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as stdout:
        ran = subprocess.run(
            command(*words, *options),
            cwd=tmp_path,
            stdout=stdout,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    summary = b"7 filed.\n" if "--json" in words and words[0] == "sort" else b""
    assert ran.stderr in (b"", summary)
    assert ran.returncode in (0, 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("words", LOUD[:3], ids=" ".join)
def test_a_full_disk_behind_the_output_is_one_line(words: list[str]) -> None:
    with Path("/dev/full").open("wb") as stdout:
        ran = subprocess.run(
            command(*words), stdout=stdout, stderr=subprocess.PIPE, timeout=60, check=False
        )
    assert ran.returncode == 1
    assert ran.stderr == b"kyara: cannot write the results: No space left on device\n"


def test_a_terminal_that_cannot_show_a_name_gets_an_escape(
    tmp_path: Path, tiny_plugin: Path
) -> None:
    smile = "smile \N{GRINNING FACE}.png"
    for name in ("a.png", "b.png", smile):
        draw(tmp_path / name, "ruby")
    arguments = command("compare", "a.png", "b.png", smile, "--plugin", tiny_plugin)
    reader, terminal = os.openpty()
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1", "COLUMNS": "200"}
    ran = subprocess.run(
        arguments, cwd=tmp_path, stdout=terminal, env=environment, timeout=60, check=False
    )
    os.close(terminal)
    with os.fdopen(reader, "rb") as stream:
        shown = stream.read1(1 << 16)
    assert ran.returncode == 0
    assert rb"smile \U0001f600.png" in shown


HEAVY = ("torch", "onnxruntime", "rich", "matplotlib", "pandas", "lance", "pyarrow", "usearch")
FORBIDDEN = (*HEAVY, "PIL", "numpy")
OF_SCALE = ("ray", "lance", "pyarrow", "fsspec")


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import kyara", (*FORBIDDEN, *OF_SCALE)),
        ("import kyara.errors", FORBIDDEN),
        ("from kyara.cli.main import cli; cli(['--help'], standalone_mode=False)", FORBIDDEN),
        (
            "from kyara.cli.main import cli; cli(['sort', '--help'], standalone_mode=False)",
            HEAVY,
        ),
        ("import kyara.scale.spread, kyara.cli.embed_dataset, kyara.pictures.source", OF_SCALE),
    ],
)
def test_what_is_not_needed_is_not_imported(
    tmp_path: Path, code: str, absent: tuple[str, ...]
) -> None:
    script = f"import sys\n{code}\nprint('loaded', *sys.modules, file=sys.stderr)"
    ran = run_process([sys.executable, "-c", script], tmp_path)
    (loaded,) = [line.split() for line in ran.err.splitlines() if line.startswith("loaded ")]
    assert set(loaded) & set(absent) == set()


def test_every_public_name_is_there_and_no_other() -> None:
    import kyara

    assert dir(kyara) == sorted(kyara.__all__)
    for name in kyara.__all__:
        assert getattr(kyara, name).__name__ == name
    with pytest.raises(AttributeError, match="nonsense"):
        _ = kyara.nonsense
