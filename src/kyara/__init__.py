"""Kyara tells who is drawn in a picture.

    >>> import kyara
    >>> encoder = kyara.open_encoder()
    >>> gallery = kyara.build_gallery(kyara.read_cast(Path("cast")), encoder)

Names are imported when they are first used: `import kyara` itself costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kyara.encode.encoder import Encoder
    from kyara.encode.pipeline import EmbeddedPicture, embed_pictures
    from kyara.errors import KyaraError
    from kyara.identify.answer import Answer, answer_pictures
    from kyara.identify.calibration import verify
    from kyara.identify.default import choose_judge
    from kyara.identify.gallery import Gallery
    from kyara.identify.judge import Judge, Rule
    from kyara.identify.references import build_gallery, gallery_of
    from kyara.library.cast import read_cast
    from kyara.library.said import Said
    from kyara.library.store import Library
    from kyara.plugins.discover import open_encoder
    from kyara.sorting import SortRequest, SortResult, sort_pictures
    from kyara.types import Aggregation, Box, Detection, Match, Verification

# No name may be that of a sub-package: importing kyara.identify would put it in its place.
_HOME = {
    "Aggregation": "kyara.types",
    "Answer": "kyara.identify.answer",
    "Box": "kyara.types",
    "Detection": "kyara.types",
    "EmbeddedPicture": "kyara.encode.pipeline",
    "Encoder": "kyara.encode.encoder",
    "Gallery": "kyara.identify.gallery",
    "Judge": "kyara.identify.judge",
    "KyaraError": "kyara.errors",
    "Library": "kyara.library.store",
    "Match": "kyara.types",
    "Rule": "kyara.identify.judge",
    "Said": "kyara.library.said",
    "SortRequest": "kyara.sorting",
    "SortResult": "kyara.sorting",
    "Verification": "kyara.types",
    "answer_pictures": "kyara.identify.answer",
    "build_gallery": "kyara.identify.references",
    "choose_judge": "kyara.identify.default",
    "embed_pictures": "kyara.encode.pipeline",
    "gallery_of": "kyara.identify.references",
    "open_encoder": "kyara.plugins.discover",
    "read_cast": "kyara.library.cast",
    "sort_pictures": "kyara.sorting",
    "verify": "kyara.identify.calibration",
}

__all__ = [
    "Aggregation",
    "Answer",
    "Box",
    "Detection",
    "EmbeddedPicture",
    "Encoder",
    "Gallery",
    "Judge",
    "KyaraError",
    "Library",
    "Match",
    "Rule",
    "Said",
    "SortRequest",
    "SortResult",
    "Verification",
    "answer_pictures",
    "build_gallery",
    "choose_judge",
    "embed_pictures",
    "gallery_of",
    "open_encoder",
    "read_cast",
    "sort_pictures",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'kyara' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
