"""The application: API, pictures and page behind one guard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI

from kyara.library.store import Library
from kyara.web.access import Access, Guard
from kyara.web.desk import Desk
from kyara.web.engine import Engine
from kyara.web.grouping import Grouper
from kyara.web.problems import answer_problems
from kyara.web.routes import (
    asking,
    characters,
    decisions,
    groups,
    page,
    pictures,
    session,
    suggestions,
)
from kyara.web.thumbnails import Thumbnails

__all__ = ["create_app"]

API = "/api/v1"


def create_app(
    library: Path, access: Access, *, device: str = "cpu", thumbnails: Path | None = None
) -> FastAPI:
    """The application for one library.

    Args:
        access: who may ask.
        device: what the model runs on: `cpu`, `cuda` or `cuda:N`.
        thumbnails: where small pictures are kept; None: beside the cache of embeddings.

    Raises:
        UsageError: there is no such library.
        DataError: it is none, is damaged, or of a newer version.
    """
    Library.open(library).close()  # so that it is said now, and an older one is brought up to date
    engine = Engine(library, device)
    desk = Desk(library, engine, Grouper(library, engine), Thumbnails(thumbnails), access)

    @asynccontextmanager
    async def running(_app: FastAPI) -> AsyncIterator[None]:
        engine.start()
        yield
        engine.close()

    app = FastAPI(
        title="Kyara",
        summary="Who is drawn in this picture?",
        version=version("kyara"),
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # its page would load scripts from the network
        redoc_url=None,
        lifespan=running,
    )
    app.state.desk = desk
    answer_problems(app)
    for routes in (session, characters, groups, pictures, decisions, suggestions, asking):
        app.include_router(routes.router, prefix=API)
    app.include_router(page.router)
    page.mount_assets(app)
    app.add_middleware(Guard, access=access)
    return app
