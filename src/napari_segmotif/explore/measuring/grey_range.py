"""Which intensities the grey levels of textures span: what most pixels in objects have.

Textures can be compared only where the levels are the same, and one bright speck must not squeeze all other
pixels into the lowest of them. So a range leaves out the darkest and the brightest hundredth of the pixels in
objects (they belong to the first and the last level), and a range that was found can be given to the next
image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...common.progress import CancelToken, Job, Progress
from ...errors import InputError
from .object_images import ObjectImages

GreyRange = tuple[float, float]
Ranges = list[GreyRange | None]
Sample = tuple[NDArray[np.float64], int]
"""Intensities, and for how many pixels each of them stands."""

_SHARE = 0.01
_PIXELS = 1 << 18  # of a frame: places the hundredths to within a fiftieth of a per cent
_PIXELS_OF_ALL = 1 << 22
_AT_ONCE = 1 << 22


def checked_ranges(given: Sequence[GreyRange] | None, n_channels: int) -> Ranges | None:
    """Ranges as they were given; None where there are none.

    Raises
    ------
    InputError
        If there is not one pair of finite numbers, low before high, for each channel.
    """
    if given is None or not len(given):
        return None
    try:
        ranges = [(float(low), float(high)) for low, high in given]
    except (TypeError, ValueError):
        ranges = []
    if len(ranges) != n_channels or not all(-np.inf < low <= high < np.inf for low, high in ranges):
        raise InputError(
            f"grey_range needs a low and a high intensity for each of the {n_channels} channels (got {given})"
        )
    return list(ranges)


def grey_ranges_job(images: ObjectImages, cancel: CancelToken) -> Job[Ranges]:
    """The range of each channel over all frames; None where no object has a value."""
    samples: list[list[Sample]] = [[] for _ in images.channels]
    most = min(_PIXELS, max(1000, _PIXELS_OF_ALL // images.n_frames))
    for frame in range(images.n_frames):
        cancel.raise_if_cancelled()
        yield Progress(0, images.n_frames, f"looking for grey levels in frame {frame + 1}")
        labels = images.read_labels(frame)
        for channel, found in enumerate(samples):
            found.append(sample_of_objects(images.read_channel(frame, channel), labels, most))
    return [range_of(found) for found in samples]


def sample_of_objects(image: NDArray[Any], labels: NDArray[Any], most: int = _PIXELS) -> Sample:
    """Intensities of every so many pixels in objects, at most `most` of them; the same each time."""
    inside = np.ascontiguousarray(labels).reshape(-1)
    values = np.ascontiguousarray(image).reshape(-1)
    # An odd step does not fall in with patterns of two, four, eight … pixels.
    step = max(1, -(-int(np.count_nonzero(inside)) // most)) | 1
    parts, seen = [], 0
    for begin in range(0, inside.size, _AT_ONCE):
        places = np.flatnonzero(inside[begin : begin + _AT_ONCE])
        parts.append(values[begin + places[-seen % step :: step]].astype(np.float64))
        seen += len(places)
    sample = np.concatenate(parts) if parts else np.empty(0)
    return sample[np.isfinite(sample)], step


def range_of(samples: Sequence[Sample]) -> GreyRange | None:
    """From where to where all but the outer hundredths lie; all of it where these are one intensity."""
    values = np.concatenate([sample for sample, _ in samples])
    if not values.size:
        return None
    weights = np.repeat([float(step) for _, step in samples], [len(sample) for sample, _ in samples])
    low, high = np.quantile(values, (_SHARE, 1 - _SHARE), weights=weights, method="inverted_cdf")
    if low == high:
        low, high = values.min(), values.max()
    return float(low), float(high)
