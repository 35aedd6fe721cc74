"""Indexes of references: the exact one is exact, the others nearly; and a gallery behind one
answers as a gallery in memory."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyara.errors import DataError
from kyara.identify import indexed, indexes
from kyara.identify.gallery import Gallery
from kyara.identify.index import Index, MatrixIndex, recall
from kyara.identify.indexed import IndexedGallery
from kyara.types import FloatArray, normalised
from tests.identify.test_adapted import SIZE, rule

ENCODER = "toy@1"


def made(references: int, dimension: int = SIZE, seed: int = 0) -> FloatArray:
    """Embeddings (n, d), twelve about each of some points."""
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(-(-references // 12), dimension))
    rows = np.repeat(points, 12, axis=0)[:references]
    return normalised((rows + rng.normal(0, 0.5, rows.shape)).astype(np.float32))


@given(
    st.integers(1, 50), st.integers(1, 8), st.integers(1, 20), st.integers(1, 60), st.integers(0, 9)
)
def test_the_matrix_finds_what_sorting_finds(
    references: int, probes: int, size: int, k: int, seed: int
) -> None:
    rows, asked = made(references, 8, seed), made(probes, 8, seed + 100)
    blocks = [
        (np.arange(b, min(b + size, references)), rows[b : b + size])
        for b in range(0, references, size)
    ]
    found = MatrixIndex(lambda: blocks).search(asked, k)
    scores = asked @ rows.T
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    best = np.take_along_axis(scores, order, axis=1)
    there = found.rows >= 0
    assert there.sum(axis=1).tolist() == [min(k, references)] * probes
    np.testing.assert_allclose(found.scores[:, : best.shape[1]], best, atol=1e-6)
    assert not np.isfinite(found.scores[~there]).any()
    np.testing.assert_allclose(
        scores[np.nonzero(there)[0], found.rows[there]], found.scores[there], atol=1e-6
    )
    whole = MatrixIndex(lambda: [(np.arange(references), rows)])
    assert whole.search(asked, k).rows.tolist() == found.rows.tolist()


def test_recall_is_a_share() -> None:
    exact = np.asarray([[1, 2], [3, 4]])
    assert recall(exact, exact) == 1.0
    assert recall(np.asarray([[2, 9], [8, 7]]), exact) == 0.25


@pytest.fixture
def gallery() -> Gallery:
    """Eighty characters with twelve references each, and one with a single one."""
    rows = made(961)
    listed = [(f"c{n // 12:03}", Path(f"/{n}.png"), row) for n, row in enumerate(rows)]
    return Gallery.build(ENCODER, listed).without_copies()


@pytest.fixture
def dataset(gallery: Gallery, tmp_path: Path) -> Path:
    """The same references as a dataset, in no order, among figures without a name and pictures
    that could not be read."""
    pa = pytest.importorskip("pyarrow", reason="needs the extra `scale`")
    import lance

    from kyara.scale.dataset import Ids
    from kyara.scale.export import write_references
    from kyara.scale.figures import Figures

    count = len(gallery.paths)
    order = np.random.default_rng(1).permutation(count)
    names = [gallery.characters[owner] for owner in gallery.owners]
    path = tmp_path / "cast.lance"
    for part in np.array_split(order, 3):
        open_ones = len(part) // 4
        figures = Figures(
            (*(names[n] for n in part), *(None,) * open_ones),
            tuple(bytes([n % 251]) * 32 for n in range(len(part) + open_ones)),
            (*(str(gallery.paths[n]) for n in part), *("/open.png",) * open_ones),
            np.tile([0.0, 0.0, 9.0, 9.0], (len(part) + open_ones, 1)),
            ("whole",) * (len(part) + open_ones),
            (1.0,) * (len(part) + open_ones),
            np.concatenate([gallery.embeddings[part], made(open_ones, seed=7)]),
        )
        write_references(tmp_path / "part.lance", Ids(ENCODER, "whole", SIZE), [figures])
        table = lance.dataset(tmp_path / "part.lance").to_table()
        bad = pa.table({"uri": ["/bad.png"], "error": ["torn"], "character": ["c000"]})
        both = pa.concat_tables([bad, table], promote_options="default").select(table.schema.names)
        lance.write_dataset(both.cast(table.schema), path, mode="append")
        lance.dataset(tmp_path / "part.lance").delete("true")
        shutil.rmtree(tmp_path / "part.lance")
    return path


def opened(path: Path) -> IndexedGallery:
    from kyara.scale.references import ReferenceDataset

    dataset = ReferenceDataset(path)
    return IndexedGallery(dataset, MatrixIndex(dataset.embeddings))


def test_a_gallery_behind_an_index_is_the_gallery(gallery: Gallery, dataset: Path) -> None:
    behind = opened(dataset)
    assert behind.characters == gallery.characters
    assert behind.counts.tolist() == gallery.counts.tolist()
    assert behind.index("c007") == gallery.index("c007")
    assert behind.index("nobody") is None
    np.testing.assert_allclose(behind.sum_of_means(), gallery.sum_of_means(), atol=1e-4)
    near = behind.near(made(5, seed=3))
    assert 3 <= len(near.characters) < len(gallery.characters)
    for name in near.characters:
        own, all_ = near.references_of(name), gallery.references_of(name)
        assert {*near.paths[own]} == {*gallery.paths[all_]}
        order = [near.paths[own].index(path) for path in gallery.paths[all_]]
        assert (near.embeddings[own][order] == gallery.embeddings[all_]).all()


def test_no_probe_has_a_gallery_too(dataset: Path) -> None:
    assert opened(dataset).near(np.zeros((0, SIZE), np.float32)).characters == ("c000",)


@pytest.mark.parametrize("fpir", [None, 0.1])
def test_the_judge_says_the_same_behind_an_index(
    gallery: Gallery, dataset: Path, fpir: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexed, "_PROBES", 50)
    behind, pictures = opened(dataset), made(240, seed=0)[::2]
    fitted, by_index = (rule(fpir).fitted(one, pictures) for one in (gallery, behind))
    assert by_index.domain is not None
    assert fitted.domain is not None
    np.testing.assert_allclose(by_index.domain.centre, fitted.domain.centre, atol=1e-5)
    assert by_index.threshold == pytest.approx(fitted.threshold, abs=1e-3)
    scores = fitted.judge.scores(pictures, gallery)
    for n, (rows, near) in enumerate(behind.parts(pictures)):
        found, exact = by_index.judge.scores(rows, near), scores[50 * n : 50 * n + len(rows)]
        best = exact.argmax(axis=1)
        assert [near.characters[c] for c in found.argmax(axis=1)] == [
            gallery.characters[c] for c in best
        ]
        np.testing.assert_allclose(found.max(axis=1), exact.max(axis=1), atol=1e-3)


@pytest.mark.parametrize("kind", ["lance", "usearch"])
def test_an_index_is_built_measured_and_opened(dataset: Path, kind: indexes.Kind) -> None:
    pytest.importorskip("usearch", reason="needs the extra `index`")
    from kyara.scale.references import ReferenceDataset

    first = ReferenceDataset(dataset)
    index, note = indexes.open_index(first)
    assert (index.name, "kyara library index" in str(note)) == ("matrix", True)
    record = indexes.build_index(first, kind)
    assert (record.kind, record.references) == (kind, first.shown.references)
    assert record.recall_at_10 >= 0.98
    again = ReferenceDataset(dataset)
    index, note = indexes.open_index(again)
    assert (index.name, note) == (kind, None)
    check(index, again.embeddings, again.shown.owners)
    before = again.version
    again.opened.delete("character = 'c001'")
    later = ReferenceDataset(dataset)
    assert later.version != before
    index, note = indexes.open_index(later)
    assert (index.name, "older version" in str(note)) == ("matrix", True)


def test_an_index_of_another_dataset_is_not_used(dataset: Path) -> None:
    """Also where that has the same number of the version, and the same name."""
    pytest.importorskip("usearch", reason="needs the extra `index`")
    import lance

    from kyara.scale.references import ReferenceDataset

    table = lance.dataset(dataset).to_table()
    for rows in (table, table.slice(100)):
        shutil.rmtree(dataset)
        lance.write_dataset(rows, dataset)
        assert lance.dataset(dataset).version == 1
        index, note = indexes.open_index(ReferenceDataset(dataset))
        assert (index.name, note is None) == ("matrix", False)
        indexes.build_index(ReferenceDataset(dataset), "usearch")
        assert indexes.open_index(ReferenceDataset(dataset))[0].name == "usearch"


@pytest.mark.parametrize("name", ["cast.lance.index.json", "cast.lance.usearch"])
@pytest.mark.parametrize("content", [b"", b"torn", None])
def test_a_damaged_index_is_one_line(dataset: Path, name: str, content: bytes | None) -> None:
    pytest.importorskip("usearch", reason="needs the extra `index`")
    from kyara.scale.references import ReferenceDataset

    indexes.build_index(ReferenceDataset(dataset), "usearch")
    place = dataset.with_name(name)
    place.unlink()
    if content is not None:
        place.write_bytes(content)
    elif place.suffix == ".json":
        index, note = indexes.open_index(ReferenceDataset(dataset))
        assert (index.name, "one by one" in str(note)) == ("matrix", True)
        return
    with pytest.raises(DataError, match="builds it anew"):
        indexes.open_index(ReferenceDataset(dataset))


def check(index: Index, blocks: object, owners: np.ndarray) -> None:
    """It finds references, and with their cosines, what the matrix finds."""
    probes = made(40, seed=5)
    exact = MatrixIndex(blocks).search(probes, 10)  # type: ignore[arg-type]
    found = index.search(probes, 10)
    assert (owners[found.rows] >= 0).all()
    assert recall(found.rows, exact.rows) >= 0.95
    same = found.rows == exact.rows
    np.testing.assert_allclose(found.scores[same], exact.scores[same], atol=2e-3)
    assert (np.diff(found.scores, axis=1) <= 1e-3).all()
