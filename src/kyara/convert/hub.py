"""Folders of models from the Hugging Face hub: the one place where Kyara uses the network, and
only when it is told to."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from kyara.convert.ccip import FEATURES, FILES
from kyara.errors import KyaraError, UsageError, one_line
from kyara.extras import optional

__all__ = ["fetch_ccip"]

_INSTALL = "'kyara[hub]'"


def fetch_ccip(repository: str) -> Path:
    """Download one CCIP model to the hub's cache.

    Args:
        repository: `OWNER/NAME`, or `OWNER/NAME/FOLDER` where it holds several.

    Returns:
        The folder with its files.

    Raises:
        UsageError: not such a name, or several models and none named.
        KyaraError: it cannot be downloaded.
    """
    owner, _, rest = repository.partition("/")
    name, _, folder = rest.partition("/")
    if not owner or not name:
        raise UsageError(
            f"{repository!r} is no repository", hint="OWNER/NAME, or OWNER/NAME/FOLDER"
        )
    hub = optional("huggingface_hub", _INSTALL)
    try:
        if not folder:
            folder = _only_folder(hub.HfApi().list_repo_files(f"{owner}/{name}"), repository)
        wanted = [f"{folder}/{file}".lstrip("/") for file in FILES]
        downloaded = hub.snapshot_download(f"{owner}/{name}", allow_patterns=wanted)
    except KyaraError:
        raise
    except Exception as error:  # the network's errors are those of several libraries
        raise KyaraError(f"cannot get {repository} from the hub: {one_line(error)}") from error
    return Path(downloaded) / folder


def _only_folder(files: list[str], repository: str) -> str:
    """The folder of the only model there; "" for the root."""
    folders = sorted(str(PurePosixPath(f).parent) for f in files if f.endswith(FEATURES))
    if not folders:
        raise UsageError(f"{repository} has no {FEATURES}", hint="is it a CCIP repository?")
    if len(folders) > 1:
        raise UsageError(
            f"{repository} has {len(folders)} models",
            hint=f"add a folder to its name: {', '.join(folders)}",
        )
    return "" if folders[0] == "." else folders[0]
