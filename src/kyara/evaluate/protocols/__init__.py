"""What is measured: each protocol a small frozen object with a primary metric.

A protocol is anything with `name`, `primary`, `metrics` and `run`; one that is not here is passed
to `kyara.evaluate.suite.measure` beside, or instead of, these.
"""

from __future__ import annotations

from collections.abc import Callable

from kyara.evaluate.protocols.clustering import Clustering
from kyara.evaluate.protocols.contract import (
    AXES,
    CURVE_FPR,
    CURVE_RECALL,
    Curve,
    CurveKind,
    Estimate,
    EvaluationProtocol,
    Measured,
    MetricInfo,
    Outcome,
)
from kyara.evaluate.protocols.enrolment import Enrolment, Tiers
from kyara.evaluate.protocols.grouping import Grouping
from kyara.evaluate.protocols.inboxes import Inboxes
from kyara.evaluate.protocols.learning import Learning
from kyara.evaluate.protocols.open_set import OpenSetIdentification
from kyara.evaluate.protocols.retrieval import Retrieval
from kyara.evaluate.protocols.robustness import Robustness
from kyara.evaluate.protocols.suggestions import Suggestions
from kyara.evaluate.protocols.verification import HardPairs, Verification

__all__ = [
    "AXES",
    "CURVE_FPR",
    "CURVE_RECALL",
    "PROTOCOLS",
    "Clustering",
    "Curve",
    "CurveKind",
    "Enrolment",
    "Estimate",
    "EvaluationProtocol",
    "Grouping",
    "HardPairs",
    "Inboxes",
    "Learning",
    "Measured",
    "MetricInfo",
    "OpenSetIdentification",
    "Outcome",
    "Retrieval",
    "Robustness",
    "Suggestions",
    "Tiers",
    "Verification",
    "standard_protocols",
]

PROTOCOLS: dict[str, Callable[[int], EvaluationProtocol]] = {
    "verification": lambda samples: Verification(bootstrap=samples),
    "hard_pairs": lambda samples: HardPairs(bootstrap=samples),
    "retrieval": lambda samples: Retrieval(bootstrap=samples),
    "enrolment": lambda samples: Enrolment(bootstrap=samples),
    "tiers": lambda samples: Tiers(bootstrap=samples),
    "open_set": lambda samples: OpenSetIdentification(bootstrap=samples),
    "inboxes": lambda samples: Inboxes(bootstrap=samples),
    "learning": lambda samples: Learning(bootstrap=samples),
    "clustering": lambda samples: Clustering(bootstrap=samples),
    "grouping": lambda _samples: Grouping(),
    "suggestions": lambda _samples: Suggestions(),
    "robustness": lambda samples: Robustness(bootstrap=samples),
}
"""By name, in the order of reports: from the number of bootstrap samples to the protocol."""


def standard_protocols(bootstrap: int = 200) -> tuple[EvaluationProtocol, ...]:
    """What every encoder is measured by."""
    return tuple(make(bootstrap) for make in PROTOCOLS.values())
