"""The trained network as a bioimage.io package: a zip that ilastik, deepImageJ and others read.

The format's PyTorch weights are a pickle by definition. They are written for other programs and never read
here: for napari-segmotif itself, `model.segmotif` goes along.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...common.atomic import write_atomically
from ...common.simulation import simulate_nuclei_2d, simulate_nuclei_3d
from ...common.tiling import read_mirrored
from ...errors import InputError, SegmotifError
from .. import model_file
from ..training_data.intensity import HIGH_PERCENTILE, LOW_PERCENTILE
from .bioimageio_names import MODEL, NETWORK, ONNX, README, TEST_INPUT, TEST_OUTPUT, TORCH
from .export_onnx import onnx_content, require_packages
from .exported_readme import readme

if TYPE_CHECKING:
    from ..network.torch_network import ActivatedUNet
    from ..trained import TrainedUNet

F32 = NDArray[np.float32]

SUFFIX = ".zip"
EPSILON = 1e-6
"""What bioimage.io adds to the range of intensities before it divides by it."""
_LONGEST_EXAMPLE = {2: (256, 256), 3: (32, 96, 96)}


def export_bioimageio(
    model: TrainedUNet,
    path: str | Path,
    *,
    example: ArrayLike | None = None,
    name: str = "",
    description: str = "",
    authors: Sequence[str] = (),
    license: str = "CC-BY-4.0",
    tags: Sequence[str] = (),
) -> Path:
    """Write a trained network as a bioimage.io model package (format 0.5).

    Parameters
    ----------
    model
        A trained U-Net.
    path
        The file; ".zip" is added to a name without it.
    example
        A part of an image, (C, *spatial) or, with one channel, (*spatial), for the package's test. Without
        it, the one that was kept from training is used, else a simulated one.
    name
        Of the model: 5 to 128 letters, digits, spaces, "_", "+", "-", "(" and ")".
    description
        What it is for, in a sentence.
    authors
        Names.
    license
        SPDX identifier.
    tags
        Words by which it is found, beside those that are known: "nuclei", "fluorescence-light-microscopy".

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    MissingExtraError
        If the packages of the extra "export" are not installed.
    InputError
        If the example does not fit the network, or the name or another text is not allowed there.
    SegmotifError
        If the exported network says something else than the original.
    StorageError
        If the file cannot be written; an older one stays whole.
    """
    require_packages("onnx", "onnxruntime", "bioimageio.core")
    from . import torch_export
    from .bioimageio_description import describe_package, write_package

    path = Path(path)
    if path.suffix.lower() != SUFFIX:
        path = path.with_name(path.name + SUFFIX)
    name = name or f"U-Net {model.heads.dimensions}D by napari-segmotif"
    image = _example(model, example)
    with write_atomically(path) as temporary, tempfile.TemporaryDirectory() as folder:
        network = torch_export.activated_network(model)
        write_files(Path(folder), model, network, image, readme(model, name, description))
        package = describe_package(
            Path(folder), model, name=name, text=description, authors=authors, license=license, tags=tags
        )
        write_package(package, temporary)
    return path


def write_files(folder: Path, model: TrainedUNet, network: ActivatedUNet, image: F32, page: str) -> None:
    """Write everything that the package's description refers to."""
    from ..network import torch_network
    from . import torch_export

    maps = torch_export.compute_maps(network, scale_range(image)[None])
    if not np.isfinite(maps).all():
        raise SegmotifError("the network says no numbers: train it again (got NaN or infinity)")
    np.save(folder / TEST_INPUT, image[None], allow_pickle=False)
    np.save(folder / TEST_OUTPUT, maps, allow_pickle=False)
    (folder / NETWORK).write_bytes(Path(torch_network.__file__).read_bytes())
    (folder / TORCH).write_bytes(torch_export.state_dict_bytes(network))
    (folder / ONNX).write_bytes(onnx_content(model))
    (folder / README).write_text(page, encoding="utf-8")
    model_file.save(model, folder / MODEL)


def scale_range(image: F32) -> F32:
    """Scale an image (C, *spatial) as bioimage.io's "scale_range" does, which is what training did, too."""
    axes = tuple(range(1, image.ndim))
    ends = np.quantile(image, (LOW_PERCENTILE / 100, HIGH_PERCENTILE / 100), axis=axes, keepdims=True)
    scaled: F32 = ((image - ends[0]) / (ends[1] - ends[0] + EPSILON)).astype(np.float32)
    return scaled


def example_shape(model: TrainedUNet) -> tuple[int, ...]:
    """Shape of the package's test image; a patch where the network must always see patches."""
    configuration, dimensions = model.configuration, model.heads.dimensions
    if model.parameters.normalization == "instance":
        return tuple(configuration.patch)
    smallest = smallest_shape(model)
    wanted = zip(
        configuration.patch, _LONGEST_EXAMPLE[dimensions], smallest, configuration.total_stride, strict=True
    )
    return tuple(max(least, min(patch, most) // step * step) for patch, most, least, step in wanted)


def halo_shape(model: TrainedUNet) -> tuple[int, ...]:
    """Pixels at the edge of a tile that others had better not use; at least half of a patch is left."""
    configuration = model.configuration
    return tuple(
        min(2 * step, size // 4)
        for step, size in zip(configuration.total_stride, configuration.patch, strict=True)
    )


def smallest_shape(model: TrainedUNet) -> tuple[int, ...]:
    """The smallest tile: at most two thirds of it are halo."""
    return tuple(6 * step for step in model.configuration.total_stride)


def _example(model: TrainedUNet, example: ArrayLike | None) -> F32:
    """A crop (C, *example_shape) of what was given, of what was kept, or of a simulated image."""
    if example is None:
        example = getattr(model, "example", None)
    image = _simulated(model) if example is None else np.asarray(example)
    if image.ndim == model.heads.dimensions and model.n_channels == 1:
        image = image[None]
    if image.ndim != 1 + model.heads.dimensions or len(image) != model.n_channels or 0 in image.shape:
        raise InputError(
            f"the example must have {model.n_channels} channel(s) and {model.heads.dimensions} further axes "
            f"(got shape {image.shape})"
        )
    if image.dtype.kind not in "buif" or not np.isfinite(image).all():
        raise InputError(f"the example must be finite real numbers (got dtype {image.dtype})")
    start, stop = _middle(image.shape[1:], example_shape(model))
    crop = read_mirrored(lambda part: image[(slice(None), *part)], image.shape[1:], start, stop)
    return np.ascontiguousarray(crop, dtype=np.float32)


def _middle(shape: Sequence[int], wanted: Sequence[int]) -> tuple[list[int], list[int]]:
    """The middle of an array; beyond its edges where it is too small."""
    start = [(n - size) // 2 if n > size else 0 for n, size in zip(shape, wanted, strict=True)]
    return start, [first + size for first, size in zip(start, wanted, strict=True)]


def _simulated(model: TrainedUNet) -> NDArray[Any]:
    """An image (C, *spatial) of nuclei, the same in every channel."""
    shape = tuple(max(16, size) for size in example_shape(model))
    n_nuclei = max(2, int(np.prod(shape[-2:])) // 2500)
    if len(shape) == 2:
        image = simulate_nuclei_2d((shape[0], shape[1]), n_nuclei=n_nuclei).image
    else:
        image = simulate_nuclei_3d((shape[0], shape[1], shape[2]), n_nuclei=n_nuclei).image
    return np.stack([image] * model.n_channels)
