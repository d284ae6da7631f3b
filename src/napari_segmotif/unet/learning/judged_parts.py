"""The parts of held-out samples that a network is judged on: what is annotated, as far as memory allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..parameters import Annotation
from ..training_data.label_counts import count_labels, ignore_labels
from ..training_data.samples import Sample

MOST_PIXELS = 1 << 24
"""Of all parts together: their maps stay in memory until the decoder is chosen."""
_CONTEXT = 64  # pixels around an annotated part that the network sees, too

Box = tuple[slice, ...]


def judged_parts(samples: Sequence[Sample], annotation: Annotation, most: int = MOST_PIXELS) -> list[Sample]:
    """As many samples as fit into `most` pixels together, each cut to its annotated part; at least one.

    Where not even the first fits, its middle is judged; of what lies around, and of objects that reach there,
    the labels are −1.
    """
    chosen: list[Sample] = []
    left = most
    for sample in samples:
        box = _annotated(sample.labels)
        size = _size(box)
        if chosen and size > left:
            break
        chosen.append(_cut(sample, _middle(box, most) if size > most else box, annotation))
        left -= size
    return chosen


def _annotated(labels: NDArray[np.int32]) -> Box:
    """The smallest box around all labels that are not −1; all of it where there is none."""
    known = labels >= 0
    axes = range(labels.ndim)
    along = [np.flatnonzero(known.any(axis=tuple(a for a in axes if a != axis))) for axis in axes]
    if not len(along[0]):
        return tuple(slice(0, n) for n in labels.shape)
    return tuple(slice(int(found[0]), int(found[-1]) + 1) for found in along)


def _middle(box: Box, most: int) -> Box:
    """The middle of a box, so large that it has at most so many pixels; its longest sides give way first."""
    lengths = [part.stop - part.start for part in box]
    for longest in sorted(range(len(lengths)), key=lambda axis: -lengths[axis]):
        others = int(np.prod(lengths, dtype=np.int64)) // lengths[longest]
        balanced = round(most ** (1 / len(lengths)))
        lengths[longest] = min(lengths[longest], max(1, balanced, most // others))
    starts = [(part.start + part.stop - n) // 2 for part, n in zip(box, lengths, strict=True)]
    return tuple(slice(start, start + n) for start, n in zip(starts, lengths, strict=True))


def _cut(sample: Sample, box: Box, annotation: Annotation) -> Sample:
    shape = sample.labels.shape
    window = tuple(
        slice(max(0, part.start - _CONTEXT), min(n, part.stop + _CONTEXT))
        for part, n in zip(box, shape, strict=True)
    )
    inner = tuple(
        slice(part.start - seen.start, part.stop - seen.start) for part, seen in zip(box, window, strict=True)
    )
    if all(part == slice(0, n) for part, n in zip(inner, shape, strict=True)):
        return sample
    labels = np.full([seen.stop - seen.start for seen in window], -1, np.int32)
    labels[inner] = sample.labels[box]
    if annotation == "instances":
        around = sample.labels[window].copy()
        around[inner] = -1
        beyond = count_labels(around)[0]
        ignore_labels(labels, beyond[beyond > 0])
    return replace(sample, image=sample.image[(slice(None), *window)], labels=labels)


def _size(box: Box) -> int:
    return int(np.prod([part.stop - part.start for part in box], dtype=np.int64))
