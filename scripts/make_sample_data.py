"""Write sample_data/: simulated images with ground truth and scribbles, the same files every time.

Run it after a change of the simulators: `.venv/bin/python scripts/make_sample_data.py [FOLDER]`.
"""

from __future__ import annotations

import re
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tifffile

from napari_segmotif import (
    SimulatedImage,
    simulate_nuclei_2d,
    simulate_nuclei_3d,
    simulate_tissue,
    write_image,
)

SEED = 7
SIMULATORS: dict[str, Callable[..., SimulatedImage]] = {
    "nuclei_2d": simulate_nuclei_2d,
    "nuclei_3d": simulate_nuclei_3d,
    "tissue": simulate_tissue,
}


def write_sample(folder: Path, name: str, sample: SimulatedImage) -> None:
    """Write the image, its ground truth and its scribbles as three OME-TIFFs."""
    place: dict[str, Any] = {"axes": sample.axes, "spacing": sample.spacing, "units": sample.units}
    classes = {"class_names": {str(label): title for label, title in sample.class_names.items()}}
    write_image(folder / f"{name}.ome.tif", sample.image, **place)
    truth = sample.labels if sample.labels.max() > 255 else sample.labels.astype("uint8")
    write_image(folder / f"{name}_truth.ome.tif", truth, labels=True, **place)
    scribbles = folder / f"{name}_scribbles.ome.tif"
    write_image(scribbles, sample.annotation, labels=True, metadata=classes, **place)
    for path in folder.glob(f"{name}*.ome.tif"):
        compress(path)


def compress(path: Path) -> None:
    """Write an OME-TIFF again, compressed: what is packaged should be small rather than fast to slice.

    Its identifier, which otherwise holds the time and the machine, is made from its content.
    """
    with tifffile.TiffFile(path) as file:
        pixels, description = file.asarray(), file.pages.first.description
    identifier = uuid.uuid5(uuid.NAMESPACE_OID, pixels.tobytes().hex())
    description = re.sub(r'UUID="urn:uuid:[0-9a-f-]+"', f'UUID="urn:uuid:{identifier}"', description)
    tifffile.imwrite(
        path,
        pixels,
        description=description.encode(),
        metadata=None,
        photometric="minisblack",
        compression="zlib",
        compressionargs={"level": 9},
        predictor=True,
    )


def main(folder: Path) -> None:
    """Write every sample."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, simulate in SIMULATORS.items():
        write_sample(folder, name, simulate(random_state=SEED))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent / "sample_data")
