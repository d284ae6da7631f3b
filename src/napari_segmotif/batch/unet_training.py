"""A U-Net trained on files; while it is, what it has learned so far is kept in a file."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..common.progress import CancelToken, Job, Progress
from ..errors import InputError
from ..unet.learning.reports import EpochReport
from ..unet.parameters import Annotation
from .pairs import OpenedPairs, Pair, open_pairs

if TYPE_CHECKING:
    from ..unet.segmenter import UNetSegmenter

Start = Literal["new", "resume", "fine_tune"]


@dataclass(frozen=True)
class TrainingFiles:
    """What a network is trained on.

    Attributes
    ----------
    pairs
        Images and their labels.
    validation
        Others, which are held out instead of some of `pairs`; empty: some of those are held out.
    annotation
        What the labels are; None: what they were when the model was trained.
    axes, spacing
        Of all images; None takes what the files say.
    class_names
        By label. Names that a label file brings along come second; where labels are objects, they have none.
    """

    pairs: Sequence[Pair]
    validation: Sequence[Pair] = ()
    annotation: Annotation | None = None
    axes: str | None = None
    spacing: Sequence[float] | None = None
    class_names: Mapping[int, str] | None = None


@dataclass(frozen=True)
class Keeping:
    """Where, and how often, an unfinished training is kept, so that it can be gone on with.

    Attributes
    ----------
    path
        The model file; it goes when training is finished.
    seconds
        Between two times, at least; kept only between epochs.
    """

    path: Path
    seconds: float


def train_unet_iter(
    segmenter: UNetSegmenter,
    files: TrainingFiles,
    start: Start = "new",
    *,
    keeping: Keeping | None = None,
    cancel: CancelToken | None = None,
    stop: CancelToken | None = None,
) -> Job[UNetSegmenter]:
    """Train on pairs of files, as a job.

    Parameters
    ----------
    segmenter
        What to train.
    files
        What to train it on.
    start
        From random weights, from where a training was stopped, or from weights learned before.
    keeping
        Where to keep an unfinished training, or None. The result is the same.
    cancel, stop
        Leave all as it was, and end soon with the best weights so far.

    Yields
    ------
    Progress
        After every epoch its EpochReport.

    Raises
    ------
    InputError
        If the files cannot be trained on; says what to do.
    """
    if not files.pairs:
        raise InputError("no image has labels of its name: check the names of the files (got no pair)")
    with ExitStack() as stack:
        opened = stack.enter_context(open_pairs(files.pairs, files.axes, files.spacing))
        apart = None
        if files.validation:
            apart = stack.enter_context(open_pairs(files.validation, files.axes, files.spacing))
        legs = _Legs(segmenter, keeping, cancel, stop)
        annotation = files.annotation or segmenter.annotation_
        options = _options(files, opened, apart, annotation)
        images, labels = list(opened.images), list(opened.annotations)
        leg = legs.token()
        if start == "resume":
            job = segmenter.resume_job(images, labels, cancel=cancel, stop=leg, **options)
        else:
            begin = segmenter.fit_job if start == "new" else segmenter.fine_tune_job
            job = begin(images, labels, annotation, cancel=cancel, stop=leg, **options)
        yield from legs.drive(job, leg)
    return segmenter


def guess_annotation_of(pair: Pair, axes: str | None = None) -> tuple[Annotation, str]:
    """What the labels of a pair seem to be, and what there is of them in words."""
    from ..unet.training_data.annotation_kind import describe_annotation, guess_annotation

    with open_pairs([pair], axes) as opened:
        labels = opened.annotations[0]
        guess = guess_annotation(labels)
        return guess, describe_annotation(labels, guess)


class _Legs:
    """Drives a training from one keeping to the next: it is stopped, saved, and gone on with."""

    def __init__(
        self,
        segmenter: UNetSegmenter,
        keeping: Keeping | None,
        cancel: CancelToken | None,
        stop: CancelToken | None,
    ) -> None:
        self._segmenter = segmenter
        self._keeping = keeping
        self._cancel = cancel
        self._stop = stop
        self._kept_at = time.monotonic()

    def token(self) -> _OneOfTwo:
        """What ends the next leg."""
        return _OneOfTwo(self._stop)

    def drive(self, job: Job[Any], leg: _OneOfTwo) -> Job[None]:
        """Drive a training to its end."""
        while True:
            yield from self._watched(job, leg)
            if not leg.ended_itself or not self._segmenter.can_resume or self._keeping is None:
                return
            yield Progress(0, 0, "keeping what was learned so far")
            self._segmenter.save(self._keeping.path)
            self._kept_at = time.monotonic()
            leg = self.token()
            job = self._segmenter.resume_job(cancel=self._cancel, stop=leg)

    def _watched(self, job: Job[Any], leg: _OneOfTwo) -> Job[None]:
        """Pass a job on, and end its leg after an epoch when it is time."""
        try:
            for progress in job:
                yield progress
                if isinstance(progress, EpochReport) and progress.epoch < progress.n_epochs and self._due():
                    leg.cancel()
        finally:
            job.close()

    def _due(self) -> bool:
        return self._keeping is not None and time.monotonic() - self._kept_at >= self._keeping.seconds


class _OneOfTwo(CancelToken):
    """Is cancelled by itself, or by another token."""

    def __init__(self, other: CancelToken | None) -> None:
        super().__init__()
        self._other = other

    @property
    def cancelled(self) -> bool:
        return super().cancelled or (self._other is not None and self._other.cancelled)

    @property
    def ended_itself(self) -> bool:
        """Whether it was this token, and not the other one."""
        return super().cancelled and not (self._other is not None and self._other.cancelled)


def _options(
    files: TrainingFiles, opened: OpenedPairs, apart: OpenedPairs | None, annotation: Annotation
) -> dict[str, Any]:
    # Names in a file of objects are those of the classes that the objects were made of.
    named = {} if annotation == "instances" else dict(opened.class_names)
    options: dict[str, Any] = {"image_names": [pair.image.name for pair in files.pairs]}
    if named or files.class_names:
        options["class_names"] = {**named, **(files.class_names or {})}
    if opened.channel_names:
        options["channel_names"] = opened.channel_names
    if apart is not None:
        options["validation"] = (list(apart.images), list(apart.annotations))
    return options
