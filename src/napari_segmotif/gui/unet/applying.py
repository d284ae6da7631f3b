"""The jobs of a network that is there: generators that know neither napari nor Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...batch.model_recipe import ModelReference
from ...batch.recipe_file import METADATA_KEY
from ...batch.unet_recipe import UNetDescription, UNetRecipe
from ...common.axes import ImageSource
from ...common.image_io import ImageWriter, open_image
from ...common.progress import CancelToken, Job, Progress
from ..layers import LayerSnapshot
from .work import Wish

if TYPE_CHECKING:
    from ...unet.inference.prediction import UNetPrediction
    from ...unet.learning.learning_curve import LearningCurve
    from ...unet.segmenter import UNetSegmenter


@dataclass(frozen=True)
class Target:
    """An image to predict, and the recipe that its results carry."""

    source: LayerSnapshot
    recipe: UNetDescription
    region: tuple[slice, ...] | None = None


@dataclass(frozen=True)
class Predicted:
    """What came of one of them."""

    target: Target
    prediction: UNetPrediction


def predict(
    segmenter: UNetSegmenter, targets: Sequence[Target], store: Path | None, cancel: CancelToken
) -> Job[int]:
    """Predict images one after the other; each is told as a partial result.

    Parameters
    ----------
    segmenter
        The network.
    targets
        What to predict.
    store
        A new folder for results that memory has no room for, or None.
    cancel
        Looked at within a second.

    Returns
    -------
    int
        How many were predicted.
    """
    for number, target in enumerate(targets):
        job = (
            _predict_into(segmenter, target, {}, cancel)
            if store is None
            else _predict_to_store(segmenter, target, _folder(store, number, targets), cancel)
        )
        about = f"{target.source.name}: " if len(targets) > 1 else ""
        prediction = yield from _told(job, number, len(targets), about)
        found = Predicted(target, prediction)
        yield Progress(number + 1, len(targets), f"{target.source.name} is done", partial=found)
    return len(targets)


def _folder(store: Path, number: int, targets: Sequence[Target]) -> Path:
    """Where the results of one of several images go."""
    if len(targets) == 1:
        return store
    name = "".join(
        letter if letter.isalnum() or letter in "-_" else "_" for letter in targets[number].source.name
    )
    return store / f"{number + 1}_{name}"


def _told(job: Job[Any], number: int, n: int, about: str) -> Job[Any]:
    """What one of several jobs says, as a part of all."""
    try:
        while True:
            progress = next(job)
            if n > 1:
                progress = replace(
                    progress, done=number + progress.fraction, total=n, message=about + progress.message
                )
            yield progress
    except StopIteration as end:
        return end.value
    finally:
        job.close()


def _predict_into(
    segmenter: UNetSegmenter, target: Target, out: Mapping[str, Any], cancel: CancelToken
) -> Job[UNetPrediction]:
    wanted = target.recipe.parameters
    return (
        yield from segmenter.predict_iter(
            target.source.to_source(),
            outputs=wanted.outputs,
            region=target.region,
            out=out or None,
            augment=wanted.augment,
            uncertainty=wanted.uncertainty,
            decoder=wanted.decoder,
            cancel=cancel,
        )
    )


def _predict_to_store(
    segmenter: UNetSegmenter, target: Target, store: Path, cancel: CancelToken
) -> Job[UNetPrediction]:
    """Predict into zarr folders inside `store`, and return arrays that read from there."""
    image, recipe = target.source.to_source(), target.recipe
    paths = {output: store / f"{output}.zarr" for output in recipe.parameters.outputs}
    store.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        writers: dict[str, Any] = {
            output: stack.enter_context(_writer(segmenter, target, output, path))
            for output, path in paths.items()
        }
        prediction = yield from _predict_into(segmenter, target, writers, cancel)
    # The folders have the shape of the whole image; a prediction has that of its region.
    part = (..., *prediction.region)
    return replace(prediction, **{output: _stored(path, image)[part] for output, path in paths.items()})


def _writer(segmenter: UNetSegmenter, target: Target, output: Any, path: Path) -> ImageWriter:
    image, source = target.source.to_source(), target.source
    classes = [int(label) for label in segmenter.classes_]
    leading = (len(classes),) if output == "probabilities" else ()
    labels = np.uint8 if max(classes) < 256 else np.uint16 if max(classes) < 65536 else np.int32
    dtype: Any = {"labels": labels, "instances": np.int32}.get(output, np.float32)
    return ImageWriter(
        path,
        (*leading, *image.output_shape),
        dtype,
        axes=("C" if leading else "") + image.output_axes,
        spacing=source.spacing,
        units=source.units,
        labels=output in ("labels", "instances"),
        channel_names=[segmenter.class_names_[label] for label in classes] if leading else (),
        metadata={METADATA_KEY: target.recipe.giving(output).as_json()},
    )


def _stored(path: Path, image: ImageSource) -> Any:
    """A stored output as a lazy array in the order of the image's axes, classes in front."""
    import dask.array as da

    opened = open_image(path)
    array = da.from_array(opened.array, chunks=getattr(opened.array, "chunks", "auto"))
    wanted = [letter for letter in "C" + image.output_axes if letter in opened.axes]
    return array.transpose([opened.axes.index(letter) for letter in wanted])


def explain(
    segmenter: UNetSegmenter,
    image: ImageSource,
    class_id: int,
    method: str,
    frame: int,
    region: tuple[slice, ...],
    cancel: CancelToken,
) -> Job[Any]:
    """Find out which pixels of a region over the spatial axes speak for a class."""
    return (
        yield from segmenter.explain_job(
            image, class_id, frame=frame, region=region, method=method, cancel=cancel
        )
    )


def learn_curve(wish: Wish, cancel: CancelToken) -> Job[LearningCurve]:
    """Train on more and more of the images; a curve so far is a partial result."""
    from ...unet.learning.learning_curve import learning_curve_job

    yield Progress(0, 0, "opening the images")
    with wish.examples.opened() as opened:
        return (
            yield from learning_curve_job(
                wish.parameters, list(opened.images), list(opened.annotations), wish.annotation, cancel=cancel
            )
        )


# ---- files


def save(
    segmenter: UNetSegmenter, path: Path, recipe: UNetDescription, cancel: CancelToken
) -> Job[tuple[ModelReference, Path]]:
    """Write a network and, beside it, the recipe that `segmotif run` repeats on other files."""
    yield Progress(0, 0, f"writing {path.name}")
    written = Path(segmenter.save(path))
    file = ModelReference.of(written)
    whole: UNetRecipe = recipe.with_model(file)
    return file, whole.save(written.with_suffix(".recipe.json"))


def load(path: Path, device: str, cancel: CancelToken) -> Job[tuple[UNetSegmenter, ModelReference]]:
    """Read a network that was saved."""
    from ...unet.segmenter import UNetSegmenter

    yield Progress(0, 0, f"reading {path.name}")
    return UNetSegmenter.load(path, device), ModelReference.of(path)


def take_in(path: Path, device: str, cancel: CancelToken) -> Job[UNetSegmenter]:
    """Read a network out of a bioimage.io package."""
    from ...unet.segmenter import UNetSegmenter

    yield Progress(0, 0, f"reading {path.name}")
    return UNetSegmenter.from_bioimageio(path, device)


def export(segmenter: UNetSegmenter, kind: str, path: Path, cancel: CancelToken) -> Job[Path]:
    """Write a network as a bioimage.io package, or as ONNX."""
    yield Progress(0, 0, f"writing {path.name}, and checking it")
    write = segmenter.export_bioimageio if kind == "bioimageio" else segmenter.export_onnx
    return Path(write(path))
