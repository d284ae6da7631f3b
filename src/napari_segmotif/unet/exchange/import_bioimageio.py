"""Trained networks out of bioimage.io packages, where that is safe.

A package may hold Python code, and PyTorch weights that are a pickle: both can do anything to the computer on
which they are opened. Neither is opened here. What is read: `model.segmotif`, which packages written by
napari-segmotif have; or weights as safetensors for the very network of napari-segmotif, which is then built
from our own code. Everything else is refused.
"""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import yaml

from ...errors import ModelFileError
from .. import model_file
from .bioimageio_names import DESCRIPTIONS, MODEL
from .bioimageio_rebuilding import can_rebuild, check_size, rebuild

if TYPE_CHECKING:
    from ..trained import TrainedUNet

_LARGEST_DESCRIPTION = 1 << 20
_LARGEST_MODEL = 16 << 30
_PIECE = 1 << 20
_WHAT_TO_DO = (
    "ask its authors for a package with safetensors weights made for napari-segmotif, or train a network here"
)


def import_bioimageio(path: str | Path) -> TrainedUNet:
    """Read a trained network from a bioimage.io model package.

    Parameters
    ----------
    path
        The package, a zip.

    Returns
    -------
    TrainedUNet
        Of a package that napari-segmotif wrote, all that its .segmotif file has: training can go on from it.

    Raises
    ------
    ModelFileError
        If it is no such package, is damaged, or could be opened only by running code from it; the message
        says which.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            return _import(archive, path)
    except ModelFileError:
        raise
    except FileNotFoundError as error:
        raise ModelFileError(f"there is no package of that name: check its folder (got {path})") from error
    except OSError as error:
        raise ModelFileError(
            f"{path} cannot be read: check the disk and permissions (got {error})"
        ) from error
    except Exception as error:  # what zip and YAML readers raise on damaged bytes is not a closed list
        raise ModelFileError(
            f"{path} is damaged or no bioimage.io package: download it again (got {type(error).__name__}: "
            f"{str(error)[:200]})"
        ) from error


def _import(archive: zipfile.ZipFile, path: Path) -> TrainedUNet:
    description = _description(archive, path)
    if description.get("type", "model") != "model":
        raise ModelFileError(
            f"{path.name} describes no model: choose a model package (got {_short(description.get('type'))})"
        )
    names = {entry.filename for entry in archive.infolist()}
    if MODEL in names and _is_attached(description, MODEL):
        return _our_model(archive)
    if can_rebuild(description):
        return rebuild(archive, description)
    raise ModelFileError(refusal(description, path.name))


def refusal(description: dict[str, Any], name: str) -> str:
    """Why a foreign package is not opened, and what to do instead."""
    weights = description.get("weights")
    kinds = sorted(str(kind) for kind in weights) if isinstance(weights, dict) else []
    entry = weights.get("pytorch_state_dict") if isinstance(weights, dict) else None
    if not isinstance(entry, dict):
        return (
            f"{name} has no PyTorch weights, and napari-segmotif runs no others: {_WHAT_TO_DO} "
            f"(got weights of the kinds {', '.join(kinds)[:100] or 'none'})"
        )
    source = str(entry.get("source"))[:100]
    if not source.endswith(".safetensors"):
        return (
            f"the weights in {name} are a pickle, and the network is a program in the package: opening "
            f"either could run anything on this computer, so neither is opened; {_WHAT_TO_DO} "
            f"(got {source!r})"
        )
    return (
        f"the network in {name} is a program of its own, which is not run as it could do anything on this "
        f"computer: {_WHAT_TO_DO} (got {_short(entry.get('architecture'))})"
    )


def _description(archive: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    """The package's description as plain values; the YAML reader makes nothing else of it."""
    names = {entry.filename for entry in archive.infolist()}
    found = [name for name in DESCRIPTIONS if name in names]
    found += sorted(name for name in names if name.endswith((".bioimageio.yaml", ".rdf.yaml")))
    if not found:
        raise ModelFileError(
            f"{path.name} is no bioimage.io package: choose a zip with an rdf.yaml in it "
            f"(got {_short(sorted(names)[:5])})"
        )
    entry = archive.getinfo(found[0])
    check_size(entry, _LARGEST_DESCRIPTION)
    with archive.open(entry) as member:
        text = member.read(_LARGEST_DESCRIPTION + 1).decode("utf-8")
    if "&" in text and _has_aliases(text):  # they let a few lines grow to more than any memory
        raise ModelFileError(
            f"the description in {path.name} refers to itself, as bombs do: it is not read (got a YAML alias)"
        )
    description = yaml.safe_load(text)
    if not isinstance(description, dict):
        raise ModelFileError(
            f"the description in {path.name} is no list of fields (got {type(description).__name__})"
        )
    return description


def _has_aliases(text: str) -> bool:
    return any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, Loader=yaml.SafeLoader))


def _is_attached(description: dict[str, Any], name: str) -> bool:
    attachments = description.get("attachments")
    entries = attachments if isinstance(attachments, list) else []
    sources = [entry.get("source") if isinstance(entry, dict) else entry for entry in entries]
    return any(isinstance(source, str) and PurePosixPath(source).name == name for source in sources)


def _our_model(archive: zipfile.ZipFile) -> TrainedUNet:
    """Read the .segmotif file in a package; it is checked as any other is."""
    entry = archive.getinfo(MODEL)
    check_size(entry, _LARGEST_MODEL)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / MODEL
        with archive.open(entry) as member, open(copy, "wb") as file:
            left = entry.file_size  # no more than the table of contents says
            while left > 0 and (piece := member.read(min(_PIECE, left))):
                file.write(piece)
                left -= len(piece)
        model, _ = model_file.load(copy)
    return model


def _short(value: Any) -> str:
    return str(value)[:150]
