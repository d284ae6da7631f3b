"""What napari shows under File > Open Sample: simulated images and a video, with their ground truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..common.image_io import open_image
from .classes.entries import METADATA_KEY, ClassEntry, colors_of, default_color, to_metadata
from .results import label_colormap

FOLDER = Path(__file__).resolve().parent.parent / "sample_data"

LayerData = tuple[Any, dict[str, Any], str]


def nuclei_2d() -> list[LayerData]:
    """Return the layers of the nuclei in 2D: image, scribbles, and ground truth (hidden)."""
    return _layers("nuclei_2d", "Nuclei 2D")


def nuclei_3d() -> list[LayerData]:
    """Return the layers of the nuclei in 3D: image, scribbles, and ground truth (hidden)."""
    return _layers("nuclei_3d", "Nuclei 3D")


def tissue() -> list[LayerData]:
    """Return the layers of the tissue: image, scribbles, and ground truth (hidden)."""
    return _layers("tissue", "Tissue")


def assemblies() -> list[LayerData]:
    """Return the layers of a calcium video with three assemblies: the video, and its cells (hidden)."""
    with open_image(FOLDER / "assemblies.ome.tif") as opened:
        video = np.array(opened.array)
        interval = opened.time_interval or 1.0  # seconds from frame to frame: the widget reads the frame rate
        in_time = {
            "scale": (interval, *(opened.spacing or (1.0, 1.0))),
            "units": ("second", *(opened.units or ("pixel", "pixel"))),
            "axis_labels": tuple(opened.axes.lower()),
        }
    # napari shows 8 bits from 0 to 255, of which the video fills a small part.
    seen = {"contrast_limits": (int(video.min()), int(np.percentile(video, 99.9)))}
    cells, place, _ = _read("assemblies_cells.ome.tif")
    return [
        (video, {"name": "Assemblies", **seen, **in_time}, "image"),
        (cells, {"name": "Assemblies cells", "visible": False, **place}, "labels"),
    ]


def _layers(key: str, title: str) -> list[LayerData]:
    image, place, _ = _read(f"{key}.ome.tif")
    truth, _, _ = _read(f"{key}_truth.ome.tif")
    scribbles, _, metadata = _read(f"{key}_scribbles.ome.tif")
    classes = tuple(
        ClassEntry(int(label), name, default_color(int(label)))
        for label, name in metadata["class_names"].items()
    )
    painted = {
        "colormap": label_colormap(colors_of(classes)),
        "metadata": {METADATA_KEY: to_metadata(classes)},
    }
    return [
        (image, {"name": title, **place}, "image"),
        # Hidden: the answer should not lie over the image that a user is about to paint on.
        (truth, {"name": f"{title} ground truth", "visible": False, **place}, "labels"),
        (scribbles, {"name": f"{title} scribbles", **painted, **place}, "labels"),
    ]


def _read(file_name: str) -> tuple[NDArray[Any], dict[str, Any], dict[str, Any]]:
    """Return the pixels of a packaged file, the layer arguments that put them in place, and its metadata."""
    with open_image(FOLDER / file_name) as opened:
        place = {"scale": opened.spacing, "units": opened.units, "axis_labels": tuple(opened.axes.lower())}
        return np.array(opened.array), place, opened.metadata
