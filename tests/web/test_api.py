"""The API: what it answers, and what comes of what it is told."""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from PIL import Image

from kyara.library.check import check
from kyara.library.store import Library
from tests.conftest import Ran, draw
from tests.web.conftest import NAMES, Api


def upload(path: Path) -> tuple[str, bytes]:
    return path.name, path.read_bytes()


def test_groups_can_be_named_and_become_characters(api: Api) -> None:
    groups = api.groups()
    assert set(groups) == set(NAMES)
    assert {group["figures"] for group in groups.values()} == {5}

    said = api.decide("confirm", character="Ruby", group=groups["ruby"]["number"])
    assert said["words"] == "5 pictures: Ruby"

    (ruby,) = api.get("/characters")["characters"]
    assert (ruby["name"], ruby["references"]) == ("Ruby", 5)
    page = api.get(f"/characters/{ruby['id']}")
    assert [one["by_person"] for one in page["references"]] == [True] * 5
    assert set(api.groups()) == set(NAMES) - {"ruby"}


def test_a_decision_is_heard_by_the_command_line_and_can_be_undone(
    api: Api, library: Path, kyara: Callable[..., Ran]
) -> None:
    api.decide("confirm", character="Ruby", group=api.groups()["ruby"]["number"])
    asked = kyara("identify", "heap/ruby-0.png", "--library", library, "--json").json()
    assert (asked["character"], asked["said_by"]) == ("Ruby", "person")

    assert api.post("/decisions/undo")["words"] == "5 pictures: Ruby"
    assert api.get("/characters")["characters"] == []
    assert set(api.groups()) == set(NAMES)
    assert [one["kind"] for one in api.get("/decisions")["decisions"]] == ["undo", "confirm"]


def test_the_queue_has_the_doubtful_first_and_follows_what_is_said(api: Api) -> None:
    assert api.get("/queue") == {"total": 0, "items": []}
    for name in ("ruby", "jade"):
        figures = api.get(f"/groups/{api.groups()[name]['number']}")["figures"][:2]
        api.decide("confirm", character=name, figures=figures)

    queue = api.get("/queue", limit=200)
    assert queue["total"] == len(queue["items"]) == 16 - 4
    first = queue["items"][0]
    candidate = first["found"]["candidates"][0]
    assert candidate["nearest"][0]["figure"]["picture"] != first["figure"]["picture"]

    wrong = candidate["character"]
    api.decide("reject", character=wrong, figures=[first["figure"]])
    again = {one["name"]: one for one in api.get("/queue", limit=200)["items"]}[first["name"]]
    assert wrong in again["found"]["said"]["rejected"]
    assert wrong not in [c["character"] for c in again["found"]["candidates"]]


def test_a_picture_tells_its_figures_why_and_its_history(api: Api) -> None:
    groups = api.groups()
    for name in ("ruby", "jade"):
        api.decide("confirm", character=name, group=groups[name]["number"])
    figure = groups["ruby"]["sample"][0]
    picture = api.get(f"/pictures/{figure['picture']}")
    (found,) = picture["figures"]
    assert (picture["width"], picture["height"], picture["gone"]) == (60, 60, False)
    assert found["said"] == {
        "character": "ruby",
        "rejected": [],
        "ignored": False,
        "by_person": True,
    }
    nearest = found["candidates"][0]["nearest"]
    assert figure["picture"] not in [near["figure"]["picture"] for near in nearest]
    assert [one["words"] for one in picture["history"]] == ["5 pictures: ruby"]


def test_similar_figures(api: Api) -> None:
    groups = api.groups()
    api.decide("confirm", character="ruby", group=groups["ruby"]["number"])
    figure = groups["ruby"]["sample"][0]["picture"]
    similar = api.get(f"/pictures/{figure}/similar", limit=4)["figures"]
    assert [one["character"] for one in similar] == ["ruby"] * 4
    assert figure not in [one["figure"]["picture"] for one in similar]


def test_characters_are_renamed_merged_and_split(api: Api) -> None:
    groups = api.groups()
    for name in NAMES:
        api.decide("confirm", character=name, group=groups[name]["number"])
    api.decide("rename", character="ruby", name="Ruby Rose")
    api.decide("merge", characters=["jade"], into="azure")
    names = {one["name"]: one["references"] for one in api.get("/characters")["characters"]}
    assert names == {"Ruby Rose": 5, "azure": 10}

    api.decide("split", character="azure", figures=groups["jade"]["sample"][:2], into="Jade")
    names = {one["name"]: one["references"] for one in api.get("/characters")["characters"]}
    assert names == {"Jade": 2, "Ruby Rose": 5, "azure": 8}
    for _ in range(2):
        api.post("/decisions/undo")
    names = {one["name"]: one["references"] for one in api.get("/characters")["characters"]}
    assert names == {"Ruby Rose": 5, "azure": 5, "jade": 5}


def test_decisions_at_the_same_time_are_all_kept(api: Api, library: Path) -> None:
    pictures = [one["picture"] for one in api.get("/pictures")["pictures"]]
    asked = [(picture, f"Somebody {n}") for n, picture in enumerate(pictures)]

    def say(one: tuple[str, str]) -> int:
        picture, name = one
        figures = [{"picture": picture}]
        api.get("/queue", limit=3)
        return int(api.decide("confirm", character=name, figures=figures, new=True)["id"])

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(say, asked))
    assert sorted(said) == list(range(1, len(asked) + 1))
    with Library.open(library) as opened:
        assert check(opened).problems == []
        shown = {
            name: opened.decisions.pictures_of(opened.decisions.find(name)) for _, name in asked
        }
    assert shown == {name: [bytes.fromhex(picture)] for picture, name in asked}


def test_a_name_that_is_nearly_anothers_is_asked_about(api: Api) -> None:
    groups = api.groups()
    api.decide("confirm", character="Yang Wenli", group=groups["ruby"]["number"])
    number = groups["jade"]["number"]
    asked = api.decide("confirm", 409, character="Yang Wen-li", group=number)
    assert asked["meant"] == "Yang Wenli"
    api.decide("confirm", character="Yang Wen-li", group=number, new=True)


def test_ignored_figures_leave_groups_and_can_be_found(api: Api) -> None:
    groups = api.groups()
    api.decide("ignore", figures=groups["jade"]["sample"][:1])
    assert api.groups()["jade"]["figures"] == 4
    ignored = api.get("/pictures", state="ignored")
    assert [one["picture"] for one in ignored["pictures"]] == [
        groups["jade"]["sample"][0]["picture"]
    ]


def test_a_cover_is_chosen(api: Api) -> None:
    groups = api.groups()
    api.decide("confirm", character="jade", group=groups["jade"]["number"])
    (jade,) = api.get("/characters")["characters"]
    other = next(f for f in groups["jade"]["sample"] if f != jade["cover"])
    api.decide("cover", character="jade", figures=[other])
    assert api.get("/characters")["characters"][0]["cover"] == other
    refused = api.decide("cover", 400, character="jade", figures=groups["ruby"]["sample"][:1])
    assert "no reference" in refused["error"]


def test_a_box_is_drawn_named_and_taken_back(api: Api) -> None:
    picture = api.groups()["ruby"]["sample"][0]["picture"]
    figure = api.post(f"/pictures/{picture}/figures", box=[5, 5, 40, 40])
    assert figure == {"picture": picture, "box": [5, 5, 40, 40]}
    api.decide("confirm", character="Ann", figures=[figure])
    (found,) = api.get(f"/pictures/{picture}")["figures"]
    assert (found["box"], found["said"]["character"]) == ([5, 5, 40, 40], "Ann")
    for words in ("1 figure: Ann", "1 figure: drawn by hand"):
        assert api.post("/decisions/undo")["words"] == words
    (found,) = api.get(f"/pictures/{picture}")["figures"]
    assert (found["kind"], found["said"]["character"]) == ("whole", None)
    for box in ([5, 5, 5, 40], [-1, 5, 40, 40], [5, 5, 40, 61], [5, 5, 40]):
        api.post(f"/pictures/{picture}/figures", 400, box=box)


def test_whom_a_group_may_show(api: Api) -> None:
    groups = api.groups()
    number = groups["ruby"]["number"]
    assert api.get(f"/groups/{number}/candidates") == {"candidates": []}
    figures = api.get(f"/groups/{number}")["figures"]
    api.decide("confirm", character="Ruby", figures=figures[:2])
    api.decide("confirm", character="Jade", group=groups["jade"]["number"])
    first, _ = api.get(f"/groups/{number}/candidates")["candidates"]
    assert first["character"] == "Ruby"
    assert len(first["nearest"]) == 2
    wanted = {"number": [number, groups["azure"]["number"]]}
    (perhaps,) = api.get("/groups/perhaps", **wanted)["groups"]
    assert (perhaps["number"], perhaps["character"]) == (number, "Ruby")
    api.decide("reject", character="Ruby", group=number)
    assert api.get("/groups/perhaps", **wanted)["groups"] == []


def test_a_question_is_answered_once(api: Api) -> None:
    groups = api.groups()
    figures = api.get(f"/groups/{groups['ruby']['number']}")["figures"]
    api.decide("confirm", character="Ruby", figures=figures[:3])
    api.decide("confirm", character="Jade", group=groups["jade"]["number"])

    def asked() -> list[dict[str, Any]]:
        found = api.get("/suggestions", kind=["named"])["questions"]
        return [one for one in found if one["sides"][1]["character"] == "Ruby"]

    (question,) = asked()
    assert question["sides"][0]["group"] == groups["ruby"]["number"]
    says = {"key": question["key"], "kind": "named"}
    said = api.post("/suggestions", **says, yes=True)
    assert said["words"] == "2 pictures: Ruby"
    assert asked() == []
    assert "answered already" in api.post("/suggestions", 404, **says, yes=True)["error"]
    api.post("/decisions/undo")
    assert asked() == [question]
    assert api.post("/suggestions", **says, yes=False)["kind"] == "reject"
    assert asked() == []


def test_copies_are_looked_for_where_that_is_asked(api: Api, library: Path) -> None:
    assert "copies" not in [q["kind"] for q in api.get("/suggestions")["questions"]]
    assert {q["kind"] for q in api.get("/suggestions", kind=["copies"])["questions"]} <= {"copies"}


def test_groups_and_characters_are_said_to_be_one_or_different(api: Api) -> None:
    numbers = [group["number"] for group in api.groups().values()]
    assert api.decide("together", groups=numbers[:2])["kind"] == "together"
    assert api.decide("apart", groups=numbers[1:])["kind"] == "apart"
    assert "two" in api.decide("apart", 400, groups=numbers[:1])["error"]


def test_groups_are_searched_anew(api: Api) -> None:
    problem = api.post("/groups/search", 503)
    assert "does not say how alike" in problem["error"]  # the fake model was never measured


def test_identify_and_compare_need_no_token_and_keep_nothing(api: Api, tmp_path: Path) -> None:
    for name in ("ruby", "jade"):
        api.decide("confirm", character=name, group=api.groups()[name]["number"])
    ruby, jade = (draw(tmp_path / f"{name}.png", name, 77) for name in ("ruby", "jade"))
    before = api.get("/pictures")["total"]
    sent = [("pictures", upload(ruby)), ("pictures", ("torn.png", b"nothing"))]
    answer = api.client.post("/api/v1/identify", files=sent)
    assert answer.status_code == 200
    found, torn = answer.json()["pictures"]
    assert found["figures"][0]["candidates"][0]["character"] == "ruby"
    assert "picture" in torn["error"]
    assert torn["figures"] == []
    pair = {"a": upload(ruby), "b": upload(draw(tmp_path / "r.png", "ruby", 78))}
    assert api.client.post("/api/v1/compare", files=pair).json()["same"] is True
    pair = {"a": upload(ruby), "b": upload(jade)}
    assert api.client.post("/api/v1/compare", files=pair).json()["same"] is False
    assert api.get("/pictures")["total"] == before


def test_images_are_small_pictures_by_digest_and_box(api: Api) -> None:
    figure = api.groups()["ruby"]["sample"][0]["picture"]
    answer = api.client.get(f"/api/v1/pictures/{figure}/image", params={"side": 256})
    assert answer.headers["content-type"] == "image/webp"
    assert "immutable" in answer.headers["cache-control"]
    assert Image.open(io.BytesIO(answer.content)).size == (60, 60)
    query = {"box": "10,10,30,30"}
    answer = api.client.get(f"/api/v1/pictures/{figure}/image", params=query)
    assert Image.open(io.BytesIO(answer.content)).size == (26, 26)  # with a margin


def test_an_image_outlives_its_file_and_another_file_is_not_shown(api: Api, library: Path) -> None:
    figure = api.groups()["ruby"]["sample"][0]["picture"]
    path = library.parent / "heap" / api.get(f"/pictures/{figure}")["name"]
    url = f"/api/v1/pictures/{figure}/image"
    shown = api.client.get(url).content
    draw(path, "jade", 99)
    assert api.client.get(url).content == shown
    other = api.client.get(url, params={"side": 256})
    assert other.status_code == 404
    assert other.json() == {"error": "the file of this picture is no longer where it was"}


def test_small_pictures_go_with_the_cache_and_nothing_else_does(
    api: Api, kyara: Callable[..., Ran], own_cache: Path
) -> None:
    figure = api.groups()["ruby"]["sample"][0]["picture"]
    shown = api.client.get(f"/api/v1/pictures/{figure}/image").content
    folder = own_cache.with_name(f"{own_cache.name}.thumbnails")
    (kept,) = folder.glob("*/*.webp")
    mine = kept.with_name("mine.webp")
    mine.write_bytes(shown)
    assert kyara("cache", "clear").code == 0
    assert [path for path in folder.rglob("*") if path.is_file()] == [mine]
    assert api.client.get(f"/api/v1/pictures/{figure}/image").content == shown


def test_what_is_not_there_is_said_in_one_line(api: Api) -> None:
    for path, status in (
        ("/groups/99", 404),
        ("/characters/99", 404),
        (f"/pictures/{'0' * 64}", 404),
        (f"/pictures/{'0' * 64}/image", 404),
        ("/pictures/..%2f..%2fetc%2fpasswd", 404),
        ("/pictures/nonsense", 400),
        ("/nothing", 404),
    ):
        answer = api.client.get(f"/api/v1{path}")
        assert answer.status_code == status, path
        assert list(answer.json()) == ["error"]
    problem = api.decide("confirm", 400, character="", figures=[])
    assert "character" in problem["error"]
    problem = api.decide("confirm", 400, character="Ann", figures=[{"picture": "0" * 64}])
    assert problem == {"error": "there is no such picture in the library"}
    problem = api.decide("confirm", 400, character="../x", group=1)
    assert set(problem) == {"error"}


def test_the_description_names_every_way(api: Api) -> None:
    paths = api.get("/openapi.json")["paths"]
    assert {"/api/v1/identify", "/api/v1/compare", "/api/v1/decisions"} <= set(paths)
