"""Sidecars say who is in a picture, and take nothing from what stands there already."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from PIL import Image

from kyara.errors import OutputError
from kyara.identify.answer import UNKNOWN
from kyara.pictures.read import StoredSize, decode, measure
from kyara.pictures.state import FileState
from kyara.results.sidecars import Outcome, Sidecar, write_sidecar
from kyara.results.text import as_text
from kyara.results.xmp import stored_area
from kyara.types import Box
from tests.results.helpers import HOSTILE_NAMES, answer
from tests.support import AWKWARD_NAMES, awkward

SPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "stArea": "http://ns.adobe.com/xmp/sType/Area#",
    "stDim": "http://ns.adobe.com/xap/1.0/sType/Dimensions#",
}
KINDS = list(Sidecar)
OTHERS_XMP = b"""<?xml version="1.0" encoding="UTF-8"?>
<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <!-- by hand -->
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:own="urn:own" xmp:Rating="4">
   <dc:subject><rdf:Bag><rdf:li>sketch</rdf:li></rdf:Bag></dc:subject>
   <own:thing>kept &amp; safe</own:thing>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    Image.new("RGB", (60, 40)).save(path)
    return path


def beside(picture: Path, kind: Sidecar) -> Path:
    return picture.with_name(f"{picture.name}.{kind.value}")


def keywords(packet: bytes) -> list[str]:
    return etree.fromstring(packet).xpath("//dc:subject/*/rdf:li/text()", namespaces=SPACES)


def regions(packet: bytes) -> list[tuple[str, str | None, tuple[float, ...]]]:
    """(name, type, (x, y, w, h)) of each."""
    found = []
    for region in etree.fromstring(packet).xpath("//*[@mwg-rs:Name]", namespaces=SPACES):
        (area,) = region.findall("mwg-rs:Area", SPACES)
        numbers = tuple(float(area.get(f"{{{SPACES['stArea']}}}{key}")) for key in "xywh")
        assert area.get(f"{{{SPACES['stArea']}}}unit") == "normalized"
        key = f"{{{SPACES['mwg-rs']}}}"
        found.append((region.get(f"{key}Name"), region.get(f"{key}Type"), numbers))
    return found


def test_tags_as_hydrus_imports_them(picture: Path) -> None:
    answers = [answer(picture, "Ruby"), answer(picture, "jade b"), answer(picture, "Ruby")]
    assert write_sidecar(picture, answers, Sidecar.TXT, "m@1") is Outcome.NEW
    assert beside(picture, Sidecar.TXT).read_bytes() == b"character:Ruby\ncharacter:jade b\n"
    assert write_sidecar(picture, answers, Sidecar.JSON, "m@1") is Outcome.NEW
    found = json.loads(beside(picture, Sidecar.JSON).read_bytes())
    assert found["tags"] == ["character:Ruby", "character:jade b"]
    assert found["kyara"]["encoder"] == "m@1"
    assert [d["character"] for d in found["kyara"]["detections"]] == ["Ruby", "jade b", "Ruby"]
    assert found["kyara"]["detections"][0] == {
        **{"character": "Ruby", "score": 0.8, "probability": 0.9, "kind": "whole"},
        "box": [0, 0, 60, 40],
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [UNKNOWN, None])
def test_of_nobody_known_there_is_no_sidecar(
    picture: Path, kind: Sidecar, name: str | None
) -> None:
    assert write_sidecar(picture, [answer(picture, name)], kind, "m") is Outcome.NOTHING
    assert os.listdir(picture.parent) == ["a.png"]


@pytest.mark.parametrize("kind", KINDS)
def test_writing_twice_changes_nothing(picture: Path, kind: Sidecar) -> None:
    answers = [answer(picture, "Ruby", kind="head"), answer(picture, "jade", kind="figure")]
    write_sidecar(picture, answers, kind, "m")
    before = FileState.of(beside(picture, kind))  # not when it was read
    assert write_sidecar(picture, answers, kind, "m") is Outcome.THERE
    assert FileState.of(beside(picture, kind)) == before
    assert sorted(os.listdir(picture.parent)) == ["a.png", f"a.png.{kind.value}"]


@pytest.mark.parametrize("kind", KINDS)
def test_another_answer_does_not_replace_the_first(picture: Path, kind: Sidecar) -> None:
    write_sidecar(picture, [answer(picture, "ruby", kind="head")], kind, "m")
    before = beside(picture, kind).read_bytes()
    with pytest.raises(OutputError, match=rf"a\.png\.{kind.value}: .* is kept \(delete it"):
        write_sidecar(picture, [answer(picture, "jade", kind="head")], kind, "m")
    assert beside(picture, kind).read_bytes() == before


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        (b"", b"character:Ruby\n"),
        (b"sketch\n1girl\n", b"sketch\n1girl\ncharacter:Ruby\n"),
        (b"sketch", b"sketch\ncharacter:Ruby\n"),
        (b"sketch\r\n1girl\r\n", b"sketch\r\n1girl\r\ncharacter:Ruby\r\n"),
        (b"\xef\xbb\xbfsketch\n", b"\xef\xbb\xbfsketch\ncharacter:Ruby\n"),
        (b"latin \xe9\n", b"latin \xe9\ncharacter:Ruby\n"),
        (b" CHARACTER:ruby \n", None),
        (b"\xef\xbb\xbfcharacter:ruby", None),
    ],
)
def test_tags_are_added_to_those_of_others(
    picture: Path, there: bytes, expected: bytes | None
) -> None:
    path = beside(picture, Sidecar.TXT)
    path.write_bytes(there)
    path.chmod(0o640)
    outcome = write_sidecar(picture, [answer(picture, "Ruby")], Sidecar.TXT, "m")
    assert outcome is (Outcome.THERE if expected is None else Outcome.ADDED)
    assert path.read_bytes() == (there if expected is None else expected)
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("kind", "there"),
    [
        (Sidecar.TXT, b"sketch\ncharacter:somebody\n"),
        (Sidecar.TXT, "sketch".encode("utf-16")),
        (Sidecar.JSON, b'{"tags": ["sketch"]}'),
        (Sidecar.JSON, b'{"tags": "character:Ruby"}'),
        (Sidecar.JSON, b"[[[["),
        (Sidecar.JSON, b"[" * 100_000),
        (Sidecar.XMP, b""),
        (Sidecar.XMP, b"\x00\x01 no XML"),
        (Sidecar.XMP, b"<html/>"),
        (Sidecar.XMP, b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'),
    ],
)
def test_what_others_wrote_is_kept(picture: Path, kind: Sidecar, there: bytes) -> None:
    beside(picture, kind).write_bytes(there)
    with pytest.raises(OutputError) as caught:
        write_sidecar(picture, [answer(picture, "Ruby", kind="head")], kind, "m")
    assert "is kept" in str(caught.value)
    assert str(caught.value).startswith(str(beside(picture, kind)))
    assert beside(picture, kind).read_bytes() == there


def test_json_of_others_that_says_the_same_is_fine(picture: Path) -> None:
    beside(picture, Sidecar.JSON).write_text('{"tags": ["character:Ruby", "sketch"], "id": 7}')
    outcome = write_sidecar(picture, [answer(picture, "Ruby")], Sidecar.JSON, "m")
    assert outcome is Outcome.THERE


def test_keywords_and_regions_join_the_xmp_of_others(picture: Path) -> None:
    path = beside(picture, Sidecar.XMP)
    path.write_bytes(OTHERS_XMP)
    answers = [answer(picture, "Ruby", kind="head", box=(0, 0, 30, 20))]
    assert write_sidecar(picture, answers, Sidecar.XMP, "m") is Outcome.ADDED
    packet = path.read_bytes()
    assert keywords(packet) == ["sketch", "Ruby"]
    assert regions(packet) == [("Ruby", "Face", (0.25, 0.25, 0.5, 0.5))]
    for kept in (b"<?xml ", b"<!-- by hand -->", b'xmp:Rating="4"', b"kept &amp; safe", b"Exiv2"):
        assert kept in packet
    assert packet.count(b"<?xpacket") == 2
    assert write_sidecar(picture, answers, Sidecar.XMP, "m") is Outcome.THERE
    assert path.read_bytes() == packet


def test_regions_of_others_are_kept(picture: Path) -> None:
    write_sidecar(picture, [answer(picture, "ruby", kind="head")], Sidecar.XMP, "m")
    path = beside(picture, Sidecar.XMP)
    foreign = path.read_bytes().replace(b'x:xmptk="Kyara"', b'x:xmptk="Somebody"')
    path.write_bytes(foreign)
    with pytest.raises(OutputError, match="regions of its own and is kept"):
        write_sidecar(picture, [answer(picture, "jade", kind="head")], Sidecar.XMP, "m")
    assert path.read_bytes() == foreign
    (only,) = (answer(picture, "jade"),)
    assert write_sidecar(picture, [only], Sidecar.XMP, "m") is Outcome.ADDED
    assert keywords(path.read_bytes()) == ["ruby", "jade"]


def test_heads_are_faces_figures_are_regions_wholes_are_keywords(picture: Path) -> None:
    answers = [
        answer(picture, "head", kind="head", box=(15, 10, 45, 30)),
        answer(picture, "figure", kind="figure", box=(-5, 0, 30, 60)),
        answer(picture, "whole"),
        answer(picture, UNKNOWN, kind="head"),
    ]
    write_sidecar(picture, answers, Sidecar.XMP, "m")
    packet = beside(picture, Sidecar.XMP).read_bytes()
    assert keywords(packet) == ["head", "figure", "whole"]
    assert regions(packet) == [
        ("head", "Face", (0.5, 0.5, 0.5, 0.5)),
        ("figure", None, (0.25, 0.5, 0.5, 1.0)),
    ]
    (applied,) = etree.fromstring(packet).xpath("//mwg-rs:AppliedToDimensions", namespaces=SPACES)
    dimensions = [applied.get(f"{{{SPACES['stDim']}}}{key}") for key in ("w", "h", "unit")]
    assert dimensions == ["60", "40", "pixel"]


@pytest.mark.parametrize("form", ["JPEG", "TIFF", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_regions_are_of_the_picture_as_stored(tmp_path: Path, form: str, orientation: int) -> None:
    """A red patch in the stored pixels is found upright, and its box leads back to it."""
    stored = Image.new("RGB", (80, 48), "white")
    stored.paste((255, 0, 0), (56, 8, 72, 24))
    path = tmp_path / f"x.{form.lower()}"
    exif = Image.Exif()
    exif[274] = orientation
    stored.save(path, form, exif=exif, **({"quality": 95} if form != "TIFF" else {}))
    upright = decode(path.read_bytes()).image
    size = measure(path)
    assert (size.width, size.height, size.orientation) == (80, 48, orientation)
    assert size.upright == upright.size
    red = upright.convert("RGB").getchannel("G").point(lambda value: 255 if value < 128 else 0)
    box = red.getbbox()
    assert box is not None
    x, y, width, height = stored_area(Box(*box), size)
    assert (x * 80, y * 48) == pytest.approx((64, 16), abs=1)
    assert (width * 80, height * 48) == pytest.approx((16, 16), abs=2)


@given(
    st.tuples(*[st.floats(-50, 150)] * 4).filter(lambda b: b[0] < b[2] and b[1] < b[3]),
    st.integers(1, 8),
)
def test_areas_stay_within_the_picture(
    edges: tuple[float, float, float, float], orientation: int
) -> None:
    x, y, width, height = stored_area(Box(*edges), StoredSize(100, 70, orientation))
    for centre, extent in ((x, width), (y, height)):
        assert centre - extent / 2 >= -1e-9
        assert centre + extent / 2 <= 1 + 1e-9


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_names_of_characters(picture: Path, name: str) -> None:
    for kind in KINDS:
        write_sidecar(picture, [answer(picture, name, kind="head")], kind, "m")
        assert write_sidecar(picture, [answer(picture, name)], kind, "m") is Outcome.THERE
    text = as_text(name)
    assert beside(picture, Sidecar.TXT).read_text("utf-8") == f"character:{text}\n"
    assert json.loads(beside(picture, Sidecar.JSON).read_bytes())["tags"] == [f"character:{text}"]
    packet = beside(picture, Sidecar.XMP).read_bytes()
    assert keywords(packet) == [text]
    assert [region[0] for region in regions(packet)] == [text]


@given(st.text(st.characters(exclude_categories=[]), min_size=1))
def test_every_name_becomes_one_line_of_text(name: str) -> None:
    text = as_text(name)
    assert text.encode("utf-8").decode("utf-8") == text
    assert len(text.splitlines()) == 1
    element = etree.Element("x")
    element.text = text
    assert etree.fromstring(etree.tostring(element)).text == text
    if name.isprintable():
        assert text == name


@pytest.mark.parametrize("name", AWKWARD_NAMES)
@pytest.mark.parametrize("kind", KINDS)
def test_awkward_names_of_pictures(tmp_path: Path, name: bytes, kind: Sidecar) -> None:
    path = awkward(tmp_path, name)
    Image.new("RGB", (60, 40)).save(path)
    write_sidecar(path, [answer(path, "ruby", kind="head")], kind, "m")
    suffix = b"." + kind.value.encode()
    assert sorted(os.listdir(os.fsencode(tmp_path))) == sorted([name, name + suffix])


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_written_is_said(picture: Path, kind: Sidecar) -> None:
    beside(picture, kind).mkdir()
    with pytest.raises(OutputError, match="cannot write this sidecar"):
        write_sidecar(picture, [answer(picture, "ruby")], kind, "m")
    assert list(beside(picture, kind).iterdir()) == []
    assert len(os.listdir(picture.parent)) == 2
    gone = picture.parent / "gone" / "a.png"
    with pytest.raises(OutputError, match="cannot write this sidecar"):
        write_sidecar(gone, [answer(gone, "ruby")], kind, "m")


@pytest.mark.parametrize("leads", ["tags.txt", "gone.txt"])
@pytest.mark.parametrize("kind", Sidecar)
def test_a_sidecar_that_is_a_link_is_not_written_through(
    picture: Path, tmp_path: Path, kind: Sidecar, leads: str
) -> None:
    tags = tmp_path / "tags.txt"
    tags.write_bytes(b"sketch\n")
    beside(picture, kind).symlink_to(leads)
    with pytest.raises(OutputError, match="is a link"):
        write_sidecar(picture, [answer(picture, "ruby")], kind, "m")
    assert beside(picture, kind).is_symlink()
    assert (tags.read_bytes(), (tmp_path / "gone.txt").exists()) == (b"sketch\n", False)
