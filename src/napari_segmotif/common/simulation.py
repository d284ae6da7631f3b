"""Simulated microscope images with their ground truth: nuclei in 2D and 3D, and a tissue of three textures.

They serve as sample data, in tests and in benchmarks. Everything follows from `random_state`; lengths are
in micrometres, so that an anisotropic stack shows round nuclei as flat ones, as a microscope does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .scribbles import simulate_scribbles

Array = NDArray[np.float64]
CAMERA_OFFSET = 100.0  # grey values that a camera adds, so that read noise does not fall below 0
READ_NOISE = 3.0  # its standard deviation, in grey values


@dataclass(frozen=True)
class SimulatedImage:
    """An image, what is in it, and what a user might have painted.

    Attributes
    ----------
    image
        The picture, (*axes).
    labels
        int32, (*axes): the objects, 1, 2, …, and 0 between them; for a tissue, the class of each pixel.
    classes
        uint8, (*axes): the class of each pixel, from 1.
    annotation
        uint8, (*axes): simulated scribbles with the true class; 0 = not annotated.
    axes
        Letters of the axes, "YX" or "ZYX".
    spacing
        Size of a pixel along each axis, in `units`.
    units
        Name of the unit along each axis.
    class_names
        What the classes are called.
    """

    image: NDArray[Any]
    labels: NDArray[np.int32]
    classes: NDArray[np.uint8]
    annotation: NDArray[np.uint8]
    axes: str
    spacing: tuple[float, ...]
    units: tuple[str, ...]
    class_names: dict[int, str]


def simulate_nuclei_2d(
    shape: tuple[int, int] = (512, 512),
    *,
    n_nuclei: int = 95,
    spacing: tuple[float, float] = (0.3, 0.3),
    photons: float = 400.0,
    scribble_fraction: float = 0.01,
    random_state: int = 0,
) -> SimulatedImage:
    """Simulate fluorescent nuclei in a widefield image.

    Many nuclei touch, their brightness varies fourfold, and an uneven background and out-of-focus light
    lie under them, so that no single threshold finds them all.

    Parameters
    ----------
    shape
        Size of the image, (Y, X), in pixels.
    n_nuclei
        How many nuclei to place; fewer where there is no room for them.
    spacing
        Size of a pixel, (Y, X), in micrometres.
    photons
        What a pixel in a nucleus of mean brightness collects; fewer give a noisier image.
    scribble_fraction
        Share of the pixels that the scribbles cover.
    random_state
        Seed; the same seed gives the same image.

    Returns
    -------
    SimulatedImage
        uint16 image; classes 1 (background) and 2 (nucleus).
    """
    return _nuclei(shape, "YX", n_nuclei, spacing, photons, (0.22, 0.22), scribble_fraction, random_state)


def simulate_nuclei_3d(
    shape: tuple[int, int, int] = (24, 192, 192),
    *,
    n_nuclei: int = 60,
    spacing: tuple[float, float, float] = (1.0, 0.3, 0.3),
    photons: float = 250.0,
    scribble_fraction: float = 0.01,
    random_state: int = 0,
) -> SimulatedImage:
    """Simulate a confocal stack of fluorescent nuclei whose planes lie further apart than its pixels.

    Parameters
    ----------
    shape
        Size of the stack, (Z, Y, X), in voxels.
    n_nuclei
        How many nuclei to place; fewer where there is no room for them.
    spacing
        Size of a voxel, (Z, Y, X), in micrometres.
    photons
        What a voxel in a nucleus of mean brightness collects; fewer give a noisier stack.
    scribble_fraction
        Share of the voxels that the scribbles cover.
    random_state
        Seed; the same seed gives the same stack.

    Returns
    -------
    SimulatedImage
        uint16 stack; classes 1 (background) and 2 (nucleus).
    """
    blur = (0.7, 0.22, 0.22)
    return _nuclei(shape, "ZYX", n_nuclei, spacing, photons, blur, scribble_fraction, random_state)


def simulate_tissue(
    shape: tuple[int, int] = (512, 512),
    *,
    spacing: tuple[float, float] = (0.5, 0.5),
    photons: float = 150.0,
    scribble_fraction: float = 0.02,
    random_state: int = 0,
) -> SimulatedImage:
    """Simulate a section through a tissue: cell-rich epithelium, fibrous stroma, and lumen.

    Epithelium and stroma have the same mean brightness and differ in texture only, round against oriented;
    a threshold cannot tell them apart.

    Parameters
    ----------
    shape
        Size of the image, (Y, X), in pixels.
    spacing
        Size of a pixel, (Y, X), in micrometres.
    photons
        What a pixel in the tissue collects on average; fewer give a noisier image.
    scribble_fraction
        Share of the pixels that the scribbles cover.
    random_state
        Seed; the same seed gives the same image.

    Returns
    -------
    SimulatedImage
        uint8 image; classes 1 (lumen), 2 (epithelium) and 3 (stroma), which are the labels as well.
    """
    rng = np.random.default_rng(random_state)
    classes = _regions(shape, spacing, rng)
    textures = {
        1: np.full(shape, 0.22),
        2: 1.0 + 0.42 * _packed_cells(shape, spacing, rng),
        3: 1.0 + 0.30 * np.clip(_fibres(shape, spacing, rng), -2.0, 2.5),
    }
    light = np.choose(classes - 1, [textures[k] for k in sorted(textures)])
    light = np.clip(ndimage.gaussian_filter(light, 0.8, mode="reflect"), 0, None)
    light *= 1 + 0.12 * _smooth_noise(shape, spacing, 60.0, rng)
    counts = rng.poisson(np.clip(light, 0, None) * photons) + rng.normal(0, READ_NOISE, shape)
    image = np.clip(np.rint(counts * (80.0 / photons) + 10), 0, 255).astype(np.uint8)
    return SimulatedImage(
        image=image,
        labels=classes.astype(np.int32),
        classes=classes,
        annotation=simulate_scribbles(classes, scribble_fraction, random_state, stroke_pixels=180),
        axes="YX",
        spacing=spacing,
        units=("micrometer",) * 2,
        class_names={1: "lumen", 2: "epithelium", 3: "stroma"},
    )


def _nuclei(
    shape: tuple[int, ...],
    axes: str,
    n_nuclei: int,
    spacing: tuple[float, ...],
    photons: float,
    blur: tuple[float, ...],
    scribble_fraction: float,
    random_state: int,
) -> SimulatedImage:
    rng = np.random.default_rng(random_state)
    labels, depth = _shapes(shape, n_nuclei, spacing, rng)
    brightness = np.exp(rng.normal(0, 0.35, labels.max() + 1)).clip(0.5, 2.0)
    brightness[0] = 0
    # Chromatin: bright clumps and, where the noise is lowest, the dark holes that nucleoli leave.
    chromatin = 1 + 0.22 * _smooth_noise(shape, spacing, 0.5, rng)
    nucleoli = 1 / (1 + np.exp(-4 * (_smooth_noise(shape, spacing, 1.1, rng) + 1.6)))
    light = brightness[labels] * (0.55 + 0.45 * depth) * chromatin * (0.45 + 0.55 * nucleoli)
    focused = ndimage.gaussian_filter(light, _in_pixels(blur, spacing), mode="reflect")
    haze = ndimage.gaussian_filter(light, _in_pixels((6.0,) * len(shape), spacing), mode="reflect")
    background = 0.22 * (1 + 0.4 * _smooth_noise(shape, spacing, 40.0, rng))
    expected = np.clip(focused + 0.3 * haze + background, 0.01, None) * photons
    counts = rng.poisson(expected) + rng.normal(CAMERA_OFFSET, READ_NOISE, shape)
    classes = np.where(labels > 0, 2, 1).astype(np.uint8)
    return SimulatedImage(
        image=np.clip(np.rint(counts), 0, 65535).astype(np.uint16),
        labels=labels,
        classes=classes,
        annotation=simulate_scribbles(classes, scribble_fraction, random_state),
        axes=axes,
        spacing=spacing,
        units=("micrometer",) * len(shape),
        class_names={1: "background", 2: "nucleus"},
    )


def _shapes(
    shape: tuple[int, ...], n_nuclei: int, spacing: tuple[float, ...], rng: np.random.Generator
) -> tuple[NDArray[np.int32], Array]:
    """Return the nuclei's labels and, inside them, how deep a pixel lies (0 at the rim, 1 at the centre)."""
    centers, radii = _positions(shape, n_nuclei, spacing, rng)
    bumps = 0.11 * _smooth_noise(shape, spacing, 2.2, rng)
    nearest = np.full(shape, 1.0)  # normalised distance from the centre of the nucleus that has the pixel
    labels = np.zeros(shape, np.int32)
    for number, (center, radius) in enumerate(zip(centers, radii, strict=True), start=1):
        reach = 1.6 * radius
        box = tuple(
            slice(max(0, int((c - reach) / s)), min(n, int((c + reach) / s) + 1))
            for c, s, n in zip(center, spacing, shape, strict=True)
        )
        offsets = np.meshgrid(
            *(np.arange(b.start, b.stop) * s - c for b, s, c in zip(box, spacing, center, strict=True)),
            indexing="ij",
        )
        distance = _ellipsoid_distance(np.stack(offsets, axis=-1), radius, rng) + bumps[box]
        closer = distance < nearest[box]
        nearest[box][closer] = distance[closer]
        labels[box][closer] = number
    depth = np.sqrt(np.clip(1 - np.clip(nearest, 0, 1) ** 2, 0, 1))
    return _whole_and_numbered(labels), depth


def _positions(
    shape: tuple[int, ...], n_nuclei: int, spacing: tuple[float, ...], rng: np.random.Generator
) -> tuple[list[Array], list[float]]:
    """Place nuclei one after the other, every second one against another so that groups form."""
    extent = np.asarray(shape) * np.asarray(spacing)
    centers: list[Array] = []
    radii: list[float] = []
    for _ in range(60 * n_nuclei):
        if len(centers) == n_nuclei:
            break
        radius = float(np.clip(rng.normal(4.6, 0.6), 3.2, 6.0))
        center = rng.uniform(0, 1, len(shape)) * extent
        if centers and rng.uniform() < 0.5:
            partner = int(rng.integers(len(centers)))
            direction = rng.normal(size=len(shape))
            direction /= np.linalg.norm(direction)
            center = centers[partner] + direction * (radii[partner] + radius) * rng.uniform(0.86, 1.0)
        inside = bool(np.all((center > 0) & (center < extent)))
        apart = all(
            np.linalg.norm(center - c) > 0.85 * (radius + r) for c, r in zip(centers, radii, strict=True)
        )
        if inside and apart:
            centers.append(center)
            radii.append(radius)
    return centers, radii


def _ellipsoid_distance(offsets: Array, radius: float, rng: np.random.Generator) -> Array:
    """Return the distance from the centre, 1 on the surface, for offsets (*spatial, ndim)."""
    ndim = offsets.shape[-1]
    rotation, _ = np.linalg.qr(rng.normal(size=(ndim, ndim)))
    stretch = np.exp(rng.normal(0, 0.14, ndim))
    stretch /= stretch.prod() ** (1 / ndim)
    distance: Array = np.linalg.norm(offsets @ rotation / (radius * stretch), axis=-1)
    return distance


def _whole_and_numbered(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Keep the largest piece of each object, drop what is too small to see, and number from 1."""
    result = np.zeros_like(labels)
    count = 0
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        pieces, _ = ndimage.label(labels[box] == number)
        sizes = np.bincount(pieces.ravel())[1:]
        if sizes.max() >= 30:
            count += 1
            result[box][pieces == sizes.argmax() + 1] = count
    return result


def _regions(
    shape: tuple[int, int], spacing: tuple[float, float], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Divide the field among the three tissues, in islands of some 40 micrometres."""
    fields = [_smooth_noise(shape, spacing, 14.0, rng) for _ in range(3)]
    fields[0] -= 0.35  # less lumen than tissue
    regions: NDArray[np.uint8] = (np.argmax(np.stack(fields), axis=0) + 1).astype(np.uint8)
    return regions


def _packed_cells(shape: tuple[int, int], spacing: tuple[float, float], rng: np.random.Generator) -> Array:
    """Return densely packed round nuclei of varied brightness; mean 0, deviation 1."""
    pitch, radius = 7.0, 2.6  # distance from nucleus to nucleus, and the size of one, in micrometres
    rows, columns = (int(n * s / pitch) + 2 for n, s in zip(shape, spacing, strict=True))
    row, column = np.mgrid[:rows, :columns].astype(float)
    column += 0.5 * (row % 2)  # hexagonal, then shaken
    places = (np.stack([row, column]) + rng.uniform(-0.28, 0.28, (2, rows, columns))) * pitch
    y, x = (np.rint(place / s).astype(int) for place, s in zip(places, spacing, strict=True))
    seen = (y < shape[0]) & (x < shape[1]) & (y >= 0) & (x >= 0)
    spots = np.zeros(shape)
    spots[y[seen], x[seen]] = rng.uniform(0.6, 1.2, int(seen.sum()))
    # A disk, as the convolution of a spot with a flat-topped profile.
    reach = [int(np.ceil(2 * radius / s)) for s in spacing]
    dy, dx = np.mgrid[-reach[0] : reach[0] + 1, -reach[1] : reach[1] + 1]
    profile = np.exp(-((((dy * spacing[0]) ** 2 + (dx * spacing[1]) ** 2) / radius**2) ** 2))
    nuclei = ndimage.convolve(spots, profile, mode="reflect")
    return _standardised(nuclei * (1 + 0.25 * _smooth_noise(shape, spacing, 0.9, rng)))


def _fibres(shape: tuple[int, int], spacing: tuple[float, float], rng: np.random.Generator) -> Array:
    """Return noise drawn out along a direction that turns slowly across the field; mean 0, deviation 1."""
    n_directions = 16
    angles = np.pi * np.arange(n_directions) / n_directions
    direction = np.pi * 0.6 * _smooth_noise(shape, spacing, 45.0, rng)
    spectrum = np.fft.rfft2(rng.normal(size=shape))
    fy = np.fft.fftfreq(shape[0], spacing[0])[:, None]
    fx = np.fft.rfftfreq(shape[1], spacing[1])[None, :]
    along, across = 9.0, 0.7  # standard deviations of the elongated Gaussian, in micrometres
    total = np.zeros(shape)
    for angle in angles:
        u = np.cos(angle) * fx + np.sin(angle) * fy
        v = np.cos(angle) * fy - np.sin(angle) * fx
        transfer = np.exp(-2 * np.pi**2 * ((along * u) ** 2 + (across * v) ** 2))
        drawn = _standardised(np.fft.irfft2(spectrum * transfer, s=shape))
        # Orientations repeat after π; a narrow window blends neighbouring ones only.
        total += drawn * np.cos(direction - angle) ** 32
    strength = 1 + 0.35 * _smooth_noise(shape, spacing, 8.0, rng)  # bundles, and looser places between them
    return _standardised(total * np.clip(strength, 0.3, None))


def _smooth_noise(
    shape: tuple[int, ...], spacing: tuple[float, ...], length: float, rng: np.random.Generator
) -> Array:
    """Return noise of mean 0 and deviation 1, smooth over `length` micrometres."""
    sigma = _in_pixels((length,) * len(shape), spacing)
    return _standardised(ndimage.gaussian_filter(rng.normal(size=shape), sigma, mode="reflect"))


def _standardised(values: Array) -> Array:
    result: Array = (values - values.mean()) / values.std()
    return result


def _in_pixels(lengths: tuple[float, ...], spacing: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(length / size for length, size in zip(lengths, spacing, strict=True))
