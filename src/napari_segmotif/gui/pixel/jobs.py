"""Train, predict all, apply to other layers, make objects: jobs whose results become layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image

from ...common.axes import ImageSource
from ...common.image_io import ImageWriter, open_image
from ...common.progress import CancelToken, Job, Progress
from ...errors import InputError, SegmotifError
from ...pixel.objects import make_objects
from ...pixel.prediction import Prediction, label_dtype
from ..layers import LayerSnapshot, snapshot_image
from .following import Following
from .classes import names_of
from .objects_panel import ObjectOptions
from .outputs import PROBABILITIES, SEGMENTATION, UNCERTAINTY
from .session import Counted, Session, Shown
from .workbench import Workbench

#: Results beyond this go to a zarr folder that the user chooses.
IN_MEMORY_BYTES = 2 * 2**30


@dataclass(frozen=True)
class Objects:
    """Instance labels and how many there are."""

    labels: np.ndarray
    n: int
    median_size: float


class Jobs:
    """Starts the jobs of the widget's main buttons.

    Parameters
    ----------
    bench
        What to work with.
    following
        Shows the visible part after a training.
    on_trained
        Called after the classifier was trained.
    """

    def __init__(self, bench: Workbench, following: Following, on_trained: Callable[[], object]) -> None:
        self._bench = bench
        self._following = following
        self._on_trained = on_trained

    def train(self, then: Callable[[], object] | None = None) -> None:
        """Train on everything that is painted; then show the visible part, or do what `then` says."""
        bench = self._bench
        try:
            intent = bench.intent()
        except SegmotifError as error:
            bench.warn(str(error))
            return

        def done(_classifier: object) -> None:
            self._on_trained()
            (then or self._show_visible)()

        bench.start(
            lambda cancel: bench.session.train(intent, cancel),
            "Train",
            on_partial=self._show_counts,
            on_result=done,
            on_error=self._say_error,
            layers=bench.layers(),
        )

    def predict_all(self, store: Path | None = None) -> None:
        """Predict the whole image, into layers; into `store`, a new folder, where they would not fit into memory."""
        bench = self._bench
        try:
            source = bench.source()
            outputs = self._outputs()
            bench.session.require()
        except SegmotifError as error:
            bench.warn(str(error))
            return
        self._predict([(bench.data.image.layer, source)], outputs, store, name="Predict all")

    def size_of_result(self) -> int:
        """Return how many bytes Predict all would fill; 0 where nothing can be predicted."""
        source = self._bench.data.source
        if source is None or not self._bench.session.fitted:
            return 0
        per_pixel = {SEGMENTATION: 1, PROBABILITIES: 4 * len(self._bench.session.classes), UNCERTAINTY: 4}
        return math.prod(source.output_shape) * sum(per_pixel[key] for key in self._bench.train.outputs)

    def apply(self, layers: Sequence[Image]) -> None:
        """Predict other image layers with the trained classifier."""
        bench = self._bench
        try:
            outputs = self._outputs()
            trained_axes = bench.session.require().axes_
            targets = [(layer, snapshot_image(layer, self._axes_for(layer, trained_axes))) for layer in layers]
        except SegmotifError as error:
            bench.warn(str(error))
            return
        if targets:
            self._predict(targets, outputs, None, name="Apply to layers")

    def _axes_for(self, layer: Image, trained: str) -> str | None:
        """The axes of the training, for a layer of as many dimensions; else what the layer says."""
        ndim = layer.ndim + (1 if layer.rgb else 0)
        return trained if ndim == len(trained) and layer.rgb == trained.endswith("C") else None

    def _predict(
        self, targets: Sequence[tuple[Any, LayerSnapshot]], outputs: Sequence[str], store: Path | None, name: str
    ) -> None:
        bench, session = self._bench, self._bench.session
        sources = {source.layer_id: (layer, source) for layer, source in targets}

        def factory(cancel: CancelToken) -> Job[None]:
            for layer_id, (_layer, source) in sources.items():
                if store is None:
                    prediction = yield from session.predict(source.to_source(), outputs, cancel)
                else:
                    prediction = yield from predict_to_store(session, source, outputs, store, cancel)
                shown = Shown(prediction, session.version, session.classes)
                yield Progress(1, 1, f"{source.name} is done", partial=(layer_id, shown))

        def show(partial: tuple[str, Shown]) -> None:
            layer, source = sources[partial[0]]
            bench.outputs.show(
                partial[1].prediction,
                source,
                version=partial[1].version,
                entries=bench.table.entries,
                classes=partial[1].classes,
                recipe=bench.recipe(layer, source, coverage="whole", store=str(store) if store else None),
                whole=True,
            )

        bench.start(
            factory,
            name,
            on_partial=show,
            on_result=lambda _none: bench.say(f"Segmented {', '.join(s.name for _, s in targets)}.", "info"),
            on_error=self._say_error,
            layers=[layer for layer, _ in targets],
        )

    def make_objects(self, options: ObjectOptions, on_made: Callable[[Objects], object]) -> None:
        """Turn one class of the whole image into objects."""
        bench, session = self._bench, self._bench.session
        try:
            source = bench.source()
            classifier = session.require()
            if options.label not in session.classes:
                raise InputError(f"choose a class that the classifier knows (got label {options.label})")
            size = math.prod(source.output_shape) * 4 * len(session.classes)
            if size > IN_MEMORY_BYTES:
                raise InputError(
                    "objects are made in memory: crop the image first, or use the command line on the stored "
                    f"segmentation (got {size / 2**30:.1f} GiB of probabilities)"
                )
        except SegmotifError as error:
            bench.warn(str(error))
            return
        layer, name = bench.data.image.layer, names_of(bench.table.entries).get(options.label, str(options.label))
        index = session.classes.index(options.label)

        def done(objects: Objects) -> None:
            recipe = bench.recipe(layer, source, output="objects", objects=vars(options))
            bench.outputs.show_objects(objects.labels, source, name, recipe)
            on_made(objects)

        bench.start(
            lambda cancel: objects_of(session, source.to_source(), index, options, cancel),
            "Make objects",
            on_result=done,
            on_error=self._say_error,
            layers=[layer] if layer is not None else [],
        )
        del classifier

    # ---- helpers ----------------------------------------------------------------------------------------------

    def _outputs(self) -> tuple[str, ...]:
        outputs = self._bench.train.outputs
        if not outputs:
            raise InputError("tick what to show as layers: segmentation, probabilities or uncertainty (got none)")
        return outputs

    def _show_counts(self, partial: object) -> None:
        if isinstance(partial, Counted):
            self._bench.table.set_counts(partial.in_view)

    def _show_visible(self) -> None:
        self._following.show_once()

    def _say_error(self, error: Exception) -> bool:
        self._bench.say(str(error), "error")
        return False


def objects_of(
    session: Session, image: ImageSource, index: int, options: ObjectOptions, cancel: CancelToken
) -> Job[Objects]:
    """Predict the probability of the class at `index` and make objects of it, frame by frame."""
    prediction = yield from session.predict(image, (PROBABILITIES,), cancel)
    assert prediction.probabilities is not None
    probability = prediction.probabilities[index]
    frames = probability if "T" in image.axes else probability[np.newaxis]
    labels = np.zeros(frames.shape, np.int32)
    total = 0
    for number, frame in enumerate(frames):
        cancel.raise_if_cancelled()
        yield Progress(number, len(frames), "making objects")
        made = make_objects(
            frame,
            threshold=options.threshold,
            minimum_size=options.minimum_size,
            fill_holes=options.fill_holes,
            split_touching=options.split_touching,
            spacing=image.spacing,
        )
        # Objects of different frames are different objects.
        labels[number] = np.where(made > 0, made + total, 0)
        total += int(made.max(initial=0))
    sizes = np.bincount(labels.ravel(), minlength=total + 1)[1:]
    sizes = sizes[sizes > 0]
    return Objects(labels.reshape(probability.shape), len(sizes), float(np.median(sizes)) if len(sizes) else 0.0)


def predict_to_store(
    session: Session, source: LayerSnapshot, outputs: Sequence[str], store: Path, cancel: CancelToken
) -> Job[Prediction]:
    """Predict into zarr folders inside `store`, and return arrays that read from there."""
    classifier = session.require()
    image = source.to_source()
    paths = {key: store / f"{key}.zarr" for key in outputs}
    store.mkdir(parents=True, exist_ok=True)
    dtypes: Mapping[str, Any] = {SEGMENTATION: label_dtype(classifier.classes_)}
    with ExitStack() as stack:
        writers = {}
        for key, path in paths.items():
            leading = (len(session.classes),) if key == PROBABILITIES else ()
            writers[key] = stack.enter_context(
                ImageWriter(
                    path,
                    (*leading, *image.output_shape),
                    dtypes.get(key, np.float32),
                    axes=("C" if leading else "") + image.output_axes,
                    spacing=source.spacing,
                    units=source.units,
                    labels=key == SEGMENTATION,
                    channel_names=[classifier.class_names_[c] for c in session.classes] if leading else (),
                )
            )
        prediction = yield from session.predict(image, outputs, cancel, out=writers)
    arrays = {key: _stored(path, image.output_axes) for key, path in paths.items()}
    return Prediction(
        arrays.get(SEGMENTATION), arrays.get(PROBABILITIES), arrays.get(UNCERTAINTY), prediction.region, prediction.n_trees
    )


def _stored(path: Path, axes: str) -> Any:
    """A stored output as a lazy array in the order of `axes`, classes in front."""
    import dask.array as da

    opened = open_image(path)
    array = da.from_array(opened.array, chunks=getattr(opened.array, "chunks", "auto"))
    wanted = [letter for letter in "C" + axes if letter in opened.axes]
    return array.transpose([opened.axes.index(letter) for letter in wanted])
