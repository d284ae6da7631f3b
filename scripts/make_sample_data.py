"""Write sample_data/: simulated images and a video with their ground truth, the same files every time.

Run it after a change of the simulators: `.venv/bin/python scripts/make_sample_data.py [FOLDER]`.
"""

from __future__ import annotations

import re
import sys
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_segmotif import (
    SimulatedImage,
    simulate_nuclei_2d,
    simulate_nuclei_3d,
    simulate_tissue,
    write_image,
)
from napari_segmotif.motifs.simulating.simulation import simulate_video
from napari_segmotif.motifs.simulating.truth_files import write_truth

SEED = 7
COUNTS = 4.0  # of the camera for the peak of a transient: few, so that the packed video is small
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


def write_video(folder: Path, name: str) -> None:
    """Write a video of three assemblies, its cells and its ground truth: motifs, starts and members."""
    sample = simulate_video(
        (64, 64), 600, 3, 15, frame_rate=15, activation_rate=0.3, spurious=0.2, noise=0.5, random_state=SEED
    )
    place: dict[str, Any] = {"spacing": (1.5, 1.5), "units": "micrometer"}
    counts = np.clip(np.rint(COUNTS * sample.video), 0, 255).astype("uint8")
    write_image(folder / f"{name}.ome.tif", counts, axes="TYX", time_interval=1 / sample.frame_rate, **place)
    # In the video's counts, to 1/16: digits that nobody sees do not pack.
    motifs = (np.rint(16 * COUNTS * sample.motifs) / 16).astype("float32")
    write_truth(folder, replace(sample, motifs=motifs), name=name, **place)
    for path in folder.glob(f"{name}*.ome.tif"):
        compress(path, predictor=path.name != f"{name}.ome.tif")  # noise is not told by the pixel before


def compress(path: Path, *, predictor: bool = True) -> None:
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
        predictor=predictor,
    )


def main(folder: Path) -> None:
    """Write every sample."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, simulate in SIMULATORS.items():
        write_sample(folder, name, simulate(random_state=SEED))
    write_video(folder, "assemblies")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent / "sample_data")
