"""The report: one page that anybody can read, whatever the names in it."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import tracemalloc
import urllib.parse
from pathlib import Path

import pytest
from lxml import etree, html
from PIL import Image

from kyara.errors import OutputError, UsageError
from kyara.identify.answer import UNKNOWN, Answer
from kyara.results.report import Answered, check_report_place, write_report
from kyara.results.text import as_text
from tests.conftest import draw
from tests.results.helpers import HOSTILE_NAMES, answer
from tests.support import AWKWARD_NAMES, TORN, awkward, noise


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return draw(tmp_path / "in" / "a.png", "ruby", size=(60, 40))


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    return draw(tmp_path / "cast" / "ruby" / "1.png", "ruby", 2, size=(300, 200))


def written(folder: Path, *answers: Answer, lies_at: Path | None = None) -> html.HtmlElement:
    """The page on these answers."""
    path = folder / "report.html"
    write_report(path, [Answered(a, lies_at or a.path) for a in answers], encoder_id="tiny@1:ab")
    return html.document_fromstring(path.read_bytes())


def titles(page: html.HtmlElement) -> list[str]:
    return [heading.find("bdi").text for heading in page.iter("h2")]


def shown(uri: str) -> Image.Image:
    assert uri.startswith("data:image/webp;base64,")
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_a_card_says_who_and_why(tmp_path: Path, picture: Path, reference: Path) -> None:
    page = written(tmp_path, answer(picture, "ruby", reference=reference))
    (card,) = page.find_class("card")
    text = " ".join(card.text_content().split())
    for part in (str(picture), "Probability 90 %", "Score 0.80", "Runner-up runner <up> 0.10"):
        assert part in text
    own, near = card.iter("img")
    assert shown(own.get("src")).size == (60, 40)
    assert shown(near.get("src")).size == (144, 96)
    assert near.get("alt") == f"Reference of ruby: {reference}"
    assert (near.get("width"), near.get("height")) == ("144", "96")
    assert card.find(".//a").get("href") == "in/a.png"
    assert "tiny@1:ab" in page.find(".//header").text_content()


def test_groups_by_name_the_doubtful_first_the_unknown_last(
    tmp_path: Path, picture: Path, reference: Path
) -> None:
    def one(name: str, probability: float | None, score: float, **more: str) -> Answer:
        path = picture.with_name(f"{name}-{score}.png")
        return answer(path, name, probability=probability, score=score, reference=reference, **more)

    page = written(
        tmp_path,
        one(UNKNOWN, 0.1, 0.3),
        one("zoe", 0.99, 0.9),
        one("Amy", 0.7, 0.5),
        one(UNKNOWN, 0.4, 0.6, best="zoe"),
        one("zoe", 0.6, 0.4),
        one("zoe", 0.6, 0.35),
        one("bea", None, 0.9),
        one("bea", None, 0.2),
    )
    assert titles(page) == ["Amy", "bea", "zoe", "Unknown"]
    paths = [Path(node.text_content()).name for node in page.find_class("path")]
    assert paths == [
        *("Amy-0.5.png", "bea-0.2.png", "bea-0.9.png"),
        *("zoe-0.35.png", "zoe-0.4.png", "zoe-0.9.png"),
        *(f"{UNKNOWN}-0.6.png", f"{UNKNOWN}-0.3.png"),
    ]
    links = {link.get("href").lstrip("#") for link in page.find(".//nav").iter("a")}
    assert links == {heading.get("id") for heading in page.iter("h2")}


def test_a_detection_is_shown_cut_out(tmp_path: Path, picture: Path, reference: Path) -> None:
    head = answer(picture, "ruby", kind="head", box=(10, 10, 30, 20), reference=reference)
    (card,) = written(tmp_path, head).find_class("card")
    assert shown(next(card.iter("img")).get("src")).size == (20, 10)


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_names_are_text(tmp_path: Path, picture: Path, reference: Path, name: str) -> None:
    page = written(
        tmp_path,
        answer(picture, name, reference=reference),
        answer(picture, UNKNOWN, best=name, reference=reference),
    )
    assert titles(page) == [as_text(name), "Unknown"]
    assert page.find_class("card")[1].find(".//figcaption/bdi").text == as_text(name)
    assert len(list(page.iter("script"))) == 1
    assert not list(page.iter(etree.Comment))
    for element in page.iter(etree.Element):
        assert not [key for key in element.attrib if key.startswith("on")]


@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_links_lead_to_pictures_of_any_name(
    tmp_path: Path, picture: Path, reference: Path, name: bytes
) -> None:
    path = awkward(tmp_path / "odd", name)
    path.parent.mkdir()
    path.write_bytes(picture.read_bytes())
    page = written(tmp_path, answer(path, "ruby", reference=reference))
    (card,) = page.find_class("card")
    link = urllib.parse.urlsplit(card.find(".//a").get("href"))
    assert (link.scheme, link.netloc, link.query, link.fragment) == ("", "", "", "")
    assert urllib.parse.unquote_to_bytes(link.path) == os.fsencode(path.relative_to(tmp_path))
    assert card.find_class("path")[0].text_content() == as_text(str(path))


def test_a_name_that_looks_like_a_scheme(tmp_path: Path, reference: Path) -> None:
    path = tmp_path / "javascript:alert(1).png"
    path.write_bytes(reference.read_bytes())
    (card,) = written(tmp_path, answer(path, "ruby", reference=reference)).find_class("card")
    assert card.find(".//a").get("href") == "javascript%3Aalert%281%29.png"


def test_the_file_stands_alone(tmp_path: Path, picture: Path, reference: Path) -> None:
    page = written(tmp_path, answer(picture, "ruby", reference=reference))
    assert all(image.get("src").startswith("data:") for image in page.iter("img"))
    assert not list(page.iter("link", "iframe", "object", "video"))
    (script,) = page.iter("script")
    assert script.get("src") is None
    (policy,) = page.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    digest = base64.b64encode(hashlib.sha256(script.text.encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy
    style = page.find(".//style").text
    assert "url(" not in style
    assert "@import" not in style


def test_it_can_be_read_without_eyes_and_without_a_mouse(
    tmp_path: Path, picture: Path, reference: Path
) -> None:
    page = written(tmp_path, answer(picture, "ruby", reference=reference), answer(picture, UNKNOWN))
    assert page.get("lang") == "en"
    assert all(image.get("alt") for image in page.iter("img"))
    assert [heading.tag for heading in page.iter("h1", "h2")] == ["h1", "h2", "h2"]
    ids = page.xpath("//@id")
    assert len(ids) == len(set(ids))
    for section in page.iter("section"):
        assert section.get("aria-labelledby") in ids
    (label,) = page.iter("label")
    assert label.get("for") in ids
    assert page.find(".//form").get("hidden") is not None  # until its script is there
    assert page.find(".//body/a").get("href") == "#pictures"


def test_what_failed_is_listed_and_what_is_gone_is_said(tmp_path: Path, picture: Path) -> None:
    torn = picture.with_name("torn <b>.png")
    torn.write_bytes(TORN)
    gone = answer(picture.with_name("gone.png"), "ruby", reference=torn)
    page = written(tmp_path, gone, answer(torn, None))
    text = " ".join(page.text_content().split())
    assert "The picture cannot be shown." in text
    assert "The reference cannot be shown." in text
    (failed,) = page.xpath("//section[@aria-labelledby='failed']//li")
    assert failed.text_content() == f"{torn}: torn"
    assert "1 answer by" in text


def test_a_picture_that_was_moved_is_found(tmp_path: Path, picture: Path, reference: Path) -> None:
    found = answer(tmp_path / "was" / "here.png", "ruby", reference=reference)
    (card,) = written(tmp_path, found, lies_at=picture).find_class("card")
    assert card.find(".//a").get("href") == "in/a.png"
    assert str(found.path) in card.text_content()
    assert len(list(card.iter("img"))) == 2


def test_an_earlier_report_is_replaced_and_nothing_else(
    tmp_path: Path, picture: Path, reference: Path
) -> None:
    ruby, jade = (answer(picture, name, reference=reference) for name in ("ruby", "jade"))
    assert titles(written(tmp_path, ruby)) == ["ruby"]
    assert titles(written(tmp_path, jade)) == ["jade"]
    (tmp_path / "report.html").write_text("<!doctype html>\n<p>mine</p>")
    with pytest.raises(UsageError, match=r"report\.html: this is no report of Kyara"):
        written(tmp_path, ruby)
    assert "mine" in (tmp_path / "report.html").read_text()
    with pytest.raises(UsageError, match="there is no such folder"):
        check_report_place(tmp_path / "gone" / "report.html")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match="this is no report"):
        check_report_place(tmp_path / "folder")


def test_a_report_that_cannot_be_finished_leaves_nothing(
    tmp_path: Path, picture: Path, reference: Path
) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    ruby = answer(picture, "ruby", reference=reference)
    path = tmp_path / "report.html"
    with pytest.raises(KeyboardInterrupt):
        write_report(path, [Answered(ruby, picture)], encoder_id="m", on_picture=stop)
    assert {entry.name for entry in tmp_path.iterdir()} == {"in", "cast"}
    long = tmp_path / ("n" * 260 + ".html")
    with pytest.raises(OutputError, match="cannot write the report"):
        write_report(long, [Answered(ruby, picture)], encoder_id="m")


def test_memory_does_not_grow_with_the_pictures(tmp_path: Path, reference: Path) -> None:
    path = noise(tmp_path / "noise.png", side=144)
    ruby = Answered(answer(path, "ruby", reference=reference), path)
    report = tmp_path / "report.html"
    write_report(report, [ruby] * 3, encoder_id="m")  # what is loaded once
    tracemalloc.start()
    write_report(report, [ruby] * 200, encoder_id="m")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert report.stat().st_size > 2_000_000
    assert peak < 1_000_000
