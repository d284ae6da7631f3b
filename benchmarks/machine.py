"""What a figure was measured on."""

from __future__ import annotations

import importlib.metadata
import platform
from pathlib import Path

from napari_segmotif.pixel.forests.training import usable_cores

PACKAGES = ("napari-segmotif", "numpy", "scipy", "scikit-image", "scikit-learn", "numba", "zarr")


def describe_machine() -> dict[str, str]:
    model = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        named = [line for line in information.read_text().splitlines() if line.startswith("model name")]
        model = named[0].split(":")[1].strip() if named else model
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"processor": model, "cores": str(usable_cores()), "python": platform.python_version(), **versions}
