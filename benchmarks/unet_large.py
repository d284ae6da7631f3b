"""An image larger than what a prediction may use: a zarr into objects in a zarr, in a process of its own.

    python benchmarks/unet_large.py [SIDE]

teaches a small network for a moment and measures with it. `measure()` does the same with the model, the side
and the folder for scratch files that the command line names, and prints the figures as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import zarr

from motif_large import peak_mb
from napari_segmotif import simulate_nuclei_2d
from napari_segmotif.common.progress import run_job
from napari_segmotif.unet.segmenter import UNetSegmenter

BLOCK = 2048
CHUNK = 1024
NUCLEI = 1400
"""In a block: about as dense as in the sample data."""
EPOCHS = 3


def write_image(path: Path, side: int) -> None:
    """A uint16 image of simulated nuclei, the same block again and again."""
    edge = min(BLOCK, side)
    block = simulate_nuclei_2d((edge, edge), n_nuclei=NUCLEI * edge**2 // BLOCK**2, random_state=3).image
    image = zarr.create_array(path, shape=(side, side), chunks=(CHUNK, CHUNK), dtype="uint16")
    for y in range(0, side, edge):
        for x in range(0, side, edge):
            height, width = min(edge, side - y), min(edge, side - x)
            image[y : y + height, x : x + width] = block[:height, :width]


def predict() -> None:
    """Predict the zarr of the folder that the command line names; print time, memory and objects."""
    model, folder = UNetSegmenter.load(sys.argv[1]), Path(sys.argv[2])
    import torch  # noqa: F401 -- what a library weighs is not the prediction's doing

    image = zarr.open_array(folder / "image.zarr", mode="r")
    objects = zarr.create_array(
        folder / "objects.zarr", shape=image.shape, chunks=(CHUNK, CHUNK), dtype="int32"
    )
    before = peak_mb()
    start = time.perf_counter()
    job = model.predict_iter(image, "YX", outputs=("instances",), out={"instances": objects})
    found = run_job(job)
    seconds = time.perf_counter() - start
    print(
        json.dumps(
            {
                "seconds": seconds,
                "megapixels_per_s": image.shape[0] * image.shape[1] / seconds / 1e6,
                "peak_mb": peak_mb(),
                "before_mb": before,
                "objects": found.n_objects,
            }
        )
    )


def measure() -> None:
    """Write the image that the command line asks for and predict it in a process that does nothing else."""
    model, side, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    write_image(Path(folder) / "image.zarr", side)
    command = [sys.executable, "-c", "import unet_large; unet_large.predict()", model, folder]
    subprocess.run(command, check=True, cwd=Path(__file__).resolve().parent)


def main() -> None:
    """Teach a small network for a moment, and measure with it."""
    side = sys.argv[1] if len(sys.argv) > 1 else "8192"
    taught = simulate_nuclei_2d((384, 384), n_nuclei=50)
    model = UNetSegmenter(width=8, n_epochs=EPOCHS, steps_per_epoch=30, batch_size=4, patch_size=128)
    model.fit(taught.image, taught.labels)
    with tempfile.TemporaryDirectory() as scratch:
        path = model.save(Path(scratch) / "model.segmotif")
        sys.argv[1:] = [str(path), side, scratch]
        measure()


if __name__ == "__main__":
    main()
