"""Reliability diagrams: by hand, and that no character is on both sides of the cross-fit."""

from __future__ import annotations

import numpy as np
import pytest

from kyara.errors import DataError
from kyara.evaluate.reliability import cross_fitted, reliability_of
from tests.evaluate.helpers import clusters, toy, toy_encoder

pytest.importorskip("sklearn", reason="needs the extra `evaluate`")


def test_a_diagram_by_hand() -> None:
    # Two trials at 0.25, of which one is the same; one sure one, of twice the weight, is not.
    found = reliability_of(
        np.array([0.25, 0.25, 1.0]), np.array([1.0, 0.0, 0.0]), np.array([1.0, 1.0, 2.0])
    )
    assert found.predicted == (0.25, 1.0)
    assert found.observed == (0.5, 0.0)
    assert found.share == (0.5, 0.5)
    assert found.error == pytest.approx(0.5 * 0.25 + 0.5 * 1.0)


def test_honest_probabilities_have_no_error() -> None:
    chance = np.random.default_rng(1)
    probabilities = chance.random(200_000)
    same = (chance.random(200_000) < probabilities).astype(float)
    assert reliability_of(probabilities, same, np.ones(200_000)).error < 0.01


def test_characters_alike_in_kind_are_calibrated_by_each_other() -> None:
    found = cross_fitted({"": clusters(60, 8, 0.6)}, toy_encoder())
    assert list(found) == ["pair", "any", "avg"]
    assert all(diagram.error < 0.08 for diagram in found.values())


def test_a_calibration_that_does_not_carry_over_shows() -> None:
    # Half of the characters in tight groups, half scattered; by size, so that the halves that
    # alternate get one kind each.
    tight, loose = clusters(10, 9, 0.05, seed=1), clusters(10, 8, 1.2, seed=2)
    rows, owners = [], []
    for kind, part in ((0, tight), (1, loose)):
        rows += part.embeddings.tolist()
        owners += (2 * part.characters + kind).tolist()
    mixed = cross_fitted({"": toy(rows, owners)}, toy_encoder())["pair"].error
    uniform = cross_fitted({"": clusters(20, 8, 0.05)}, toy_encoder())["pair"].error
    assert mixed > uniform


def test_too_few_characters_are_refused() -> None:
    with pytest.raises(DataError):
        cross_fitted({"": clusters(2, 4, 0.3)}, toy_encoder())
