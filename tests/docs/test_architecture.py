"""The drawing of the rooms is what the imports say, and the walk names what there is."""

from __future__ import annotations

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
SOURCE = ROOT / "src" / "kyara"


@pytest.fixture(scope="module")
def build() -> ModuleType:
    spec = spec_from_file_location("build_architecture", ROOT / "docs" / "build_architecture.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """`roof` uses `middle` and `ground`; `middle` uses `ground` inside of a function."""
    for name, code in {
        "__init__.py": '"""A house."""',
        "roof.py": '"""The roof."""\nfrom house import ground\nimport house.middle.deep\n',
        "middle/__init__.py": '"""The middle | between."""',
        "middle/deep.py": "def late():\n    from house.ground import floor\n",
        "ground.py": '"""The ground.\n\nMore of it."""\nimport os\nfloor = 0\n',
        "not_a_room/note.txt": "",
    }.items():
        (tmp_path / "house" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "house" / name).write_text(code, encoding="utf-8")
    return tmp_path / "house"


def test_each_room_stands_above_all_that_it_uses(build: ModuleType, house: Path) -> None:
    uses = build.uses_of(house)
    assert uses["roof"] == {"middle", "ground"}
    assert build.floors_of(uses) == {"__init__": 1, "ground": 1, "middle": 2, "roof": 3}
    assert build.circles_of(uses) == []


def test_an_arrow_that_others_imply_is_not_drawn(build: ModuleType, house: Path) -> None:
    arrows = [line.strip() for line in build.part(house).splitlines() if "-->" in line]
    assert arrows == ["room_roof --> room_middle", "room_middle --> room_ground"]


def test_the_table_has_the_words_of_the_rooms(build: ModuleType, house: Path) -> None:
    part = build.part(house)
    assert "| 3 | `roof` | The roof. | middle, ground |" in part
    assert "| 2 | `middle` | The middle \\| between. | ground |" in part
    assert "| 1 | `ground` | The ground. |  |" in part
    assert "not_a_room" not in part


@pytest.mark.parametrize("line", ["from house import roof", "from .. import roof"])
def test_a_circle_is_named_and_shares_a_floor(build: ModuleType, house: Path, line: str) -> None:
    (house / "middle" / "up.py").write_text(f"{line}\n", encoding="utf-8")
    uses = build.uses_of(house)
    assert build.circles_of(uses) == [["middle", "roof"]]
    floors = build.floors_of(uses)
    assert floors["middle"] == floors["roof"] == 2
    assert "**Circle:** middle, roof use each other." in build.part(house)
    assert "room_middle --> room_roof" in build.part(house)


def test_a_new_import_makes_the_page_stale(build: ModuleType, house: Path) -> None:
    page = build.filled(f"before {build.BEGIN}{build.END} after", house)
    assert page.startswith("before ")
    assert page.endswith(" after")
    assert build.filled(page, house) == page
    (house / "__init__.py").write_text("import house.ground\n", encoding="utf-8")
    assert build.filled(page, house) != page


def test_the_walk_names_what_there_is(build: ModuleType) -> None:
    text = PAGE.read_text(encoding="utf-8")
    walk = text.split("## One picture, from end to end\n")[1].split("\n## ")[0]
    names = set(re.findall(r"`(\w+)`", walk))
    code = "\n".join(path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py"))
    there = set(re.findall(r"^ *(?:def|class) (\w+)", code, re.MULTILINE))
    assert len(names) > 10
    assert names <= there | set(build.uses_of(SOURCE))
