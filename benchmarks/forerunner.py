"""The forerunner's way, as its page described it: the contender (a) of `sort.py`.

One picture at a time with Pillow, decoded in full, squashed to 224 px; batches of 100 through
a ResNet18 with a linear layer, in torch's eager mode; the character of the most similar
reference; a copy. The weights do not matter for time, so they are random.

    python benchmarks/forerunner.py CAST INBOX OUT
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn
from torchvision import models, transforms

BATCH = 100
DIMENSION = 500


def main(cast: Path, inbox: Path, out: Path) -> None:
    torch.manual_seed(0)
    trunk = models.resnet18(weights=None)
    trunk.fc = nn.Identity()
    net = nn.Sequential(trunk, nn.Linear(512, DIMENSION)).eval()
    begin = time.perf_counter()  # Python, torch and the network are there: not counted
    references = sorted(path for path in cast.rglob("*.*") if path.is_file())
    pictures = sorted(path for path in inbox.rglob("*.*") if path.is_file())
    known = embed(references, net)
    nearest = (embed(pictures, net) @ known.T).argmax(dim=1).tolist()
    for path, index in zip(pictures, nearest, strict=True):
        folder = out / references[index].parent.name
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / path.name)
    seconds = time.perf_counter() - begin
    print(json.dumps({"seconds": seconds, "threads": torch.get_num_threads()}))


@torch.no_grad()
def embed(paths: Sequence[Path], net: nn.Module) -> Tensor:
    """Embeddings (n, d) of unit length."""
    prepare = transforms.Compose(
        [
            transforms.Resize((224, 224)),
            transforms.ToTensor(),
            transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )
    rows = []
    for first in range(0, len(paths), BATCH):
        batch = [prepare(_read(path)) for path in paths[first : first + BATCH]]
        rows.append(nn.functional.normalize(net(torch.stack(batch))))
    return torch.cat(rows)


def _read(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
