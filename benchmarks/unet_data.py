"""What the U-Net is measured on: a fixed split of DSB2018, ten and twenty images of it, simulated nuclei.

The 491 file names are sorted by the SHA-256 of the name (`bb8ebf465c96.tif` comes first): the first 50 are
test images, the next 50 validation images, the rest training images. With `development` the 50 validation
images stand in for the test images, and 50 of the training images for the validation images, so that whoever
chooses a setting never looks at a test image.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_segmotif.common.scribbles import simulate_scribbles
from napari_segmotif.common.simulation import SimulatedImage, simulate_nuclei_2d, simulate_nuclei_3d

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("SEGMOTIF_DATA", ROOT.parent / "shared" / "data")) / "dsb2018"
HELD_OUT = 50
SCRIBBLED = 0.049  # so that rounding stays below 5 % of an image's pixels
CLASSES = {1: "background", 2: "nucleus"}
SPACING_3D = (1.0, 0.25, 0.25)
SHAPE_3D = (32, 128, 128)
NUCLEI_3D = 30
# Volumes and images are simulated from seeds of their own for training, development and report.
FIRST_SEED = {"training": 0, "development": 500, "report": 1000}

Images = list[np.ndarray]


@dataclass(frozen=True)
class Asked:
    """What a run of the benchmark was asked for.

    Attributes
    ----------
    development
        Evaluate on the validation images instead of the test images.
    quick
        A few images, seconds of training: to see whether everything runs.
    minutes
        Of each training, instead of what the part says.
    choices
        How many different choices of ten images.
    settings
        Settings of the segmenter that differ from the defaults.
    flips
        Average the predictions of flipped images.
    device
        As for UNetSegmenter.
    keep
        Folder for the trained models; a model that is there is not trained again.
    side
        Side of the square image of the part "large".
    """

    keep: Path
    development: bool = False
    quick: bool = False
    minutes: float | None = None
    choices: int = 3
    settings: tuple[tuple[str, Any], ...] = ()
    flips: bool = False
    device: str = "cpu"
    side: int = 8192

    def n(self, usual: int, quick: int) -> int:
        """How many of something: fewer in a quick run."""
        return quick if self.quick else usual

    def training_minutes(self, usual: float) -> float:
        """How long a training may take."""
        return 0.25 if self.quick else self.minutes or usual

    @property
    def seeds(self) -> int:
        """The first seed of what is simulated for evaluation."""
        return FIRST_SEED["development" if self.development else "report"]


def available() -> bool:
    """Whether DSB2018 is there."""
    return (DATA / "images").is_dir()


def by_hash(names: Sequence[str], salt: str = "") -> list[str]:
    """Names in an order that nobody chose and that is the same everywhere."""
    return sorted(names, key=lambda name: sha256((salt + name).encode()).hexdigest())


@dataclass(frozen=True)
class Names:
    """File names of images to train on, to validate with during training, and to evaluate on."""

    training: tuple[str, ...]
    validation: tuple[str, ...]
    evaluation: tuple[str, ...]


def split(asked: Asked) -> Names:
    """The fixed split, or that for development; fewer images of each in a quick run."""
    names = by_hash([path.name for path in (DATA / "images").glob("*.tif")])
    first = HELD_OUT if asked.development else 0
    evaluation, validation, training = (
        names[first : first + HELD_OUT],
        names[first + HELD_OUT : first + 2 * HELD_OUT],
        names[first + 2 * HELD_OUT :],
    )
    n = asked.n(HELD_OUT, 4)
    return Names(tuple(training[: asked.n(491, 12)]), tuple(validation[:n]), tuple(evaluation[:n]))


def some(asked: Asked, n: int, choice: int = 0) -> tuple[str, ...]:
    """n of the training images, another choice of them for each number."""
    return tuple(by_hash(split(asked).training, f"choice {choice}: ")[: asked.n(n, 4)])


def load(names: Sequence[str]) -> tuple[Images, Images]:
    """Images (Y, X) uint8 and their objects (Y, X) int32."""
    images = [tifffile.imread(DATA / "images" / name) for name in names]
    labels = [tifffile.imread(DATA / "labels" / name).astype(np.int32) for name in names]
    return images, labels


def semantic(labels: Images) -> Images:
    """Class of every pixel, 1 = background and 2 = nucleus, of objects."""
    return [np.where(each > 0, 2, 1).astype(np.uint8) for each in labels]


def scribbles(labels: Images, fraction: float = SCRIBBLED, seed: int = 0) -> Images:
    """Strokes on both classes of every image, on at most this share of its pixels; 0 = not annotated."""
    return [simulate_scribbles(each, fraction, seed + number) for number, each in enumerate(semantic(labels))]


def annotated_share(annotations: Images) -> float:
    """The largest share of an image's pixels that is annotated."""
    return max(float((each > 0).mean()) for each in annotations)


def scaled(images: Images) -> Images:
    """Images as float32 whose percentiles 1 and 99.8 are 0 and 1: what the U-Net does by itself."""
    ranges = [np.percentile(image, (1, 99.8)) for image in images]
    return [
        ((image - low) / max(high - low, 1e-6)).astype(np.float32)
        for image, (low, high) in zip(images, ranges, strict=True)
    ]


def nuclei_3d(seeds: Sequence[int]) -> list[SimulatedImage]:
    """Confocal stacks (Z, Y, X) of nuclei, about half of which touch another; planes 1 µm apart."""
    return [
        simulate_nuclei_3d(SHAPE_3D, n_nuclei=NUCLEI_3D, spacing=SPACING_3D, random_state=seed)
        for seed in seeds
    ]


def nuclei_2d(seeds: Sequence[int]) -> list[SimulatedImage]:
    """Widefield images (512, 512) of nuclei: of another kind than DSB2018."""
    return [simulate_nuclei_2d(random_state=seed) for seed in seeds]
