"""Draws the rooms of src/kyara into docs/architecture.md, from what the modules import.

    python docs/build_architecture.py           # write it
    python docs/build_architecture.py --check   # exit 1 if it is not up to date

A room is a module or package right below `kyara`. It stands one floor above the highest room
that it imports anything from, wherever the import is written: in a function, or for types only.
Rooms that import each other in a circle share a floor, and are named.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
SOURCE = ROOT / "src" / "kyara"
BEGIN, END = "<!-- rooms:begin -->", "<!-- rooms:end -->"

Uses = dict[str, set[str]]
"""Each room, and the rooms that it imports from."""


def uses_of(source: Path) -> Uses:
    """The rooms of the package at `source`, by what their modules import."""
    uses: Uses = {room: set() for room in _rooms(source)}
    for path in source.rglob("*.py"):
        room = _room(path, source)
        uses[room] |= {other for other in _imported(path, source, uses) if other != room}
    return uses


def reached_from(room: str, uses: Uses) -> set[str]:
    """All rooms that `room` uses, also by way of others."""
    reached: set[str] = set()
    ahead = list(uses[room])
    while ahead:
        other = ahead.pop()
        if other not in reached:
            reached.add(other)
            ahead += uses[other]
    return reached


def floors_of(uses: Uses) -> dict[str, int]:
    """The floor of each room: the length of the longest way down from it."""
    reached = {room: reached_from(room, uses) for room in uses}
    below = {
        room: {other for other in reached[room] if room not in reached[other]} for room in uses
    }
    floors: dict[str, int] = {}
    for room in sorted(uses, key=lambda room: len(below[room])):  # all below it come first
        floors[room] = 1 + max((floors[other] for other in below[room]), default=0)
    return floors


def circles_of(uses: Uses) -> list[list[str]]:
    """Rooms that use each other, directly or by way of others."""
    circles = set()
    for room in uses:
        reached = reached_from(room, uses)
        if room in reached:
            circles.add(frozenset(r for r in reached if room in reached_from(r, uses)))
    return sorted(sorted(circle) for circle in circles)


def drawing(uses: Uses) -> str:
    """The rooms as a Mermaid graph. An arrow that others imply is left out: with all of them,
    nobody would see the floors."""
    floors = floors_of(uses)
    lines = ["```mermaid", "flowchart TD"]
    lines += [f'    {_id(room)}["{room}"]' for room in sorted(uses)]
    for room in sorted(uses, key=lambda room: (-floors[room], room)):
        ways = [reached_from(other, uses) for other in uses[room]]
        implied = set().union(*(reached for reached in ways if room not in reached))
        lines += [f"    {_id(room)} --> {_id(other)}" for other in sorted(uses[room] - implied)]
    return "\n".join([*lines, "```"])


def table(uses: Uses, source: Path) -> str:
    """Each room with its floor, its words about itself, and all rooms that it uses."""
    floors = floors_of(uses)
    lines = ["| floor | room | what it is | uses |", "| ---: | --- | --- | --- |"]
    for room in sorted(uses, key=lambda room: (-floors[room], room)):
        used = ", ".join(sorted(uses[room], key=lambda other: (-floors[other], other)))
        lines.append(f"| {floors[room]} | `{room}` | {_about(room, source)} | {used} |")
    return "\n".join(lines)


def part(source: Path) -> str:
    """What stands between the marks."""
    uses = uses_of(source)
    circles = circles_of(uses)
    words = ["No room uses another that uses it."]
    if circles:
        words = [f"**Circle:** {', '.join(circle)} use each other." for circle in circles]
    return "\n\n".join([drawing(uses), *words, table(uses, source)])


def filled(page: str, source: Path) -> str:
    """The page with the part between the marks written anew."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{part(source)}\n{END}{after}"


def main() -> None:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare")
    check = parser.parse_args().check
    text = PAGE.read_text(encoding="utf-8")
    new = filled(text, SOURCE)
    if not check:
        PAGE.write_text(new, encoding="utf-8")
    elif new != text:
        sys.exit(f"{PAGE.name} is not up to date: run python docs/build_architecture.py")


def _rooms(source: Path) -> Iterator[str]:
    for path in source.iterdir():
        if path.suffix == ".py":
            yield path.stem
        elif (path / "__init__.py").is_file():
            yield path.name


def _room(path: Path, source: Path) -> str:
    return path.relative_to(source).parts[0].removesuffix(".py")


def _imported(path: Path, source: Path, rooms: Uses) -> Iterator[str]:
    """The rooms that a module imports from; what is in no room is another package's."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = path.relative_to(source.parent).parts[: -node.level] if node.level else ()
            module = ".".join([*above, *filter(None, [node.module])])
            names = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            package, _, inside = name.partition(".")
            if package == source.name:
                room = inside.split(".")[0]
                yield room if room in rooms else "__init__"


def _about(room: str, source: Path) -> str:
    package = source / room / "__init__.py"
    path = package if package.is_file() else source / f"{room}.py"
    words = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return words.partition("\n")[0].replace("|", "\\|")


def _id(room: str) -> str:
    return f"room_{room.strip('_')}"  # Mermaid has words of its own, such as `end`


if __name__ == "__main__":
    main()
