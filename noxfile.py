"""What to run while working on Kyara, and before a change lands.

nox -s quick            # after every few lines: under a minute
nox                     # what must hold, but for the tests that need torch
nox -s train            # those
nox -s scale            # those of Lance and Ray
nox -s kills -- 200     # the commands that must survive it, killed 200 times each

Each session has an environment of its own, made the first time and kept; `nox -s NAME -R` goes
straight to work. `.ci/run` does all of it from a clean checkout, without nox.
"""

from __future__ import annotations

import nox

nox.needs_version = ">=2024.3.2"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", "tests"]

STYLE = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("lint-imports",),
)
# One thread for each of several processes: those of a library for arrays only get in the way.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def _style(session: nox.Session) -> None:
    for command in STYLE:
        session.run(*command)


@nox.session
def quick(session: nox.Session) -> None:
    """Style, and the tests that are not slow, on all cores."""
    session.install("-e", ".[test]")
    _style(session)
    fast = ("-q", "-n", "auto", "-m", "not slow", "--hypothesis-profile", "quick")
    session.run("pytest", *fast, *session.posargs, env=ONE_THREAD)


@nox.session
def lint(session: nox.Session) -> None:
    """Style alone."""
    session.install("-e", ".[test]")
    _style(session)


@nox.session
def types(session: nox.Session) -> None:
    """The types, as far as they are known without torch; `train` knows all."""
    session.install("-e", ".[test]")
    session.run("mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """All tests but those that need torch, on all cores."""
    session.install("-e", ".[test]")
    session.run("pytest", "-n", "auto", *session.posargs, env=ONE_THREAD)


@nox.session
def train(session: nox.Session) -> None:
    """Types and tests of training and conversion, with torch (a large download)."""
    session.install("-e", ".[train,test]")
    session.run("mypy")
    session.run("pytest", "-m", "train", *session.posargs)


@nox.session
def scale(session: nox.Session) -> None:
    """Lance and a local Ray: a minute to install, a few to run."""
    session.install("-e", ".[scale,index,test]")
    session.run("pytest", "-m", "scale", *session.posargs)


@nox.session
def kills(session: nox.Session) -> None:
    """Commands killed at random instants: `nox -s kills -- 200` kills each of them 200 times."""
    session.install("-e", ".[test]")
    times = session.posargs[0] if session.posargs else "50"
    session.run("pytest", "-n", "auto", "-k", "killed", env={"KYARA_KILLS": times})


@nox.session
def docs(session: nox.Session) -> None:
    """Write the generated parts of the documents anew."""
    session.install("-e", ".[test]")
    for script in ("reference", "architecture", "numbers"):
        session.run("python", f"docs/build_{script}.py")
