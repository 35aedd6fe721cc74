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

_PLACES = (
    ("groups", "/", "Groups", "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z"),
    ("questions", "/questions", "Questions", "M4 5h16v11H12l-4 4v-4H4zM8.5 9h7M8.5 12h4"),
    ("doubts", "/doubts", "Doubts", "M9 9a3 3 0 1 1 4.6 2.5c-1 .7-1.6 1.3-1.6 2.5M12 17.5v.5"),
    (
        *("characters", "/characters", "Characters"),
        "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20c.6-4 3.7-5.5 7.5-5.5s6.9 1.5 7.5 5.5",
    ),
    ("ask", "/ask", "Ask", "M12 15V4M8 8l4-4 4 4M4 15v5h16v-5"),
    ("history", "/history", "History", "M4 12a8 8 0 1 0 2.5-5.8L4 8.5M4 4v4.5h4.5M12 8v4.5l3 2"),
)
"""What stands in the bar: key, address, label, and the path of its icon."""


@router.get("/", response_class=HTMLResponse)
@router.get("/questions", response_class=HTMLResponse)
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
        template.render(
            library=desk.path.stem,
            csrf=desk.access.csrf,
            places=_PLACES,
            stamp=version("kyara"),
        )
    )


def mount_assets(app: FastAPI) -> None:
    """Serve scripts and styles."""
    app.mount("/assets", StaticFiles(directory=_HERE / "assets"), name="assets")
