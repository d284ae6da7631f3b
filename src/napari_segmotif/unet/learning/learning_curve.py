"""Quality against the number of annotated images: whether more annotation would help.

The same network is trained on one image, two, four, …, each time with the images of before among them, and
judged on images that none of them was trained on. All are trained for the same number of steps on patches of
the same size: otherwise the curve would show how long was trained.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ...common.progress import CancelToken, Job, Progress
from ...errors import AnnotationError, InputError
from ..parameters import Annotation, UNetParameters

if TYPE_CHECKING:
    from ..segmenter import UNetSegmenter

Measure = Literal["mean AP", "Dice"]
FEWEST_IMAGES = 3
"""Annotated images that a curve needs: two sizes of training set, and one image to judge by."""

_NEGLIGIBLE = 0.01
"""A difference in AP or Dice that nobody should annotate for."""
_NOISY = 0.03
"""A difference that one would annotate for, so that it is worth saying where chance makes as much."""
_UNKNOWN = {"mean AP": 0.05, "Dice": 0.02}
"""What chance makes, where too few samples judge to know."""
_TOO_LOW = 0.2
"""A score of networks that have not learned yet what is there to be learned."""


@dataclass(frozen=True)
class CurvePoint:
    """One training.

    Attributes
    ----------
    n_images
        It was trained on.
    score
        Mean AP of objects over IoU .5, .6, .7, .8 and .9, or Dice of the foreground, on the images held out,
        all together; in [0, 1].
    by_sample
        The same of every plane, or volume, that was held out; empty where only Dice is known.
    """

    n_images: int
    score: float
    by_sample: tuple[float, ...] = ()


@dataclass(frozen=True)
class LearningCurve:
    """Quality by the number of annotated images.

    Attributes
    ----------
    points
        By ascending number of images.
    measure
        What `score` is: "mean AP" for objects, "Dice" for classes and scribbles. It is a little too good,
        since the best epoch and the decoder are chosen on the same images; for all points alike.
    held_out
        Indices of the images that judged, of those given.
    verdict
        Whether more annotated images would help, in plain words; empty until there are two points.
    messages
        What else the user should know.
    """

    points: tuple[CurvePoint, ...]
    measure: Measure
    held_out: tuple[int, ...]
    verdict: str = ""
    messages: tuple[str, ...] = ()

    def as_rows(self) -> list[dict[str, float]]:
        """One dict a point, for a table."""
        return [{"n_images": point.n_images, "score": point.score} for point in self.points]


def learning_curve_job(
    parameters: UNetParameters,
    images: Sequence[Any],
    labels: Sequence[Any],
    annotation: Annotation = "instances",
    axes: str | None = None,
    spacing: Sequence[float] | None = None,
    *,
    sizes: Sequence[int] | None = None,
    cancel: CancelToken | None = None,
) -> Job[LearningCurve]:
    """Train on more and more of the annotated images, and judge each time on the same images held out.

    The largest training comes first: it decides depth, patches and number of steps for all.

    Parameters
    ----------
    parameters
        Settings of the segmenter. `max_minutes` holds for the whole curve, and is shared out evenly;
        `validation_share` of the images, chosen by `random_state`, judge.
    images, labels
        As for `UNetSegmenter.fit`: lists, one entry an image, 3 at least.
    annotation, axes, spacing
        As for `UNetSegmenter.fit`.
    sizes
        Numbers of images to train on; by default 1, 2, 4, … and all that are not held out.
    cancel
        Leaves nothing behind when it is set.

    Yields
    ------
    Progress
        With `partial`, after every training, the LearningCurve so far.

    Returns
    -------
    LearningCurve

    Raises
    ------
    InputError
        For fewer than 3 images, another number of labels than images, or sizes that there are no images for.
    AnnotationError
        For annotations that nothing can be learned from.
    JobCancelled
        When it was cancelled.
    """
    training, held_out = _hold_out(images, labels, parameters)
    wanted = sorted(_sizes(sizes, len(training)), reverse=True)
    validation = ([images[i] for i in held_out], [labels[i] for i in held_out])
    curve = LearningCurve((), "mean AP" if annotation == "instances" else "Dice", held_out)
    largest: UNetSegmenter | None = None
    shared = _shared_time(parameters, len(wanted))
    for number, size in enumerate(wanted):
        chosen = training[:size]
        given = ([images[i] for i in chosen], [labels[i] for i in chosen])
        segmenter = _new_segmenter(shared if largest is None else _same_effort(shared, largest))
        job = segmenter.fit_job(
            *given, annotation, axes=axes, spacing=spacing, validation=validation, cancel=cancel
        )
        try:
            yield from _told(job, number, len(wanted), size)
        except AnnotationError as problem:
            if largest is None:
                raise
            curve = _with_message(curve, f"Training on {_images(size)} was left out: {problem}")
            continue
        largest = largest or segmenter
        if tuple(segmenter.classes_) != tuple(largest.classes_):
            curve = _with_message(
                curve, f"Training on {_images(size)} was left out: not every class is in there."
            )
            continue
        curve = _with_point(curve, _point(segmenter, size))
        message = f"trained on {_images(size)}: {curve.measure} {curve.points[0].score:.2f}"
        yield Progress(number + 1, len(wanted), message, partial=curve)
    return curve


def judge(points: Sequence[CurvePoint], measure: Measure) -> str:
    """Whether more images would help, in plain words: by what the last doubling brought.

    Parameters
    ----------
    points
        By ascending number of images; with fewer than two, the answer is empty.
    measure
        What their scores are.
    """
    if len(points) < 2:
        return ""
    last = points[-1]
    half = max((p for p in points[:-1] if 2 * p.n_images <= last.n_images), default=points[0], key=_n_images)
    if last.score < _TOO_LOW:
        return (
            f"{measure} is {last.score:.2f} with {_images(last.n_images)}, too low to say whether more would "
            "help: train for longer first, and look whether the labels fit the images."
        )
    gain, chance = last.score - half.score, _chance(half, last, measure)
    change = (
        f"{measure} {{}} from {half.score:.2f} with {_images(half.n_images)} to {last.score:.2f} with "
        f"{last.n_images}"
    )
    if gain > chance:
        return (
            f"{change.format('rose')}: more annotated images are likely to help. Twice as many again usually "
            "bring somewhat less than the last doubling did."
        )
    if gain < -chance:
        return (
            f"{change.format('fell')}: look whether the images that were added are annotated in the same way "
            "as those that judge, or train for longer."
        )
    if chance > _NOISY:
        return (
            f"{change.format('went')}, which may be chance with so few images to judge by (differences below "
            f"{chance:.2f} say nothing): annotate some more, and look again."
        )
    return (
        f"{change.format('went')}: more images of this kind will hardly help. Look at where it goes wrong, "
        "and annotate images in which that happens."
    )


# ---------------------------------------------------------------------------------------------------- choices


def _hold_out(
    images: Sequence[Any], labels: Sequence[Any], parameters: UNetParameters
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Indices to train on, in the order in which they are added, and indices that judge."""
    if not isinstance(images, (list, tuple)) or not isinstance(labels, (list, tuple)):
        raise InputError(
            "a learning curve needs a list of images and a list of labels "
            f"(got {type(images).__name__} and {type(labels).__name__})"
        )
    if len(images) != len(labels):
        raise InputError(f"every image needs its labels (got {len(images)} images and {len(labels)} labels)")
    n = len(images)
    if n < FEWEST_IMAGES:
        raise InputError(
            f"a learning curve needs at least {FEWEST_IMAGES} annotated images: annotate some more (got {n})"
        )
    order = [int(i) for i in np.random.default_rng(parameters.random_state).permutation(n)]
    n_held_out = min(max(1, round(parameters.validation_share * n)), n - 2)
    return tuple(order[n_held_out:]), tuple(sorted(order[:n_held_out]))


def _sizes(sizes: Sequence[int] | None, n: int) -> set[int]:
    """Numbers of images to train on, of n."""
    if sizes is None:
        return {2**k for k in range(n.bit_length())} | {n}
    chosen = {int(size) for size in sizes}
    if not chosen or min(chosen) < 1 or max(chosen) > n:
        raise InputError(
            f"sizes must lie between 1 and {n}, the number of images that are not held out "
            f"(got {list(sizes)})"
        )
    return chosen


def _shared_time(parameters: UNetParameters, n: int) -> UNetParameters:
    minutes = parameters.max_minutes
    return parameters if minutes is None else parameters.model_copy(update={"max_minutes": minutes / n})


def _same_effort(parameters: UNetParameters, largest: UNetSegmenter) -> UNetParameters:
    """The same network, trained for as many steps on patches of the same size."""
    configuration = largest.configuration_
    same = {
        "depth": configuration.depth,
        "patch_size": configuration.patch[-1],
        "batch_size": configuration.batch_size,
        "steps_per_epoch": configuration.steps_per_epoch,
        "n_epochs": max(1, len(largest.history_)),
    }
    return parameters.model_copy(update=same)


def _new_segmenter(parameters: UNetParameters) -> UNetSegmenter:
    from ..segmenter import UNetSegmenter

    return UNetSegmenter(**parameters.model_dump())


# ----------------------------------------------------------------------------------------------------- points


def _told(job: Job[UNetSegmenter], number: int, n: int, size: int) -> Job[None]:
    """What a training says, as a part of the whole curve."""
    for progress in job:
        said = f"trained on {_images(size)}: {progress.message}"
        yield Progress(number + progress.fraction, n, said)


def _point(segmenter: UNetSegmenter, size: int) -> CurvePoint:
    table = segmenter.validation_
    if table is None:
        return CurvePoint(size, math.nan)
    if table.objects is None:
        return CurvePoint(size, float(table.dice))
    by_sample = tuple(float(scores.mean_average_precision) for scores in table.objects_per_sample)
    return CurvePoint(size, float(table.objects.mean_average_precision), by_sample)


def _with_point(curve: LearningCurve, point: CurvePoint) -> LearningCurve:
    points = tuple(sorted((*curve.points, point), key=_n_images))
    return replace(curve, points=points, verdict=judge(points, curve.measure))


def _with_message(curve: LearningCurve, message: str) -> LearningCurve:
    return replace(curve, messages=(*curve.messages, message))


def _chance(half: CurvePoint, last: CurvePoint, measure: Measure) -> float:
    """The difference that chance makes: two standard errors over held-out samples, which judged both."""
    if len(half.by_sample) != len(last.by_sample) or not half.by_sample:
        return _UNKNOWN[measure]
    differences = np.subtract(last.by_sample, half.by_sample)
    known = differences[~np.isnan(differences)]
    if known.size < 3:
        return _UNKNOWN[measure]
    return max(_NEGLIGIBLE, 2 * float(known.std(ddof=1)) / math.sqrt(known.size))


def _images(n: int) -> str:
    return "1 image" if n == 1 else f"{n} images"


def _n_images(point: CurvePoint) -> int:
    return point.n_images
