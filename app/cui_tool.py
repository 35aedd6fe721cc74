"""The command line of Kyara's forerunner, word for word; Kyara does the work.

    python cui_tool.py --plugin-dir plugins/res18_single --gpu -1 similarity --files A B

Its page is README.md beside this file. New work is better begun with `kyara` itself, which
also gives probabilities and knows when to say `unknown`.
"""

from __future__ import annotations

import sys
from copy import copy
from pathlib import Path

try:
    import click

    from kyara.cli.console import progress
    from kyara.cli.main import run
    from kyara.cli.options import open_cache, report_skipped
    from kyara.cli.sort import report_sorted
    from kyara.detect import WholePicture
    from kyara.encode.encoder import Encoder
    from kyara.encode.pipeline import embed_pictures
    from kyara.errors import PluginError
    from kyara.identify.default import choose_judge
    from kyara.identify.references import CastReferences
    from kyara.plugins.discover import open_encoder
    from kyara.runtime.device import parse_device
    from kyara.sorting import SortRequest, sort_pictures
except ModuleNotFoundError as missing:
    sys.exit(f"cui_tool.py: {missing}; install Kyara first: pip install .. (from this folder)")

SHIPPED = Path(__file__).parent / "plugins" / "res18_single"
JUDGES = {"Any": "any", "Max": "any", "Avg": "avg"}


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--plugin-dir",
    default=SHIPPED,
    metavar="<plugin-directory>",
    type=click.Path(path_type=Path),
    help="Holds the model and its input configuration; default: plugins/res18_single.",
)
@click.option(
    "--gpu",
    default=-1,
    show_default=True,
    metavar="<gpu-id>",
    help="The GPU to use; the CPU if negative.",
)
@click.pass_context
def cli(context: click.Context, plugin_dir: Path, gpu: int) -> None:
    """Compare and classify drawn characters.

    \b
    Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done but some pictures were
    skipped (each is named), 130 interrupted.
    """
    context.obj = (plugin_dir, gpu)


@cli.command()
@click.option(
    "--files",
    nargs=2,
    required=True,
    metavar="<image 1> <image 2>",
    type=click.Path(path_type=Path),
    help="The pictures to compare.",
)
@click.pass_obj
def similarity(model: tuple[Path, int], files: tuple[Path, Path]) -> int:
    """Print the similarity score of two pictures: the higher, the more alike."""
    encoder = _open(model)
    with open_cache(no_cache=False) as cache:
        a, b = embed_pictures(files, encoder, detector=WholePicture(), cache=cache)
    failed = [str(picture.error) for picture in (a, b) if picture.error is not None]
    if failed:
        report_skipped(failed, len(files))
        return 1
    click.echo(f"{encoder.similarity(a.embeddings, b.embeddings).item():.4f}")
    return 0


@cli.command()
@click.option(
    "--enroll-config-fn",
    required=True,
    metavar="<JSON file>",
    type=click.Path(path_type=Path),
    help="Maps each character's name to the directory of its reference pictures.",
)
@click.option(
    "--target-dir",
    required=True,
    metavar="<dir>",
    type=click.Path(path_type=Path),
    help="The pictures to classify.",
)
@click.option(
    "--mode",
    default="Any",
    show_default=True,
    type=click.Choice(list(JUDGES)),
    help="By the most similar reference (Any, or Max), or by the average over all (Avg).",
)
@click.option(
    "--result-dir",
    default="out",
    show_default=True,
    metavar="<dir>",
    type=click.Path(path_type=Path),
    help="Each picture is copied into <dir>/<character>.",
)
@click.pass_obj
def classify(
    model: tuple[Path, int], enroll_config_fn: Path, target_dir: Path, mode: str, result_dir: Path
) -> int:
    """Copy each picture to the character that it is most like; it always gets a name.

    Nothing is overwritten, and a second run only does what is new. `identify` is another
    word for this command.
    """
    # The pictures were always taken whole, whatever finds figures in them elsewhere.
    references = CastReferences.at(enroll_config_fn, WholePicture())
    encoder = _open(model)
    rule = choose_judge(encoder, JUDGES[mode], always_name=True)
    request = SortRequest(target_dir, references, result_dir, rule)
    with open_cache(no_cache=False) as cache:
        return report_sorted(sort_pictures(request, encoder, cache=cache, progress=progress))


def _open(model: tuple[Path, int]) -> Encoder:
    directory, gpu = model
    if not directory.is_dir():
        raise PluginError("there is no such plugin directory", where=directory)
    device = parse_device("cpu" if gpu < 0 else f"cuda:{gpu}")
    return open_encoder(str(directory.resolve()), device)  # a path, never a plugin's name


identify = copy(classify)  # what the forerunner's code called it; its page said classify
identify.hidden = True
cli.add_command(identify, "identify")

if __name__ == "__main__":
    run(cli, sys.argv[1:], prog_name="cui_tool.py")
