"""`kyara convert`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kyara.cli.options import require_extra
from kyara.errors import printable

if TYPE_CHECKING:
    from kyara.plugins.manifest import Manifest

EXAMPLE = """
\b
Example:
    kyara convert res18_0222.mdl --out my-models/res18_0222
    kyara compare a.png b.png --plugin my-models/res18_0222
"""


@click.command("convert", epilog=EXAMPLE)
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="The plugin directory to make; it must not exist yet, or be empty.",
)
@click.option("--name", metavar="NAME", help="The plugin's name; default: the checkpoint's.")
@click.option(
    "--size",
    default=224,
    show_default=True,
    type=click.IntRange(32, 1024),
    help="Side of its input in pixels.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was made as JSON.")
def command(checkpoint: Path, out: Path, name: str | None, size: int, as_json: bool) -> int:
    """Turn a CHECKPOINT of Kyara's forerunner into a plugin directory.

    CHECKPOINT is a torch file with the state dictionaries `trunk` (a torchvision ResNet18)
    and `embedder` (one linear layer), and `args`. No code in it is ever run. The network is
    written as ONNX and must give the same embeddings as torch. Needs the extra `train`.
    """
    require_extra("train")
    from kyara.train.forerunner import convert

    manifest = convert(checkpoint, out, name=name, size=size)
    _say(manifest, out, as_json)
    return 0


def _say(manifest: Manifest, out: Path, as_json: bool) -> None:
    from kyara.plugins.manifest import identity_of

    where = printable(os.fspath(out))
    if as_json:
        summary = {
            "directory": os.fspath(out),
            "name": manifest.plugin.name,
            "encoder": identity_of(manifest, out),
            "size": manifest.input.size,
            "dimension": manifest.embedding.dimension,
        }
        click.echo(json.dumps(summary))
        return
    click.echo(
        f"{where} is the plugin {manifest.plugin.name}: {manifest.embedding.dimension} numbers "
        f"from {manifest.input.size} px, equal in ONNX and torch."
    )
    click.echo(f"It is not calibrated: kyara evaluate PICTURES --calibrate {where} mends that.")
