"""`kyara`: finds the command and turns errors into one line and an exit code."""

from __future__ import annotations

import errno
import importlib
import io
import logging
import os
import sys
from typing import Any

import click

from kyara.errors import KyaraError, one_line, printable, reason

COMMANDS = {
    "compare": "Do two pictures show the same character?",
    "identify": "Who is drawn in these pictures?",
    "sort": "Sort a folder of pictures by character.",
    "group": "Who is in a heap of pictures that have no names?",
    "suggest": "What is best asked next: who is one, who is out of place?",
    "apply": "Carry out a plan that `kyara sort --plan` wrote.",
    "undo": "Put everything back as it was before a sort.",
    "library": "Remember pictures, characters and decisions in one file.",
    "decide": "Say who is in a picture, and take it back.",
    "review": "Name, confirm and correct in the browser.",
    "serve": "Let other programs ask a library over HTTP.",
    "detect": "Find the figures in pictures.",
    "embed": "Write the embeddings of pictures to a file.",
    "plugins": "List the models that there are.",
    "cache": "Look at, or clear, the embeddings that are kept.",
    "evaluate": "Measure how good a model is on labelled pictures.",
    "calibrate": "Fit the thresholds to your own characters.",
    "fit": "Teach a model who is unknown.",
    "train": "Train a model.",
    "export": "Turn a training run into a plugin.",
    "convert": "Turn a model that others made into a plugin.",
}
EXIT_INTERRUPTED = 130
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class _Commands(click.Group):
    """Imports a command when it is called, so that `kyara --help` loads nothing."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"kyara.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # the reader has had enough; click would call that a failure
            _drop_output()
            return 0

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kyara")
@click.option("--debug", is_flag=True, help="Show where in the code an error comes from.")
def cli(debug: bool) -> None:
    """Who is drawn in this picture?

    \b
    Give a few pictures of each character, and Kyara sorts the rest:
        kyara sort inbox --refs cast --out sorted

    \b
    Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done but some pictures were
    skipped (each is named), 130 interrupted.
    """


def main() -> None:
    """The entry point of the `kyara` command."""
    _open_streams()
    run(cli, sys.argv[1:])


def run(command: click.Command, arguments: list[str], **extra: Any) -> None:
    """Run a click command as the process's own, and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Files and pipes get UTF-8 whatever the locale is, or no name could be read back.
            encoding = None if stream.isatty() else "utf-8"
            stream.reconfigure(encoding=encoding, errors="backslashreplace")
    _show_warnings()
    try:
        code = command.main(arguments, standalone_mode=False, **extra)
        sys.stdout.flush()  # here, not at exit: a full disk behind `>` is an error, too
    except KyaraError as error:
        if "--debug" in arguments:
            raise
        click.echo(f"kyara: {error}", err=True)
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("kyara: interrupted", err=True)
        code = EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader, such as `head`, has had enough
        _drop_output()
        code = 0
    except Exception as error:  # a mistake in Kyara, or a computer that fails
        if "--debug" in arguments:
            raise
        click.echo(f"kyara: {_unexpected(error)}", err=True)
        code = 1
    sys.exit(code if isinstance(code, int) else 0)


def _show_warnings() -> None:
    """What the work has to say while it goes on, such as that it waits, on stderr."""
    for room in ("organise", "library"):
        log = logging.getLogger(f"kyara.{room}")
        if not any(isinstance(handler, _Shown) for handler in log.handlers):
            log.addHandler(_Shown(logging.WARNING))


class _Shown(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        click.echo(f"kyara: {printable(record.getMessage())}", err=True)


def _open_streams() -> None:
    """Let no file that is opened later stand in the place of stdin, stdout or stderr, should one
    of them be closed: what is printed would be written into it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    sys.stdin = sys.stdin or os.fdopen(0, encoding="utf-8")
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8")
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8")


def _unexpected(error: Exception) -> str:
    # Only stdout has no name; every other file that is written is named in an error of ours.
    if isinstance(error, OSError) and error.filename is None and error.errno in _NO_SPACE:
        _drop_output()
        return f"cannot write the results: {reason(error)}"
    try:
        sys.stdout.flush()
    except OSError as failure:
        _drop_output()
        return f"cannot write the results: {reason(failure)}"
    return f"{type(error).__name__}: {one_line(error)} (kyara --debug … shows where)"


def _drop_output() -> None:
    # Python flushes once more at exit, and would complain.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
