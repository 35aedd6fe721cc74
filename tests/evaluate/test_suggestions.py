"""What `kyara suggest` asks, measured."""

from __future__ import annotations

import msgspec
import pytest

from kyara.encode.encoder import Backend, Encoder
from kyara.evaluate.protocols import Measured, Suggestions
from kyara.evaluate.trials import Embedded
from kyara.manifest import CalibrationSpec, GroupingSpec, Logistic
from tests.evaluate.helpers import clusters, rng, toy_encoder

CLEAR = clusters(characters=12, pictures=14, noise=0.1, dimension=64)
BLURRED = clusters(characters=12, pictures=14, noise=2.0, dimension=64)


def calibrated() -> Measured:
    """A toy that says what its similarities mean."""
    curve = Logistic(slope=20.0, intercept=-10.0, threshold=0.5)
    calibration = CalibrationSpec(
        data="made up", date="2026-01-01", pair=curve, any=curve, avg=curve
    )
    grouping = GroupingSpec(similarity=0.5, measured_on="made up", date="2026-01-01")
    manifest = msgspec.structs.replace(
        toy_encoder().manifest, calibration=calibration, grouping=grouping
    )
    return Measured(Encoder("toy@1", manifest, nothing, concurrent=True), ())


def nothing() -> Backend:
    raise AssertionError("nothing is encoded here")


def measured(embedded: Embedded, **options: object) -> dict[str, float | None]:
    protocol = Suggestions(draws=4, **options)  # type: ignore[arg-type]
    found = protocol.run(embedded, calibrated(), rng()).metrics
    return {name: estimate.value for name, estimate in found.items()}


@pytest.mark.parametrize("chosen_on", [False, True])
def test_what_is_clear_is_found_on_either_half(chosen_on: bool) -> None:
    found = measured(CLEAR, chosen_on=chosen_on)
    assert found["misplaced_recall"] == found["misplaced_precision"] == 1.0
    assert found["named_precision"] == found["named_recall"] == 1.0


def test_where_nothing_is_moved_nothing_can_be_found() -> None:
    found = measured(CLEAR, moved=0.0)
    assert found["misplaced_recall"] is None
    assert found["misplaced_asked"] is None


def test_of_what_is_blurred_less_is_found() -> None:
    clear, blurred = measured(CLEAR), measured(BLURRED)
    assert clear["misplaced_recall"] is not None
    assert blurred["misplaced_recall"] is not None
    assert clear["misplaced_recall"] > blurred["misplaced_recall"]
