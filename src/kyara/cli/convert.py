"""`kyara convert`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kyara.errors import printable
from kyara.extras import require_extra

if TYPE_CHECKING:
    from kyara.manifest import Manifest

EXAMPLE = """
\b
Examples:
    kyara convert res18_0222.mdl --out my-models/res18_0222
    kyara convert ccip-caformer-24-randaug-pruned --out my-models/ccip
    kyara convert timm:resnet18 --weights resnet18.safetensors --out my-models/resnet18
    kyara compare a.png b.png --plugin my-models/ccip

\b
With network, and only if you say so:
    kyara convert --from-hub deepghs/ccip_onnx/ccip-caformer-24-randaug-pruned --out my-models/ccip
    kyara convert timm:resnet18.a1_in1k --download --out my-models/resnet18
"""
TIMM = "timm:"


@click.command("convert", epilog=EXAMPLE)
@click.argument("source", required=False)
@click.option(
    "--out",
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="The plugin directory to make; it must not exist yet, or be empty.",
)
@click.option("--name", metavar="NAME", help="The plugin's name; default: the source's.")
@click.option(
    "--size",
    type=click.IntRange(32, 1024),
    help="Side of its input in pixels; default: 224 for a checkpoint, a network's own otherwise.",
)
@click.option(
    "--from-hub",
    metavar="REPO",
    help="Instead of SOURCE: download a CCIP folder from the Hugging Face hub, "
    "OWNER/NAME or OWNER/NAME/FOLDER. Needs the extra `hub`.",
)
@click.option(
    "--weights",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="For timm:NAME: a safetensors file with its weights.",
)
@click.option(
    "--download", is_flag=True, help="For timm:NAME: get its pretrained weights from the hub."
)
@click.option("--json", "as_json", is_flag=True, help="Print what was made as JSON.")
def command(
    source: str | None,
    out: Path,
    name: str | None,
    size: int | None,
    from_hub: str | None,
    weights: Path | None,
    download: bool,
    as_json: bool,
) -> int:
    """Turn a model of others into a plugin directory. SOURCE is one of

    \b
    - a checkpoint of Kyara's forerunner: a torch file with the state dictionaries `trunk`
      (a torchvision ResNet18) and `embedder` (one linear layer), and `args`;
    - a folder with CCIP's model_feat.onnx, model_metrics.onnx and metrics.json;
    - timm:NAME, a network of the library timm, with --weights or --download.

    No code of a source is ever run. Networks from torch are written as ONNX and must give the
    same embeddings. Without --from-hub and --download, nothing uses the network. All but CCIP
    folders need the extra `train`.
    """
    _check(source, from_hub, weights, download, size)
    if source is not None and source.startswith(TIMM):
        require_extra("train")
        from kyara.convert.timm_model import convert_timm

        manifest = convert_timm(
            source.removeprefix(TIMM), out, weights=weights, download=download, name=name, size=size
        )
    elif from_hub is not None or Path(source or "").is_dir():
        from kyara.convert.ccip import convert_ccip
        from kyara.convert.hub import fetch_ccip

        folder = Path(source or "") if from_hub is None else fetch_ccip(from_hub)
        manifest = convert_ccip(folder, out, name=name)
    else:
        require_extra("train")
        from kyara.convert.forerunner import convert

        manifest = convert(Path(source or ""), out, name=name, size=size or 224)
    _say(manifest, out, as_json)
    return 0


def _check(
    source: str | None, from_hub: str | None, weights: Path | None, download: bool, size: int | None
) -> None:
    if (source is None) == (from_hub is None):
        raise click.UsageError("give either a SOURCE or --from-hub")
    timm = source is not None and source.startswith(TIMM)
    if (weights is not None or download) and not timm:
        raise click.UsageError("--weights and --download are for timm:NAME")
    if size is not None and (from_hub is not None or Path(source or "").is_dir()):
        raise click.UsageError("--size: the networks of a CCIP folder have theirs")


def _say(manifest: Manifest, out: Path, as_json: bool) -> None:
    from kyara.manifest import identity_of

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
    # CCIP's networks come as ONNX: there is nothing that they could differ from.
    equal = "" if manifest.metric is not None else ", equal in ONNX and torch"
    click.echo(
        f"{where} is the plugin {manifest.plugin.name}: {manifest.embedding.dimension} numbers "
        f"from {manifest.input.size} px{equal}."
    )
    click.echo(f"It is not calibrated: kyara evaluate PICTURES --calibrate {where} mends that.")
