"""Kyara for Python: open a model, compare, identify, sort; pictures in any form.

    >>> import kyara
    >>> model = kyara.Model()
    >>> model.compare("a.png", "b.png").probability
    >>> model.gallery("cast").identify("picture.png")
    >>> kyara.sort("inbox", model.gallery("cast"), out="sorted")

What is not said is chosen as the command line chooses it.
"""

from __future__ import annotations

from kyara.model.asking import CastLike, Identifier, Model, sort
from kyara.model.library import Library, PathsLike

__all__ = ["CastLike", "Identifier", "Library", "Model", "PathsLike", "sort"]
