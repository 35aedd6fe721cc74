"""ONNX Runtime reports to nobody."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import kyara
from tests.conftest import draw

ALLOWED = {
    "runtime/loading.py",
    "train/package.py",  # onnxruntime.quantization, which `import kyara` keeps quiet as well
}


def imports_onnx_runtime(node: ast.AST) -> bool:
    match node:
        case ast.Import():
            return any(name.name.partition(".")[0] == "onnxruntime" for name in node.names)
        case ast.ImportFrom():
            return (node.module or "").partition(".")[0] == "onnxruntime"
    return False


def imported_when_run(tree: ast.AST) -> bool:
    """Whether it is imported, but for the sake of types only."""
    if isinstance(tree, ast.If) and "TYPE_CHECKING" in ast.dump(tree.test):
        return False
    return imports_onnx_runtime(tree) or any(map(imported_when_run, ast.iter_child_nodes(tree)))


def test_one_place_imports_it() -> None:
    package = Path(kyara.__file__).parent
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if imported_when_run(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found == ALLOWED


@pytest.mark.parametrize("setting", [None, "0"])
def test_nothing_is_written_into_an_empty_home(tmp_path: Path, setting: str | None) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for name in ("a.png", "b.png"):
        draw(tmp_path / name, "ruby")
    command = [sys.executable, "-m", "kyara", "compare", "a.png", "b.png", "--no-cache"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(home, setting), capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert list(home.rglob("*")) == []


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
@pytest.mark.parametrize("first", ["import kyara", "from kyara.runtime import loading"])
def test_no_thread_waits_to_send(tmp_path: Path, first: str) -> None:
    """Also where not Kyara, but a plugin's code or what calls it, imports ONNX Runtime."""
    code = f"import os\n{first}\nimport onnxruntime\nprint(len(os.listdir('/proc/self/task')))"
    threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(tmp_path, None) | threads,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout.strip(), list(tmp_path.rglob("*"))) == ("1", [])


def environment(home: Path, setting: str | None) -> dict[str, str]:
    """That of a person who has just moved in."""
    dropped = ("ORT_DISABLE_TELEMETRY", "CI")
    env = {n: v for n, v in os.environ.items() if n not in dropped and not n.startswith("XDG_")}
    if setting is not None:
        env["ORT_DISABLE_TELEMETRY"] = setting
    return env | {"HOME": str(home)}
