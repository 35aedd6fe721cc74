"""The page: a shell, and what it loads. All of it lies in the package."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.staticfiles import StaticFiles

from kyara.web.desk import AtDesk

__all__ = ["mount_assets", "router"]

router = APIRouter(include_in_schema=False)

_HERE = Path(__file__).parents[1]
_TEMPLATES = Environment(
    loader=FileSystemLoader(_HERE / "templates"), autoescape=select_autoescape(["j2"])
)


@router.get("/", response_class=HTMLResponse)
@router.get("/doubts", response_class=HTMLResponse)
@router.get("/characters", response_class=HTMLResponse)
@router.get("/characters/{_character}", response_class=HTMLResponse)
@router.get("/groups/{_group}", response_class=HTMLResponse)
@router.get("/pictures", response_class=HTMLResponse)
@router.get("/pictures/{_picture}", response_class=HTMLResponse)
@router.get("/ask", response_class=HTMLResponse)
@router.get("/history", response_class=HTMLResponse)
def shell(desk: AtDesk) -> HTMLResponse:
    """The same for each address: what is shown, the script asks the API for."""
    template = _TEMPLATES.get_template("shell.html.j2")
    return HTMLResponse(
        template.render(library=desk.path.stem, csrf=desk.access.csrf, version=version("kyara"))
    )


def mount_assets(app: FastAPI) -> None:
    """Serve scripts and styles."""
    app.mount("/assets", StaticFiles(directory=_HERE / "assets"), name="assets")
