"""Parameters of lists."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

__all__ = ["DigestPath", "Limit", "Offset"]

Offset = Annotated[int, Query(ge=0, description="how many to leave out")]
Limit = Annotated[int, Query(ge=1, le=200, description="how many to return, at most")]
DigestPath = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 of the picture")]
