"""The trained network as an ONNX file, compared with the original before it is given away.

The file holds the network and its activations. What comes before (the scale of the intensities) and after
(objects from maps) is described in its metadata under "segmotif"; see docs/unet-files.md.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...common.atomic import write_atomically
from ...errors import MissingExtraError, SegmotifError
from .exported_description import describe_export

if TYPE_CHECKING:
    from ..network.torch_network import ActivatedUNet
    from ..trained import TrainedUNet

SUFFIX = ".onnx"
LARGEST_DIFFERENCE = 1e-3
"""By how much an exported network may differ from the original, in probability or pixels."""

_PACKAGES = ("onnx", "onnxruntime")
_EXAMPLE_PIXELS = 1 << 17


def require_packages(*packages: str) -> None:
    """Raise MissingExtraError where one of the packages of the extra "export" is not installed."""
    missing = [name for name in packages if not _is_installed(name)]
    if missing:
        raise MissingExtraError(
            f"to export a network, install the package{'s' if len(missing) > 1 else ''} "
            f'{", ".join(missing)}: pip install "napari-segmotif[export]" (got no {", no ".join(missing)})'
        )


def export_onnx(model: TrainedUNet, path: str | Path) -> Path:
    """Write a trained network as an ONNX file.

    Parameters
    ----------
    model
        A trained U-Net.
    path
        The file; ".onnx" is added to a name without it.

    Returns
    -------
    Path
        The file written. Its input "image" is (B, C, *spatial) float32, scaled so that percentile 1 of every
        channel is 0 and percentile 99.8 is 1; any batch size, and spatial sizes that are multiples of the
        network's total stride. Its output "maps" is (B, n_maps, *spatial) float32: probabilities of the
        classes; and where objects were learned, probability of an inner boundary, and offsets to the
        object's centre in pixels.

    Raises
    ------
    MissingExtraError
        If the packages of the extra "export" are not installed.
    SegmotifError
        If the exported network says something else than the original.
    StorageError
        If the file cannot be written; an older one stays whole.
    """
    require_packages(*_PACKAGES)
    path = Path(path)
    if path.suffix.lower() != SUFFIX:
        path = path.with_name(path.name + SUFFIX)
    with write_atomically(path) as temporary:  # first of all: a missing folder is told at once
        temporary.write_bytes(onnx_content(model))
    return path


def onnx_content(model: TrainedUNet) -> bytes:
    """The content of an ONNX file of a trained network, compared with the network.

    Raises
    ------
    SegmotifError
        If the exported network says something else than the original.
    """
    from . import torch_export
    from .onnx_graph import onnx_graph

    weights = {name: value.cpu().numpy() for name, value in model.network.state_dict().items()}
    properties = {"segmotif": json.dumps(describe_export(model))}
    content = onnx_graph(torch_export.export_arguments(model), weights, properties)
    check_onnx(content, torch_export.activated_network(model), model)
    return content


def check_onnx(content: bytes, network: ActivatedUNet, model: TrainedUNet) -> float:
    """Compare an ONNX file with the network on random images of two sizes.

    Returns
    -------
    float
        The largest difference found.

    Raises
    ------
    SegmotifError
        If it is larger than `LARGEST_DIFFERENCE`.
    """
    from . import torch_export

    run = onnx_runner(content)
    random = np.random.default_rng(0)
    largest = 0.0
    for shape in _example_shapes(model.configuration.patch, model.configuration.total_stride):
        images = random.random((2 if len(shape) == 2 else 1, model.n_channels, *shape), np.float32)
        difference = np.abs(run(images) - torch_export.compute_maps(network, images)).max()
        largest = max(largest, float(np.nan_to_num(difference, nan=np.inf)))
    if largest > LARGEST_DIFFERENCE:
        raise SegmotifError(
            "the exported network says something else than the original, so it was not written: update "
            f"onnxruntime, or use the .segmotif file (got a difference of {largest:.2g}, "
            f"where {LARGEST_DIFFERENCE:g} is allowed)"
        )
    return largest


def onnx_runner(content: bytes) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Run an ONNX file on the CPU: a function from images (B, C, *spatial) to maps (B, n_maps, *spatial)."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
        maps: NDArray[np.float32] = session.run(["maps"], {"image": images})[0]
        return maps

    return run


def _example_shapes(patch: tuple[int, ...], steps: tuple[int, ...]) -> list[tuple[int, ...]]:
    """A patch, or a smaller one of the same kind, and one of another size."""
    most = int(_EXAMPLE_PIXELS ** (1 / len(patch)))
    # at least two steps: the statistics of a single pixel at the deepest level mean nothing
    counts = [max(2, min(size, most) // step) for size, step in zip(patch, steps, strict=True)]
    other = [count + 1 + i for i, count in enumerate(counts)]
    return [
        tuple(count * step for count, step in zip(along, steps, strict=True)) for along in (counts, other)
    ]


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):  # the parent is missing
        return False
