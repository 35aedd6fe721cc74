"""XMP sidecars: keywords (dc:subject) and named regions (mwg-rs:Regions).

Regions as in the Guidelines for Handling Image Metadata 2.0 of the Metadata Working Group
(2010), section 5.9: the centre and the size of each, as parts of the picture's sides, and of the
picture as it is stored, before its EXIF orientation is applied.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lxml import etree

from kyara.errors import one_line
from kyara.pictures.read import StoredSize, measure
from kyara.types import Box, Detection

__all__ = ["Region", "Unmergeable", "stored_area", "xmp_with"]

TOOLKIT = "Kyara"
"""What `x:xmptk` says as long as no other program has written the file anew."""

_SPACES = {
    "x": "adobe:ns:meta/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "stArea": "http://ns.adobe.com/xmp/sType/Area#",
    "stDim": "http://ns.adobe.com/xap/1.0/sType/Dimensions#",
}
_PACKET = ('begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"', 'end="w"')


@dataclass(frozen=True)
class Region:
    """A character in a picture, the name as text that XML can hold."""

    name: str
    detection: Detection


class Unmergeable(Exception):  # noqa: N818 (its message goes on in the error of the caller)
    """Why a packet is not added to."""


def xmp_with(picture: Path, regions: Sequence[Region], there: bytes | None) -> bytes | None:
    """An XMP packet that says who is in a picture; None if `there` says so already.

    Each name is a keyword; each head or figure is a region with its name, a head of the type
    `Face`.

    Args:
        there: the packet that this is added to; all in it stays.

    Raises:
        Unmergeable: `there` is no XMP, or names somebody else.
        PictureError: the picture cannot be measured.
    """
    packet = _new_packet() if there is None else _parsed(there)
    (rdf,) = packet.iter(_name("rdf:RDF"))
    names = list(dict.fromkeys(region.name for region in regions))
    changed = _add_keywords(rdf, names)
    if changed and there is not None and packet.get(_name("x:xmptk")) == TOOLKIT:
        raise Unmergeable("it names another character")
    parts = [region for region in regions if region.detection.kind != "whole"]
    if parts and _lacks_regions(rdf, {region.name for region in parts}):
        _add_regions(rdf, parts, measure(picture))
        changed = True
    if not changed:
        return None
    return etree.tostring(  # type: ignore[no-any-return]
        packet.getroottree(),
        encoding="utf-8",
        pretty_print=there is None,
        xml_declaration=there is not None and there.startswith(b"<?xml "),
    )


def stored_area(box: Box, size: StoredSize) -> tuple[float, float, float, float]:
    """A box of the upright picture as (centre x, centre y, width, height) of the stored one,
    in parts of its sides, 0 to 1."""
    upright = size.upright
    left, right = (min(max(edge / upright[0], 0.0), 1.0) for edge in (box.left, box.right))
    top, bottom = (min(max(edge / upright[1], 0.0), 1.0) for edge in (box.top, box.bottom))
    x, y = (left + right) / 2, (top + bottom) / 2
    width, height = right - left, bottom - top
    turned_back = {
        2: (1 - x, y),
        3: (1 - x, 1 - y),
        4: (x, 1 - y),
        5: (y, x),
        6: (y, 1 - x),
        7: (1 - y, 1 - x),
        8: (1 - y, x),
    }
    if size.orientation >= 5:
        width, height = height, width
    return (*turned_back.get(size.orientation, (x, y)), width, height)


def _name(prefixed: str) -> str:
    prefix, _, local = prefixed.partition(":")
    return f"{{{_SPACES[prefix]}}}{local}"


def _new_packet() -> Any:
    packet = etree.Element(_name("x:xmpmeta"), nsmap={"x": _SPACES["x"]})
    packet.set(_name("x:xmptk"), TOOLKIT)
    etree.SubElement(packet, _name("rdf:RDF"), nsmap={"rdf": _SPACES["rdf"]})
    for beside, text in zip((packet.addprevious, packet.addnext), _PACKET, strict=True):
        beside(etree.ProcessingInstruction("xpacket", text))
    return packet


def _parsed(content: bytes) -> Any:
    # A sidecar may come from anywhere: it must not make the parser read or fetch other files.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        packet = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Unmergeable(f"it is no XMP ({one_line(error)})") from error
    if len(list(packet.iter(_name("rdf:RDF")))) != 1:
        raise Unmergeable("it is no XMP (there is not one rdf:RDF in it)")
    return packet


def _add_keywords(rdf: Any, names: Iterable[str]) -> bool:
    """Whether any was missing."""
    subject = next(rdf.iter(_name("dc:subject")), None)
    if subject is None:
        subject = etree.SubElement(
            _description(rdf, "dc"), _name("dc:subject"), nsmap={"dc": _SPACES["dc"]}
        )
    bag = next(subject.iterchildren("{*}*"), None)  # a Bag, or what others took for one
    if bag is None:
        bag = etree.SubElement(subject, _name("rdf:Bag"))
    known = {item.text for item in bag}
    missing = [name for name in names if name not in known]
    for name in missing:
        etree.SubElement(bag, _name("rdf:li")).text = name
    return bool(missing)


def _lacks_regions(rdf: Any, names: set[str]) -> bool:
    """Whether there are none yet; if there are, they must name all of `names`."""
    regions = next(rdf.iter(_name("mwg-rs:Regions")), None)
    if regions is None:
        return True
    key = _name("mwg-rs:Name")
    elements = {element.text for element in regions.iter(key)}
    attributes = {element.get(key) for element in regions.iter() if isinstance(element.tag, str)}
    if not names <= elements | attributes:
        raise Unmergeable("it has regions of its own")
    return False


def _add_regions(rdf: Any, parts: Sequence[Region], size: StoredSize) -> None:
    regions = etree.SubElement(_description(rdf, "mwg-rs"), _name("mwg-rs:Regions"))
    regions.set(_name("rdf:parseType"), "Resource")
    applied = etree.SubElement(regions, _name("mwg-rs:AppliedToDimensions"))
    for key, value in (("w", str(size.width)), ("h", str(size.height)), ("unit", "pixel")):
        applied.set(_name(f"stDim:{key}"), value)
    region_list = etree.SubElement(regions, _name("mwg-rs:RegionList"))
    bag = etree.SubElement(region_list, _name("rdf:Bag"))
    for part in parts:
        item = etree.SubElement(bag, _name("rdf:li"))
        region = etree.SubElement(item, _name("rdf:Description"))
        region.set(_name("mwg-rs:Name"), part.name)
        if part.detection.kind == "head":
            region.set(_name("mwg-rs:Type"), "Face")
        area = etree.SubElement(region, _name("mwg-rs:Area"))
        for key, number in zip("xywh", stored_area(part.detection.box, size), strict=True):
            area.set(_name(f"stArea:{key}"), f"{number:.6f}")
        area.set(_name("stArea:unit"), "normalized")


def _description(rdf: Any, space: str) -> Any:
    """A new rdf:Description: those that are there may be of another's making."""
    needed = ("dc",) if space == "dc" else ("mwg-rs", "stArea", "stDim")
    made = etree.SubElement(
        rdf, _name("rdf:Description"), nsmap={name: _SPACES[name] for name in needed}
    )
    made.set(_name("rdf:about"), "")
    return made
