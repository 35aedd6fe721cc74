"""Kyara tells who is drawn in a picture.

    >>> import kyara
    >>> model = kyara.Model()
    >>> model.compare("a.png", "b.png").probability
    >>> model.gallery("cast").identify("picture.png")

docs/python.md shows the rest. Names are imported when they are first used: `import kyara` itself
costs next to nothing.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kyara.cluster.heap import Figure, Group, Grouped
    from kyara.cluster.perhaps import Perhaps
    from kyara.encode.pipeline import EmbeddedPicture
    from kyara.errors import KyaraError
    from kyara.identify.answer import Answer
    from kyara.identify.default import choose_judge
    from kyara.identify.judge import Judge, Rule
    from kyara.model import Identifier, Library, Model, sort
    from kyara.plugins.discover import open_encoder
    from kyara.sorting import SortResult
    from kyara.suggest.ask import Suggested
    from kyara.suggest.kinds import Kind, Side, Suggestion
    from kyara.types import Box, Detection, Match, Verification

# ONNX Runtime reads this when it is imported, by whomever: Kyara, a plugin's code, a process that
# was started by either. Whatever it was set to: Kyara promises that nothing leaves the machine.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# No name may be that of a sub-package: importing kyara.identify would put it in its place.
_HOME = {
    "Answer": "kyara.identify.answer",
    "Box": "kyara.types",
    "Detection": "kyara.types",
    "EmbeddedPicture": "kyara.encode.pipeline",
    "Figure": "kyara.cluster.heap",
    "Group": "kyara.cluster.heap",
    "Grouped": "kyara.cluster.heap",
    "Identifier": "kyara.model",
    "Judge": "kyara.identify.judge",
    "Kind": "kyara.suggest.kinds",
    "KyaraError": "kyara.errors",
    "Library": "kyara.model",
    "Match": "kyara.types",
    "Model": "kyara.model",
    "Perhaps": "kyara.cluster.perhaps",
    "Rule": "kyara.identify.judge",
    "Side": "kyara.suggest.kinds",
    "SortResult": "kyara.sorting",
    "Suggested": "kyara.suggest.ask",
    "Suggestion": "kyara.suggest.kinds",
    "Verification": "kyara.types",
    "choose_judge": "kyara.identify.default",
    "open_encoder": "kyara.plugins.discover",
    "sort": "kyara.model",
}

__all__ = [
    "Answer",
    "Box",
    "Detection",
    "EmbeddedPicture",
    "Figure",
    "Group",
    "Grouped",
    "Identifier",
    "Judge",
    "Kind",
    "KyaraError",
    "Library",
    "Match",
    "Model",
    "Perhaps",
    "Rule",
    "Side",
    "SortResult",
    "Suggested",
    "Suggestion",
    "Verification",
    "choose_judge",
    "open_encoder",
    "sort",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'kyara' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
