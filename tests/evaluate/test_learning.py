"""What is told to a library, and what is measured of that."""

from __future__ import annotations

import numpy as np
import pytest

from kyara.evaluate.inboxes import InboxShape, draw_inboxes
from kyara.evaluate.protocols import Learning
from kyara.evaluate.protocols.learning import _first_of_each, _half
from kyara.evaluate.trials import Embedded
from kyara.identify.adapted import Adaptation
from kyara.identify.judge import Rule
from tests.evaluate.helpers import by, clusters, rng
from tests.evaluate.test_inboxes import fitted, looks

pytest.importorskip("sklearn", reason="needs the extra `evaluate`")

SHAPE = InboxShape(pictures=120, references=2, characters=8)


def test_what_it_is_told_helps() -> None:
    _, plda, adaptation = fitted()
    protocol = Learning(SHAPE, corrections=12, draws=3, bootstrap=0)
    metrics: dict[str, list[float]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "kyara.evaluate.protocols.learning.rule_for",
            lambda *_: Rule(plda, 0.0, Adaptation(plda, adaptation.spec, default=True)),
        )
        for embedded in looks(50).values():
            found = protocol.run(embedded, by(), rng()).metrics
            for name, estimate in found.items():
                assert estimate.value is not None
                metrics.setdefault(name, []).append(estimate.value)
    mean = {name: float(np.mean(values)) for name, values in metrics.items()}
    assert mean["top1_confirmed_3"] > mean["top1_before"]
    assert mean["dir_at_fpir_5_confirmed_3"] > mean["dir_at_fpir_5_before"]
    assert mean["strangers_named_corrected_12"] < mean["strangers_named_before"]
    assert mean["strangers_named_rejected"] < mean["strangers_named_before"]


def test_no_scene_is_both_spoken_of_and_judged() -> None:
    plain = clusters(20, 12, 0.3)
    scenes = np.arange(len(plain.scenes)) // 3
    embedded = Embedded(plain.embeddings, plain.characters, scenes)
    for inbox in draw_inboxes(embedded, SHAPE, 3, "toy@1", rng()):
        half = _half(inbox, rng())
        assert 0.3 < half.mean() < 0.7
        assert not set(inbox.scenes[half]) & set(inbox.scenes[~half])


def test_so_many_of_each_character_are_confirmed_as_there_are() -> None:
    (inbox,) = draw_inboxes(clusters(20, 12, 0.3), SHAPE, 1, "toy@1", rng())
    order = np.flatnonzero(_half(inbox, rng()))
    one, all_ = (_first_of_each(inbox, order, count) for count in (1, 99))
    known = order[inbox.known[order]]
    assert sorted(inbox.own[one]) == sorted(set(inbox.own[known]))
    assert sorted(all_) == sorted(known)


def test_a_source_that_is_too_small_has_no_value() -> None:
    metrics = Learning(SHAPE, bootstrap=0).run(clusters(2, 3, 0.1), by(), rng()).metrics
    assert {estimate.value for estimate in metrics.values()} == {None}
    assert set(metrics) == {metric.name for metric in Learning(SHAPE).metrics(["any"])}
