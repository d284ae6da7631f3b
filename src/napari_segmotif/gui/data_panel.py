"""Which image, what its axes mean, which annotation, and which pairs of them a classifier is trained on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from napari.layers import Image, Labels, Layer
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from ..errors import AnnotationError, InputError, SegmotifError
from .axes_text import axes_in_words, possible_axes, size_in_words
from .layer_choice import LayerChoice
from .layers import LayerSnapshot, guess_axes, snapshot_image
from .results import is_result
from .section import enable, row, words


@dataclass(frozen=True)
class PairOfLayers:
    """An image layer, the axes the user gave it, and its annotation layer."""

    image: Image
    axes: str
    annotation: Labels


class DataPanel(QWidget):
    """The first step of the form.

    Parameters
    ----------
    napari_viewer
        Whose layers are offered.
    accepts
        Which layers are offered as annotation; None: every Labels layer that is no result of ours.
    check
        Refuses an annotation that cannot be that of an image; None is `check_annotation`.

    Signals
    -------
    changed
        The image, its axes, the annotation or the training set changed.
    annotation_wanted
        The user asked for a new annotation layer.
    """

    changed = Signal()
    annotation_wanted = Signal()

    def __init__(
        self,
        napari_viewer: Any,
        parent: QWidget | None = None,
        *,
        accepts: Callable[[Layer], bool] | None = None,
        check: Callable[[Labels, LayerSnapshot], object] | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer = napari_viewer
        self._check_annotation = check or check_annotation
        self._axes_of: dict[str, str] = {}  # image layer id -> what the user chose
        self._annotation_of: dict[str, str] = {}  # image layer id -> annotation layer id
        self._pairs: list[PairOfLayers] = []
        self._snapshot: LayerSnapshot | None = None
        self.image = LayerChoice(napari_viewer, _is_image, "open an image first")
        self.image.setToolTip("The image to segment. Every image layer of the viewer is listed.")
        self.annotation = LayerChoice(
            napari_viewer, accepts or _is_annotation, "press New annotation", automatic=False
        )
        self.annotation.setToolTip("The Labels layer you paint your strokes in. 0 means: not annotated.")
        self._axes = QComboBox()
        self._axes.setToolTip(
            "What the axes of the image mean. Channels are looked at together; time is never filtered."
        )
        self._new = QPushButton("New annotation")
        self._size = words(dim=True)
        self._problem = words()
        self._add = QPushButton("Add to training set")
        self._list = QVBoxLayout()
        self._list.setSpacing(2)

        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setSpacing(5)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Image", self.image)
        form.addRow("Axes", self._axes)
        form.addRow("", self._size)
        form.addRow("Annotation", self.annotation)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addLayout(form)
        layout.addLayout(row(self._new, self._add))
        layout.addWidget(self._problem)
        layout.addLayout(self._list)

        self.image.chosen.connect(self._on_image)
        self.annotation.chosen.connect(self._on_changed)
        self._axes.currentIndexChanged.connect(self._on_axes)
        self._new.clicked.connect(lambda _checked=False: self.annotation_wanted.emit())
        self._add.clicked.connect(lambda _checked=False: self.add_pair())
        napari_viewer.layers.events.removed.connect(self._on_layer_removed)
        napari_viewer.layers.events.inserted.connect(self._on_layer_inserted)
        self._on_image(self.image.layer)

    # ---- what is chosen

    @property
    def source(self) -> LayerSnapshot | None:
        """The chosen image as it is now, or None where there is none that can be used."""
        return self._snapshot

    @property
    def axes(self) -> str:
        """The axes of the chosen image, "" where there is none."""
        return self._axes.currentData() or ""

    def set_axes(self, axes: str) -> None:
        """Choose the axes of the image.

        Raises
        ------
        InputError
            Where the image cannot have these axes.
        """
        index = self._axes.findData(axes)
        if index < 0:
            offered = [self._axes.itemData(i) for i in range(self._axes.count())]
            raise InputError(
                f"choose axes out of {', '.join(offered) or 'none: open an image first'} (got {axes!r})"
            )
        self._axes.setCurrentIndex(index)

    @property
    def current_pair(self) -> PairOfLayers | None:
        """The chosen image with its annotation, where both are chosen and fit each other."""
        image, annotation = self.image.layer, self.annotation.layer
        if image is None or annotation is None or self._snapshot is None or self.problem():
            return None
        return PairOfLayers(image, self.axes, annotation)

    @property
    def pairs(self) -> tuple[PairOfLayers, ...]:
        """Every pair that is trained on, in the order of the viewer's layers.

        A forest depends on the order of what it is trained on, which must not change with what is in view.
        """
        current, layers = self.current_pair, self._viewer.layers
        pairs = [p for p in self._pairs if current is None or p.annotation is not current.annotation]
        pairs += [current] if current is not None else []
        present = [p for p in pairs if p.image in layers and p.annotation in layers]
        return tuple(sorted(present, key=lambda p: (layers.index(p.image), layers.index(p.annotation))))

    def problem(self) -> str:
        """Why the choice cannot be worked on, in words; "" where it can."""
        try:
            self._check()
        except SegmotifError as error:
            return str(error)
        return ""

    def _check(self) -> None:
        layer = self.image.layer
        if layer is None:
            raise InputError("open an image first.")
        if self._snapshot is None:
            snapshot_image(layer, self.axes or None)  # says why it could not be taken
        annotation = self.annotation.layer
        if annotation is None or self._snapshot is None:
            return
        self._check_annotation(annotation, self._snapshot)

    def add_pair(self) -> None:
        """Keep the current pair in the training set, so that another image can be annotated next to it."""
        pair = self.current_pair
        if pair is not None and all(p.annotation is not pair.annotation for p in self._pairs):
            self._pairs.append(pair)
            self._on_changed()

    def keep(self, pair: PairOfLayers) -> None:
        """Keep a pair of layers that was chosen before, if both are there and go with the new image."""
        present = pair.image in self._viewer.layers and pair.annotation in self._viewer.layers
        known = any(p.annotation is pair.annotation for p in self._pairs)
        if present and not known and self._snapshot is not None and _alike(pair, self._snapshot):
            self._pairs.append(pair)
            self._show_pairs()

    def remove_pair(self, pair: PairOfLayers) -> None:
        """Take a pair out of the training set; its layers stay."""
        self._pairs = [p for p in self._pairs if p is not pair]
        self._on_changed()

    def close_down(self) -> None:
        """Stop following the viewer."""
        self._viewer.layers.events.removed.disconnect(self._on_layer_removed)
        self._viewer.layers.events.inserted.disconnect(self._on_layer_inserted)
        self.image.close_down()
        self.annotation.close_down()
        self._pairs, self._snapshot = [], None

    # ---- following

    def refresh(self) -> None:
        """Look at the chosen image again: its data, scale or units may have changed."""
        self._take_snapshot()

    def _on_image(self, layer: Layer | None) -> None:
        with QSignalBlocker(self._axes):
            self._axes.clear()
            if layer is not None:
                ndim = layer.ndim + (1 if layer.rgb else 0)
                for axes in possible_axes(ndim, rgb=layer.rgb):
                    self._axes.addItem(f"{axes} · {axes_in_words(axes, rgb=layer.rgb)}", axes)
                wanted = self._axes_of.get(str(layer.unique_id)) or guess_axes(layer)
                self._axes.setCurrentIndex(max(self._axes.findData(wanted), 0))
        self._axes.setEnabled(self._axes.count() > 1)
        self._take_snapshot()
        self._prefer_matching_annotation()
        self._on_changed()

    def _on_axes(self, _index: int) -> None:
        if self.image.layer is not None:
            self._axes_of[str(self.image.layer.unique_id)] = self.axes
        self._take_snapshot()
        if self.annotation.layer is None:
            self._prefer_matching_annotation()
        self._on_changed()

    def _take_snapshot(self) -> None:
        self._snapshot = None
        if self.image.layer is not None and self.axes:
            try:
                self._snapshot = snapshot_image(self.image.layer, self.axes)
            except SegmotifError:
                self._snapshot = None  # `problem` says why

    def _prefer_matching_annotation(self) -> None:
        """Go to the annotation of the chosen image; never to that of another, even where its shape fits."""
        if self._snapshot is None or self.image.layer is None:
            return
        own = self._annotation_of.get(str(self.image.layer.unique_id))
        taken = set(self._annotation_of.values())
        fitting = [layer for layer in self.annotation.layers if fits(layer, self._snapshot)]
        mine = [layer for layer in fitting if str(layer.unique_id) == own]
        free = [
            layer for layer in fitting if str(layer.unique_id) not in taken and not is_result(layer)
        ]  # a result is an annotation only where the user says so
        self.annotation.choose(next(iter(mine + free), None))

    def _on_layer_inserted(self, _event: Any) -> None:
        if self.annotation.layer is None:
            self._prefer_matching_annotation()

    def _on_layer_removed(self, event: Any) -> None:
        gone = event.value
        left = [p for p in self._pairs if p.image is not gone and p.annotation is not gone]
        if len(left) != len(self._pairs):
            self._pairs = left
            self._on_changed()

    def _on_changed(self, *_: object) -> None:
        pair = self.current_pair
        if pair is not None:
            self._annotation_of[str(pair.image.unique_id)] = str(pair.annotation.unique_id)
        self._describe()
        self.changed.emit()

    def _describe(self) -> None:
        source = self._snapshot
        self._size.setText(
            size_in_words(source.axes, source.shape, source.spacing, source.units) if source else ""
        )
        self._size.setVisible(source is not None)
        problem = self.problem() if self.image.layer is not None else ""
        self._problem.setText(problem)
        self._problem.setVisible(bool(problem))
        no_image = "" if source else "open an image first."
        enable(self._new, no_image, "Make a Labels layer that fits the image, ready to paint in.")
        no_pair = "" if self.current_pair else "choose an image and an annotation that fits it."
        enable(
            self._add,
            no_pair,
            "Keep this image and its annotation, then choose another image and annotate it too.",
        )
        self._show_pairs()

    def _show_pairs(self) -> None:
        while (item := self._list.takeAt(0)) is not None:
            holder = item.widget()
            holder.hide()
            holder.deleteLater()
        for pair in self._pairs:
            if pair.annotation is self.annotation.layer:
                continue
            holder = QWidget()
            label = QLabel(f"also trained on: {pair.image.name} + {pair.annotation.name}")
            label.setWordWrap(True)
            remove = QToolButton()
            remove.setText("✕")
            remove.setToolTip("Take this pair out of the training set; its layers stay.")
            remove.clicked.connect(lambda _checked=False, pair=pair: self.remove_pair(pair))
            line = row(label, remove, stretch=0)
            holder.setLayout(line)
            self._list.addWidget(holder)


def check_annotation(layer: Labels, source: LayerSnapshot) -> None:
    """Refuse a layer that cannot be the annotation of an image.

    Raises
    ------
    AnnotationError
        For a multiscale, lazy or boolean layer, or one of another shape.
    """
    if layer.multiscale:
        raise AnnotationError(
            "an annotation cannot be multiscale: press New annotation (got a multiscale Labels layer)."
        )
    if type(layer.data).__module__.startswith("dask"):
        raise AnnotationError(
            "painting on a dask array gets slower with every stroke: press New annotation "
            "(got a dask-backed layer)."
        )
    if not fits(layer, source):
        raise AnnotationError(
            f"the annotation must have the shape of the image without channels, {annotation_shape(source)} "
            f"({source.result_axes}): press New annotation, or choose other axes "
            f"(got {tuple(layer.data.shape)})."
        )


def annotation_shape(source: LayerSnapshot) -> tuple[int, ...]:
    """Return the shape an annotation layer of this image has in napari; see LayerSnapshot.result_axes."""
    sizes = dict(zip(source.output_axes, source.output_shape, strict=True))
    return tuple(sizes.get(letter, 1) for letter in source.result_axes)


def fits(layer: Labels, source: LayerSnapshot) -> bool:
    """Whether a layer has the shape that an annotation of an image has."""
    if layer.multiscale:
        return False
    return tuple(layer.data.shape) in {annotation_shape(source), source.output_shape}


def _alike(pair: PairOfLayers, source: LayerSnapshot) -> bool:
    """Whether an image has the same number of channels and the same spatial axes as another."""
    one, other = snapshot_image(pair.image, pair.axes).to_source(), source.to_source()
    return (one.n_channels, one.spatial_axes) == (other.n_channels, other.spatial_axes)


def _is_image(layer: Layer) -> bool:
    return isinstance(layer, Image) and not is_result(layer)


def _is_annotation(layer: Layer) -> bool:
    """Labels of the user, or classes that a U-Net found: one tool may learn from what another found."""
    return isinstance(layer, Labels) and (not is_result(layer) or "U-Net classes" in layer.name)
