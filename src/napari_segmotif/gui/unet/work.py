"""The jobs of the U-Net segmenter: generators that know neither napari nor Qt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...batch.pairs import OpenedPairs
from ...common.progress import CancelToken, Job, Progress
from ...unet.learning.reports import EpochReport
from ...unet.parameters import Annotation, NetworkParameters, UNetParameters
from ..classes.entries import colors_of
from .examples import Examples, FolderExamples, find_files
from .words import ANNOTATIONS

if TYPE_CHECKING:
    from ...unet.network.configuration import Configuration
    from ...unet.segmenter import UNetSegmenter


def make_segmenter(parameters: UNetParameters) -> UNetSegmenter:
    """Make the estimator that a run trains."""
    from ...unet.segmenter import UNetSegmenter

    return UNetSegmenter(**parameters.model_dump())


@dataclass(frozen=True)
class Wish:
    """What to train, and on what."""

    parameters: UNetParameters
    annotation: Annotation
    examples: Examples


def train(wish: Wish, stop: CancelToken, cancel: CancelToken) -> Job[UNetSegmenter]:
    """Train a new network.

    Parameters
    ----------
    wish
        What to train, and on what.
    stop, cancel
        "Finish now, and keep the best", and leave all as it was.
    """
    yield Progress(0, 0, "opening the images")
    segmenter = make_segmenter(wish.parameters)
    with wish.examples.opened() as opened:
        job = segmenter.fit_job(**_training(wish, opened), cancel=cancel, stop=stop)
        return (yield from reported(job))


def fine_tune(
    segmenter: UNetSegmenter, wish: Wish, stop: CancelToken, cancel: CancelToken
) -> Job[UNetSegmenter]:
    """Train a copy of a network further on these images; its shape stays, whatever is wished."""
    yield Progress(0, 0, "opening the images")
    model = segmenter.model_
    kept = {name: getattr(model.parameters, name) for name in NetworkParameters.model_fields}
    tuned = type(segmenter).of(model, wish.parameters.device)
    tuned.parameters = wish.parameters.model_copy(update=kept)
    with wish.examples.opened() as opened:
        job = tuned.fine_tune_job(**_training(wish, opened), cancel=cancel, stop=stop)
        return (yield from reported(job))


def resume(
    segmenter: UNetSegmenter, wish: Wish | None, stop: CancelToken, cancel: CancelToken
) -> Job[UNetSegmenter]:
    """Go on where training was stopped; a network out of a file needs the images of the training again."""
    if wish is None:
        return (yield from reported(segmenter.resume_job(cancel=cancel, stop=stop)))
    yield Progress(0, 0, "opening the images")
    same = replace(wish, annotation=segmenter.model_.annotation)
    with wish.examples.opened() as opened:
        given = _training(same, opened)
        del given["annotation"]
        return (yield from reported(segmenter.resume_job(**given, cancel=cancel, stop=stop)))


def reported(job: Job[Any]) -> Job[Any]:
    """Pass a job on, with every epoch's report as a partial result: those are never skipped."""
    try:
        while True:
            progress = next(job)
            if isinstance(progress, EpochReport):
                message = progress.message or f"epoch {progress.epoch} of {progress.n_epochs}"
                progress = Progress(progress.done, progress.total, message, partial=progress)
            yield progress
    except StopIteration as end:
        return end.value
    finally:
        job.close()


def _training(wish: Wish, opened: OpenedPairs) -> dict[str, Any]:
    """What a training is given; names and colours are of classes, not of objects."""
    objects = wish.annotation == "instances"
    return {
        "images": list(opened.images),
        "labels": list(opened.annotations),
        "annotation": wish.annotation,
        "class_names": None if objects else dict(opened.class_names) or None,
        "class_colors": None if objects else colors_of(wish.examples.entries) or None,
        "channel_names": opened.channel_names or None,
        "image_names": list(wish.examples.names),
    }


# ---- looking at the data


@dataclass(frozen=True)
class Described:
    """What labels seem to be, and what there is in them if they are this or that."""

    annotation: Annotation
    texts: Mapping[str, str]


def look(
    examples: Examples,
    annotation: Annotation | None,
    parameters: UNetParameters | None,
    cancel: CancelToken,
) -> Job[None]:
    """Look at the labels, then at what would be chosen automatically; both come as partial results.

    Parameters
    ----------
    examples
        What would be trained on.
    annotation
        What the user says the labels are; None takes what they seem to be.
    parameters
        The settings; None: nothing is chosen.
    """
    yield Progress(0, 0, "looking at the labels")
    described = yield from _describe(examples, cancel)
    yield Progress(0, 0, "", partial=described)
    if parameters is not None:
        wish = Wish(parameters, annotation or described.annotation, examples)
        yield Progress(0, 0, "", partial=(yield from _configure(wish, cancel)))


def _describe(examples: Examples, cancel: CancelToken) -> Job[Described]:
    """Look at the labels of the first pair."""
    from ...unet.training_data.annotation_kind import describe_annotation, guess_annotation

    with examples.first().opened() as opened:
        labels = opened.annotations[0]
        guess = guess_annotation(labels)
        texts: dict[str, str] = {}
        for kind in ANNOTATIONS:
            yield Progress(0, 0, "counting the labels")
            cancel.raise_if_cancelled()
            texts[kind] = describe_annotation(labels, kind)
    return Described(guess, texts)


def find_pairs(images: Path, labels: Path, cancel: CancelToken) -> Job[FolderExamples]:
    """Match the files of two folders."""
    yield Progress(0, 0, "looking for files")
    return find_files(images, labels)


def _configure(wish: Wish, cancel: CancelToken) -> Job[Configuration]:
    """Find out what is chosen automatically for these images, without training."""
    from ...common.device import resolve_device
    from ...unet.network.configuration import configure as choose
    from ...unet.training_data.samples import collect_samples
    from ...unet.training_data.split import split_samples

    parameters = wish.parameters
    with wish.examples.opened() as opened:
        samples = yield from collect_samples(
            list(opened.images),
            list(opened.annotations),
            wish.annotation,
            dimensions=parameters.dimensions,
            cancel=cancel,
        )
    yield Progress(0, 0, "holding a part out")
    split = split_samples(samples, parameters.validation_share, parameters.random_state)
    device = resolve_device(parameters.device)
    return choose(split.train, wish.annotation, parameters, samples.spacing, device)
