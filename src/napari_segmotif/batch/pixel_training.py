"""A pixel classifier trained on files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..common.progress import CancelToken, Job
from ..pixel.classifier import PixelClassifier
from .pairs import Pair, open_pairs


def train_iter(
    classifier: PixelClassifier,
    pairs: Sequence[Pair],
    *,
    axes: str | None = None,
    spacing: Sequence[float] | None = None,
    class_names: Mapping[int, str] | None = None,
    cancel: CancelToken | None = None,
) -> Job[PixelClassifier]:
    """Train on pairs of files, as a job.

    Parameters
    ----------
    classifier
        What to train.
    pairs
        Files; they are read where something is painted.
    axes, spacing
        Of all images; None takes what the files say.
    class_names
        By label. Names that an annotation file brings along come second.
    """
    with open_pairs(pairs, axes, spacing) as opened:
        return (
            yield from classifier.fit_iter(
                opened.images,
                opened.annotations,
                class_names={**opened.class_names, **(class_names or {})},
                channel_names=opened.channel_names,
                cancel=cancel,
            )
        )
