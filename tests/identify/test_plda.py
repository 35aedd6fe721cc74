"""The two-covariance model: by the book, on toy characters, against the densities."""

from __future__ import annotations

import numpy as np
import pytest

from kyara.errors import DataError
from kyara.identify.plda import PldaModel, fit_plda
from kyara.types import FloatArray

pytest.importorskip("scipy", reason="the densities are SciPy's")


def drawn(
    characters: int, pictures: int, between: FloatArray, seed: int = 0
) -> tuple[FloatArray, FloatArray]:
    """Embeddings of the model itself, with variance 1 within characters; and their owners."""
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(characters, len(between))) * np.sqrt(between)
    owners = np.repeat(np.arange(characters), pictures)
    rows = points[owners] + rng.normal(size=(len(owners), len(between)))
    return rows.astype(np.float32), owners


def plain(between: list[float]) -> PldaModel:
    size = len(between)
    return PldaModel(
        np.zeros(size, np.float32), np.eye(size, dtype=np.float32), np.array(between, np.float32)
    )


@pytest.mark.parametrize("count", [1, 2, 7])
def test_the_score_is_the_ratio_of_joint_densities(count: int) -> None:
    from scipy.stats import multivariate_normal

    between = [3.0, 0.5]
    rng = np.random.default_rng(count)
    references = rng.normal(size=(count, 2)).astype(np.float32)
    probe = rng.normal(size=(1, 2)).astype(np.float32)
    (got,) = plain(between).scores(
        probe, references.mean(axis=0, keepdims=True), np.array([count])
    )[0]
    expected = 0.0
    for axis, variance in enumerate(between):
        # Probe and references together, with a point in common or not.
        rows = np.append(references[:, axis], probe[0, axis])
        shared = np.eye(count + 1) + variance
        apart = shared.copy()
        apart[-1, :-1] = apart[:-1, -1] = 0.0
        zeros = np.zeros(count + 1)
        expected += multivariate_normal(zeros, shared).logpdf(rows)
        expected -= multivariate_normal(zeros, apart).logpdf(rows)
    assert got == pytest.approx(expected, abs=1e-4)


def test_what_made_the_embeddings_is_found() -> None:
    between = np.array([4.0, 1.0, 0.25])
    rows, owners = drawn(3000, 4, between)
    fitted = fit_plda(rows, owners, np.zeros(len(owners), np.intp))
    assert sorted(fitted.between.tolist(), reverse=True) == pytest.approx(
        (between / 1.1).tolist(), rel=0.1
    )  # the covariance within is made a tenth larger
    assert np.abs(fitted.mean).max() < 0.15


def test_the_ratio_is_calibrated_on_its_own_model() -> None:
    rows, _ = drawn(500, 2, np.full(5, 2.0))
    scores = plain([2.0] * 5).scores(rows[1::2], rows[::2], np.ones(500, np.intp))
    same = np.eye(500, dtype=bool)
    # Of pairs that are e times as likely the same, e in 1 + e are, where both are as frequent.
    near = np.abs(scores - 1.0) < 0.5
    share = near[same].mean() / (near[same].mean() + near[~same].mean())
    assert share == pytest.approx(1 / (1 + np.exp(-1.0)), abs=0.06)


def test_more_references_say_more() -> None:
    probe = np.array([[1.5, 0.0]], np.float32)
    mean = np.array([[1.5, 0.0]], np.float32)
    model = plain([2.0, 2.0])
    scores = [float(model.scores(probe, mean, np.array([n]))[0, 0]) for n in (1, 3, 10)]
    assert scores == sorted(scores)


def test_characters_with_one_picture_say_nothing() -> None:
    rows, owners = drawn(50, 3, np.array([2.0, 1.0]))
    alone = np.full((40, 2), 99.0, np.float32)
    zeros = np.zeros(len(owners), np.intp)
    once = fit_plda(rows, owners, zeros)
    more = fit_plda(
        np.concatenate([rows, alone]),
        np.concatenate([owners, 100 + np.arange(40)]),
        np.zeros(len(owners) + 40, np.intp),
    )
    assert more.mean == pytest.approx(once.mean, abs=1e-5)
    assert more.between == pytest.approx(once.between, rel=1e-4)


def test_too_few_characters_are_refused() -> None:
    with pytest.raises(DataError, match="two characters"):
        fit_plda(np.ones((3, 2), np.float32), np.array([0, 0, 1]), np.zeros(3, np.intp))


def test_it_is_written_and_read() -> None:
    model = plain([2.0, 1.0])
    again = PldaModel.from_bytes(model.to_bytes())
    for name in ("mean", "transform", "between"):
        np.testing.assert_array_equal(getattr(again, name), getattr(model, name))
    assert model.to_bytes() == again.to_bytes()


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"no archive at all"])
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(DataError, match="not the parameters"):
        PldaModel.from_bytes(data)


def test_shapes_and_values_are_checked() -> None:
    eye = np.eye(2, dtype=np.float32)
    with pytest.raises(ValueError, match="expected mean"):
        PldaModel(np.zeros(3, np.float32), eye, np.ones(2, np.float32))
    with pytest.raises(ValueError, match="negative"):
        PldaModel(np.zeros(2, np.float32), eye, np.array([1, -1], np.float32))
