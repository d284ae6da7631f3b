"""Train, predict all, apply to other layers: jobs whose results become layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image

from ...batch.recipe import METADATA_KEY, Description
from ...common.image_io import ImageWriter, open_image
from ...common.progress import CancelToken, Job, Progress
from ...errors import InputError, SegmotifError
from ...pixel.prediction import Output, Prediction, label_dtype
from ..layers import LayerSnapshot, snapshot_image
from ..source_file import file_of
from .following import Following
from .intent import Counted, Intent
from .outputs import PROBABILITIES, SEGMENTATION, UNCERTAINTY
from .recipe import describe
from .session import Session, Shown
from .workbench import Workbench

#: Results beyond this go to a zarr folder that the user chooses.
IN_MEMORY_BYTES = 2 * 2**30


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

    def train(self) -> None:
        """Train on everything that is painted; then show the visible part."""
        bench = self._bench
        try:
            intent = bench.intent()
        except SegmotifError as error:
            bench.warn(str(error))
            return
        bench.start(
            lambda cancel: bench.session.train(intent, cancel),
            "Train",
            on_partial=self._show_counts,
            on_result=self._show_visible,
            on_error=bench.say_error,
            layers=bench.layers(),
        )

    def predict_all(self, store: Path | None = None) -> None:
        """Predict the whole image, into layers, or into a new folder `store` where memory would not do.

        What was painted since the last training is trained on first.
        """
        bench = self._bench
        try:
            source, outputs = bench.source(), self._outputs()
            intent = bench.intent() if bench.data.current_pair is not None else None
            if intent is None:
                bench.session.require()
        except SegmotifError as error:
            bench.warn(str(error))
            return
        self._predict([(bench.data.image.layer, source)], outputs, store, intent, name="Predict all")

    def size_of_result(self) -> int:
        """Return how many bytes Predict all would fill."""
        source = self._bench.data.source
        return 0 if source is None else self._size_of([source])

    def size_of_results(self, layers: Sequence[Image]) -> int:
        """Return how many bytes `apply` would fill with all of these layers; 0 where it would refuse them."""
        try:
            return self._size_of([source for _, source in self._targets(layers)])
        except SegmotifError:
            return 0

    def _size_of(self, sources: Sequence[LayerSnapshot]) -> int:
        n_classes = max(len(self._bench.session.classes), len(self._bench.table.entries))
        per_pixel = {SEGMENTATION: 1, PROBABILITIES: 4 * n_classes, UNCERTAINTY: 4}
        n_pixels = sum(math.prod(source.output_shape) for source in sources)
        return n_pixels * sum(per_pixel[key] for key in self._bench.train.outputs)

    def apply(self, layers: Sequence[Image], store: Path | None = None) -> None:
        """Predict other image layers with the trained classifier; into `store` as `predict_all` does.

        Of several layers each gets a folder of its own in there.
        """
        bench = self._bench
        try:
            outputs, targets = self._outputs(), self._targets(layers)
        except SegmotifError as error:
            bench.warn(str(error))
            return
        if targets:
            self._predict(targets, outputs, store, None, name="Apply to layers")

    def _targets(self, layers: Sequence[Image]) -> list[tuple[Image, LayerSnapshot]]:
        trained = self._bench.session.require().axes_
        return [(layer, snapshot_image(layer, self._axes_for(layer, trained))) for layer in layers]

    def _axes_for(self, layer: Image, trained: str) -> str | None:
        """The axes of the training, for a layer of as many dimensions; else what the layer says."""
        ndim = layer.ndim + (1 if layer.rgb else 0)
        return trained if ndim == len(trained) and layer.rgb == trained.endswith("C") else None

    def _predict(
        self,
        targets: Sequence[tuple[Any, LayerSnapshot]],
        outputs: Sequence[Output],
        store: Path | None,
        intent: Intent | None,
        name: str,
    ) -> None:
        bench, session = self._bench, self._bench.session
        sources = {source.layer_id: source for _, source in targets}
        files = {source.layer_id: file_of(layer, source.to_source()) for layer, source in targets}

        def recipe(layer_id: str) -> Description:
            return describe(session, session.version, files[layer_id], outputs, coverage="whole")

        def factory(cancel: CancelToken) -> Job[None]:
            if intent is not None:
                yield from session.update(intent, cancel)
            for number, (layer_id, source) in enumerate(sources.items(), 1):
                if store is None:
                    prediction = yield from session.predict(source.to_source(), outputs, cancel)
                else:
                    folder = store if len(sources) == 1 else store / _folder_name(number, source.name)
                    prediction = yield from predict_to_store(
                        session, source, recipe(layer_id), folder, cancel
                    )
                shown = Shown(prediction, session.version, session.classes)
                yield Progress(1, 1, f"{source.name} is done", partial=(layer_id, shown))

        def show(partial: object) -> None:
            if not isinstance(partial, tuple):
                self._show_counts(partial)
                return
            bench.outputs.show(
                partial[1].prediction,
                sources[partial[0]],
                version=partial[1].version,
                entries=bench.table.entries,
                classes=partial[1].classes,
                recipe=recipe(partial[0]),
                whole=True,
            )

        def done(_none: object) -> None:
            if session.version != version:
                self._on_trained()
            bench.say(f"Segmented {', '.join(source.name for _, source in targets)}.", "info")

        version = session.version
        bench.start(
            factory,
            name,
            on_partial=show,
            on_result=done,
            on_error=bench.say_error,
            layers=[layer for layer, _ in targets],
        )

    # ---- helpers

    def _outputs(self) -> tuple[Output, ...]:
        outputs = self._bench.train.outputs
        if not outputs:
            raise InputError(
                "tick what to show as layers: segmentation, probabilities or uncertainty (got none)"
            )
        return outputs

    def _show_counts(self, partial: object) -> None:
        if isinstance(partial, Counted):
            self._following.show_counts(partial)

    def _show_visible(self, _classifier: object) -> None:
        self._on_trained()
        self._following.show_once()


def predict_to_store(
    session: Session, source: LayerSnapshot, recipe: Description, store: Path, cancel: CancelToken
) -> Job[Prediction]:
    """Predict into zarr folders inside `store`, and return arrays that read from there."""
    classifier = session.require()
    outputs: Sequence[Output] = recipe.parameters.outputs  # type: ignore[assignment]  # no objects here
    image = source.to_source()
    paths = {key: store / f"{key}.zarr" for key in outputs}
    store.mkdir(parents=True, exist_ok=True)
    dtypes: Mapping[str, Any] = {SEGMENTATION: label_dtype(classifier.classes_)}
    with ExitStack() as stack:
        writers: dict[str, Any] = {}
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
                    metadata={METADATA_KEY: recipe.giving(key).as_json()},
                )
            )
        prediction = yield from session.predict(image, outputs, cancel, out=writers)
    arrays = {key: _stored(path, image.output_axes) for key, path in paths.items()}
    return Prediction(
        arrays.get(SEGMENTATION),
        arrays.get(PROBABILITIES),
        arrays.get(UNCERTAINTY),
        prediction.region,
        prediction.n_trees,
    )


def _folder_name(number: int, name: str) -> str:
    """The folder of one of several images: layers may have the same name, or one that no folder can have."""
    return f"{number}_" + "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name)


def _stored(path: Path, axes: str) -> Any:
    """A stored output as a lazy array in the order of `axes`, classes in front."""
    import dask.array as da

    opened = open_image(path)
    array = da.from_array(opened.array, chunks=getattr(opened.array, "chunks", "auto"))
    wanted = [letter for letter in "C" + axes if letter in opened.axes]
    return array.transpose([opened.axes.index(letter) for letter in wanted])
