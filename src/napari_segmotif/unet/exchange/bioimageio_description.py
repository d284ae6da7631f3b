"""The description of a bioimage.io package, written and checked by the package bioimageio.spec.

Importing this needs the extra "export".
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bioimageio.spec import ValidationContext, save_bioimageio_package
from bioimageio.spec.model import v0_5
from pydantic import ValidationError

from ...errors import InputError, SegmotifError
from ..training_data.intensity import HIGH_PERCENTILE, LOW_PERCENTILE
from .bioimageio_names import DESCRIPTIONS, MODEL, NETWORK, ONNX, README, TEST_INPUT, TEST_OUTPUT, TORCH
from .export_bioimageio import EPSILON, halo_shape, smallest_shape
from .exported_description import channel_names, describe_export, map_names
from .onnx_graph import OPSET
from .torch_export import export_arguments, torch_version

if TYPE_CHECKING:
    from ..trained import TrainedUNet

_SPATIAL = "zyx"
_UNET = {
    "text": "Ronneberger, Fischer & Brox: U-Net: Convolutional Networks for Biomedical Image Segmentation. "
    "MICCAI 2015.",
    "doi": "10.1007/978-3-319-24574-4_28",
}
_NOBODY = "napari-segmotif user"
_LONGEST_TEXT = 512


def describe_package(
    folder: Path,
    model: TrainedUNet,
    *,
    name: str,
    text: str,
    authors: Sequence[str],
    license: str,
    tags: Sequence[str],
) -> v0_5.ModelDescr:
    """Describe a package whose files are in `folder`; all of it is checked.

    Raises
    ------
    InputError
        If a name or a text is not allowed in such a description.
    """
    instances = model.heads.objects
    kind = "instance segmentation" if instances else "semantic segmentation"
    content = {
        "type": "model",
        "format_version": v0_5.ModelDescr.implemented_format_version,
        "name": name,
        "description": (text or f"A {model.heads.dimensions}D U-Net for {kind}.")[:_LONGEST_TEXT],
        "authors": [{"name": author} for author in authors or (_NOBODY,)],
        "license": license,
        "cite": [_UNET],
        "tags": _tags(model, tags),
        "documentation": {"source": README},
        "attachments": [{"source": MODEL}],
        "inputs": [_input(model)],
        "outputs": [_output(model)],
        "weights": _weights(model),
        "config": {
            "segmotif": describe_export(model),
            "bioimageio": {
                "architecture_type": "unet",
                "task": kind,
                "model_parameter_count": sum(p.numel() for p in model.network.parameters()),
            },
        },
    }
    context = ValidationContext(root=folder, file_name=DESCRIPTIONS[0], perform_io_checks=True)
    with context, _quiet():
        try:
            return v0_5.ModelDescr.model_validate(content)
        except ValidationError as error:
            raise InputError(_complaint(error)) from error


def _complaint(error: ValidationError) -> str:
    """What is wrong with a description, in a line."""
    problem = error.errors()[0]
    place = ".".join(str(part) for part in problem["loc"]) or "the package"
    reason = problem["msg"].removeprefix("Value error, ")
    return f"bioimage.io does not allow this as {place}: {reason} (got {str(problem['input'])[:100]!r})"


def write_package(package: v0_5.ModelDescr, path: Path) -> None:
    """Write the description and all that it refers to as a zip.

    Raises
    ------
    SegmotifError
        If what was written is no valid package.
    OSError
        If the disk refuses.
    """
    try:
        with _quiet():
            save_bioimageio_package(package, output_path=path)
    except ValueError as error:
        raise SegmotifError(
            f"the package would not be valid: update bioimageio.core (got {str(error)[:300]})"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """The package leaves it to Python to close the files it has read, which Python tells as a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield


def _tags(model: TrainedUNet, further: Sequence[str]) -> list[str]:
    task = "instance-segmentation" if model.heads.objects else "semantic-segmentation"
    known = [f"{model.heads.dimensions}d", task, "unet", "pytorch", "napari", "napari-segmotif"]
    return list(dict.fromkeys([*known, *further]))


def _input(model: TrainedUNet) -> dict[str, Any]:
    letters = _SPATIAL[-model.heads.dimensions :]
    steps, least = model.configuration.total_stride, smallest_shape(model)
    sizes: list[Any] = [{"min": low, "step": step} for low, step in zip(least, steps, strict=True)]
    if model.parameters.normalization == "instance":  # adapts to a tile: it must be one as in training
        sizes = [int(size) for size in model.configuration.patch]
    spatial = [
        {"type": "space", "id": letter, "size": size, "concatenable": True}
        for letter, size in zip(letters, sizes, strict=True)
    ]
    return {
        "id": "image",
        "description": "image; scaled by percentiles before the network sees it",
        "axes": [
            {"type": "batch"},
            {"type": "channel", "channel_names": list(channel_names(model))},
            *spatial,
        ],
        "test_tensor": {"source": TEST_INPUT},
        "data": {"type": "float32"},
        "pad": {"mode": "symmetric"},
        "preprocessing": [
            {"id": "ensure_dtype", "kwargs": {"dtype": "float32"}},
            {
                "id": "scale_range",
                "kwargs": {
                    "axes": list(letters),
                    "min_percentile": LOW_PERCENTILE,
                    "max_percentile": HIGH_PERCENTILE,
                    "eps": EPSILON,
                },
            },
        ],
    }


def _output(model: TrainedUNet) -> dict[str, Any]:
    spatial = [
        {"type": "space", "id": letter, "size": {"tensor_id": "image", "axis_id": letter}}
        | ({"halo": halo} if halo else {})
        for letter, halo in zip(_SPATIAL[-model.heads.dimensions :], halo_shape(model), strict=True)
    ]
    more = ", boundary probability, offsets to the centre in pixels" if model.heads.objects else ""
    return {
        "id": "maps",
        "description": f"class probabilities{more}",
        "axes": [{"type": "batch"}, {"type": "channel", "channel_names": list(map_names(model))}, *spatial],
        "test_tensor": {"source": TEST_OUTPUT},
        "data": {"type": "float32"},
    }


def _weights(model: TrainedUNet) -> dict[str, Any]:
    return {
        "pytorch_state_dict": {
            "source": TORCH,
            "architecture": {
                "source": NETWORK,
                "callable": "ActivatedUNet",
                "kwargs": export_arguments(model),
            },
            "pytorch_version": torch_version(),
            "comment": "Tensors by name; load with weights_only=True.",
        },
        "onnx": {
            "source": ONNX,
            "opset_version": OPSET,
            "parent": "pytorch_state_dict",
            "comment": "Written by napari-segmotif and compared with the original.",
        },
    }
