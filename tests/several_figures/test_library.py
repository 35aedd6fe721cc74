"""Pictures with two figures in a library, and what is said of one of them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from kyara import detect
from tests.conftest import Ran, draw
from tests.detectors import LEFT, RIGHT, Halves, pair
from tests.support import files

Kyara = Callable[..., Ran]


class TestLibrary:
    @pytest.fixture(autouse=True)
    def library(
        self, folder: Path, kyara: Kyara, tiny_plugin: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("KYARA_LIBRARY", "cast.kyara")
        assert kyara("library", "create", "cast.kyara", "--plugin", tiny_plugin).code == 0
        assert kyara("library", "add", "cast.kyara", "cast", "--cast").code == 0

    @staticmethod
    def whole_file_is_sound(kyara: Kyara) -> None:
        assert kyara("library", "check", "cast.kyara", "--json").json()["problems"] == []

    @staticmethod
    def who(kyara: Kyara, picture: str = "inbox/both.png") -> list[str]:
        rows = kyara("identify", picture, "--threshold", "0.8", "--json").rows()
        return [row["character"] for row in rows]

    def test_a_figure_is_who_you_say(self, kyara: Kyara) -> None:
        said = kyara("decide", "confirm", "inbox/both.png", "--character", "dee", "--box", LEFT)
        assert (said.code, said.out) == (0, "Noted as 4: 1 figure: dee.\n")
        assert self.who(kyara) == ["dee", "jade"]
        info = kyara("library", "info", "cast.kyara", "--json").json()
        assert info["by_character"]["dee"] == 1
        # It is a reference now: of another picture of the same colour, dee is as near as ruby.
        rows = kyara("identify", "inbox/both.png", "--top", "2", "--json").rows()
        assert rows[0]["candidates"][0]["nearest"][0]["path"].endswith("both.png")
        self.whole_file_is_sound(kyara)
        assert kyara("decide", "undo").code == 0
        assert self.who(kyara) == ["ruby", "jade"]
        self.whole_file_is_sound(kyara)

    def test_who_was_named_is_nobody_else_in_the_picture(self, kyara: Kyara) -> None:
        kyara("decide", "confirm", "inbox/twins.png", "--character", "jade", "--box", RIGHT)
        assert self.who(kyara, "inbox/twins.png") == ["unknown", "jade"]
        kyara("decide", "confirm", "inbox/twins.png", "--character", "jade", "--box", LEFT)
        assert self.who(kyara, "inbox/twins.png") == ["jade", "jade"]  # as it was said
        kyara("decide", "ignore", "inbox/twins.png", "--box", LEFT)
        assert self.who(kyara, "inbox/twins.png") == [None, "jade"]

    def test_a_box_near_by_means_the_same_figure(self, kyara: Kyara) -> None:
        decide = ("decide", "confirm", "inbox/both.png", "--character", "dee", "--json")
        said = kyara(*decide, "--box", "3,2,58,61").json()
        assert said["pictures"][0]["box"] == [0, 0, 60, 60]

    def test_without_a_box_it_is_not_clear_which(self, kyara: Kyara) -> None:
        said = kyara("decide", "confirm", "inbox/both.png", "--character", "dee")
        assert said.code == 2
        assert said.err.splitlines() == [
            "kyara: inbox/both.png: there are 2 figures in this picture"
            f" (say which with --box: {LEFT} or {RIGHT})"
        ]
        assert self.who(kyara) == ["ruby", "jade"]
        of_one = kyara("decide", "confirm", "inbox/who.png", "--character", "dee")
        assert of_one.code == 0

    @pytest.mark.parametrize(
        ("box", "message"),
        [
            ("0,0,9,9", f"there is no figure at 0,0,9,9 (figures: {LEFT} or {RIGHT})"),
            ("1,2,3", "expected LEFT,TOP,RIGHT,BOTTOM"),
            ("9,0,1,1", "expected LEFT,TOP,RIGHT,BOTTOM"),
        ],
    )
    def test_a_box_without_a_figure_is_refused(self, kyara: Kyara, box: str, message: str) -> None:
        said = kyara("decide", "confirm", "inbox/both.png", "--character", "dee", "--box", box)
        assert said.code == 2
        assert message in said.err

    def test_a_box_is_about_one_picture(self, kyara: Kyara) -> None:
        said = kyara("decide", "ignore", "inbox/both.png", "inbox/who.png", "--box", LEFT)
        assert said.code == 2
        assert "--box is about one picture; 2 were named" in said.err

    def test_reject_ignore_and_split_one_figure(self, kyara: Kyara) -> None:
        box = ("inbox/both.png", "--box", LEFT)
        assert kyara("decide", "reject", *box, "--character", "ruby").code == 0
        assert self.who(kyara) == ["unknown", "jade"]
        assert kyara("decide", "ignore", *box).code == 0
        assert self.who(kyara) == [None, "jade"]
        assert kyara("decide", "confirm", *box, "--character", "ruby").code == 0
        assert kyara("decide", "split", "ruby", *box, "--into", "young ruby").code == 0
        assert self.who(kyara) == ["young ruby", "jade"]
        log = kyara("decide", "log").out
        assert "1 figure: young ruby, split off" in log
        self.whole_file_is_sound(kyara)

    def test_without_a_box_all_figures_are_meant(self, kyara: Kyara) -> None:
        assert kyara("decide", "reject", "inbox/both.png", "--character", "jade").code == 0
        assert self.who(kyara) == ["ruby", "unknown"]
        assert kyara("decide", "ignore", "inbox/both.png").code == 0
        assert self.who(kyara) == [None, None]

    def test_sort_heeds_what_was_said_of_a_figure(self, kyara: Kyara, folder: Path) -> None:
        kyara("decide", "confirm", "inbox/guest.png", "--character", "dee", "--box", RIGHT)
        kyara("decide", "ignore", "inbox/both.png", "--box", LEFT)
        kyara("decide", "ignore", "inbox/who.png")
        assert kyara("sort", "inbox", "--out", "out", "--threshold", "0.8").code == 0
        assert files(folder / "out") == {
            *("azure/guest.png", "dee/guest.png", "jade/both.png", "jade/twins.png")
        }

    def test_of_a_reference_with_several_figures_the_one_that_is_alike_counts(
        self, kyara: Kyara, folder: Path
    ) -> None:
        pair(folder / "more" / "0.png", "stranger", "jade", 5)
        added = kyara("library", "add", "cast.kyara", "more", "--character", "jade")
        assert added.code == 0
        assert added.err.splitlines() == [
            f"kyara: {folder}/more/0.png: of 2 figures the one at {RIGHT} is taken to be jade, "
            "as it is alike in the other references"
        ]
        assert self.who(kyara, "inbox/who.png") == ["unknown"]
        # Of the picture itself it is the same: the other figure is not jade.
        assert self.who(kyara, "more/0.png") == ["unknown", "jade"]
        exported = kyara("library", "export", "cast.kyara", "cast.zip", "--json").json()
        assert exported["references"] == 10
        assert kyara("library", "update", "cast.kyara", "--json").json()["unchanged"] == 10
        self.whole_file_is_sound(kyara)

    def test_a_reference_of_which_it_cannot_be_told_is_none(
        self, kyara: Kyara, folder: Path
    ) -> None:
        picture = pair(folder / "duo" / "0.png", "azure", "stranger", 5)
        added = kyara("library", "add", "cast.kyara", "duo", "--character", "the duo", "--json")
        assert added.code == 3
        assert (added.json()["new"], added.json()["chosen"]) == (1, [])
        assert added.json()["skipped"] == [
            f"{picture}: which of 2 figures is the duo cannot be told (kyara decide confirm "
            f"{picture} --character 'the duo' --box {LEFT} or {RIGHT})"
        ]
        assert self.who(kyara, "inbox/who.png") == ["unknown"]
        say = ("decide", "confirm", "duo/0.png", "--character", "the duo", "--box")
        assert kyara(*say, RIGHT).code == 0
        assert self.who(kyara, "inbox/who.png") == ["the duo"]
        kyara("decide", "reject", "duo/0.png", "--character", "the duo", "--box", RIGHT)
        assert self.who(kyara, "inbox/who.png") == ["unknown"]
        kyara("library", "update", "cast.kyara", "--read-all")
        assert self.who(kyara, "inbox/who.png") == ["unknown"]
        self.whole_file_is_sound(kyara)

    def test_later_references_tell_what_could_not_be_told(self, kyara: Kyara, folder: Path) -> None:
        pair(folder / "guests" / "0.png", "azure", "stranger", 5)
        add = ("library", "add", "cast.kyara")
        assert kyara(*add, "guests", "--character", "guest").code == 3
        draw(folder / "alone" / "0.png", "stranger", 9)
        assert kyara(*add, "alone", "--character", "guest").code == 0
        rows = kyara("identify", "guests/0.png", "--threshold", "0.8", "--json").rows()
        assert [row["character"] for row in rows] == ["azure", "guest"]

    def test_an_export_says_which_figure(
        self, kyara: Kyara, folder: Path, tiny_plugin: Path
    ) -> None:
        kyara("decide", "confirm", "inbox/guest.png", "--character", "dee", "--box", RIGHT)
        exported = kyara("library", "export", "cast.kyara", "cast.zip", "--json").json()
        assert exported["references"] == 10
        with zipfile.ZipFile("cast.zip") as archive:
            contents = json.loads(archive.read("references.json"))
        (dee,) = [p for p in contents["pictures"] if p["character"] == "dee"]
        assert (dee["box"], dee["kind"]) == ([60, 0, 120, 60], "head")
        assert (contents["format"], contents["detector"]) == (2, "halves@1")
        kyara("library", "create", "other.kyara", "--plugin", tiny_plugin)
        found = kyara("library", "import", "other.kyara", "cast.zip", "--json").json()
        assert found == {"references": 10, "named": 10}
        options = ("--library", "other.kyara", "--threshold", "0.8", "--json")
        rows = kyara("identify", "inbox/who.png", "inbox/guest.png", *options).rows()
        assert [row["character"] for row in rows] == ["dee", "azure", "dee"]
        assert kyara("library", "check", "other.kyara").code == 0

    def test_a_library_keeps_its_detector_until_it_is_embedded_again(
        self, kyara: Kyara, folder: Path, monkeypatch: pytest.MonkeyPatch, tiny_plugin: Path
    ) -> None:
        monkeypatch.setattr(detect, "DEFAULT", detect.WholePicture())
        gone = kyara("library", "update", "cast.kyara")
        assert gone.code == 2
        assert "no detector 'halves@1'" in gone.err
        assert "--re-embed" in gone.err
        again = kyara("library", "update", "cast.kyara", "--re-embed", "--json").json()
        assert again["embedded"] == 9
        assert self.who(kyara) != ["ruby", "jade"]
        monkeypatch.setattr(detect, "DEFAULT", Halves())
        pair(folder / "duo" / "0.png", "azure", "stranger", 5)
        assert kyara("library", "add", "cast.kyara", "duo").code == 0  # by its own detector
        said = kyara("decide", "confirm", "duo/0.png", "--character", "duo")
        assert said.code == 0  # which found one figure
        self.whole_file_is_sound(kyara)
