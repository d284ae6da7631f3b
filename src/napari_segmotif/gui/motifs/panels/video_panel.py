"""The first step of the form: which layer is the video, and how fast it was recorded."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from napari.layers import Image, Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QPushButton, QVBoxLayout, QWidget

from ....errors import InputError, SegmotifError
from ...axes_text import size_in_words
from ...controls import FloatControl
from ...layer_choice import LayerChoice
from ...layers import LayerSnapshot, guess_axes, snapshot_image
from ...results import is_result
from ...section import row, words

_AXES = "TYX"
_FASTEST = 100_000.0  # frames per second
_KEPT = [0, 2, 3]  # axes of a stack over time that one plane of it has
_EDGE_ON = 1e6  # condition number of a transform that leaves next to nothing of one axis


class VideoPanel(QWidget):
    """Choose the video.

    Signals
    -------
    changed
        The video or its frame rate changed.
    plane_wanted
        The user asked for a layer with the plane in view, out of a video of stacks.
    """

    changed = Signal()
    plane_wanted = Signal()

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._snapshot: LayerSnapshot | None = None
        self._problem_text = ""
        self._rate_known = False
        self.layer = LayerChoice(napari_viewer, _is_image, "open a video first")
        self.layer.setToolTip("The video to look at: an image layer with time, rows and columns.")
        self._rate = FloatControl(0.0, _FASTEST, None, "frames/s")
        self._rate.box.setDecimals(3)
        self._rate.set(30.0)
        self._rate.setToolTip("How fast the video was recorded. Times in seconds follow from it.")
        self._size = words(dim=True)
        self._problem = words()
        self._plane = QPushButton("Take the plane in view")
        self._plane.setToolTip(
            "Put the Z plane that the viewer shows into a layer of its own, for all frames."
        )

        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setSpacing(5)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Video", self.layer)
        form.addRow("Frame rate", self._rate)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addLayout(form)
        layout.addWidget(self._size)
        layout.addWidget(self._problem)
        layout.addLayout(row(self._plane))
        self.layer.chosen.connect(self._on_layer)
        self._rate.changed.connect(self._on_rate)
        self._plane.clicked.connect(lambda _checked=False: self.plane_wanted.emit())
        self._on_layer(self.layer.layer)

    @property
    def source(self) -> LayerSnapshot | None:
        """The chosen video as it is now, or None where there is none that can be used."""
        return self._snapshot

    @property
    def problem(self) -> str:
        """Why the chosen layer cannot be worked on, in words; "" where it can."""
        return self._problem_text

    @property
    def frame_rate(self) -> float:
        """Frames per second; 0 where none is given."""
        return self._rate.get()

    def set_frame_rate(self, frame_rate: float) -> None:
        """Show a frame rate."""
        self._rate.set(frame_rate)

    def refresh(self) -> None:
        """Look at the chosen layer again: its data or scale may have changed."""
        self._snapshot, self._problem_text = None, ""
        layer = self.layer.layer
        try:
            self._snapshot = snapshot_video(layer)
        except SegmotifError as error:
            self._problem_text = str(error)
        unknown = "" if self._rate_known else " · the file does not say its frame rate: check it"
        self._size.setText("" if self._snapshot is None else _described(self._snapshot) + unknown)
        self._size.setVisible(self._snapshot is not None)
        self._problem.setText(self._problem_text)
        self._problem.setVisible(bool(self._problem_text) and layer is not None)
        self._plane.setVisible(layer is not None and layer.ndim == 4 and not layer.rgb)

    def close_down(self) -> None:
        """Stop following the viewer."""
        self.layer.close_down()
        self._snapshot = None

    def _on_layer(self, layer: Layer | None) -> None:
        rate = None if layer is None else _rate_of(layer)
        self._rate_known = rate is not None
        if rate is not None:
            self._rate.set(rate)
        self.refresh()
        self.changed.emit()

    def _on_rate(self) -> None:
        self._rate_known = True
        self.refresh()
        self.changed.emit()


def snapshot_video(layer: Image | None) -> LayerSnapshot:
    """Take a snapshot of a video (T, Y, X); an axis in front that has no name is taken for time.

    Raises
    ------
    InputError
        If the layer is no such video; the message says what to do.
    """
    if layer is None:
        raise InputError("open a video first: File > Open, or drop one on the window (got no image layer)")
    shape = tuple((layer.data[0] if layer.multiscale else layer.data).shape)
    axes = guess_axes(layer)
    if layer.rgb:
        raise InputError(
            f"“{layer.name}” is a colour video; motifs are looked for in one channel: right-click the layer, "
            f"choose Split RGB, and take one (got shape {shape})"
        )
    if layer.ndim == 4:
        raise InputError(_four_axes(layer.name, axes, shape))
    if layer.ndim != 3:
        raise InputError(
            f"“{layer.name}” is no video: it needs time, rows and columns (T, Y, X) (got shape {shape})"
        )
    if axes[0] == "C":
        raise InputError(
            f"the first axis of “{layer.name}” is channels, not time: open the whole video of one channel "
            f"(got shape {shape})"
        )
    if shape[0] < 2:
        raise InputError(f"“{layer.name}” has one frame only: a video has many (got shape {shape})")
    return snapshot_image(layer, _AXES)


def plane_in_view(layer: Image, napari_viewer: Any) -> Image:
    """Make a layer of one plane of a layer (T, Z, Y, X), or one channel of (T, C, Y, X): the one in view."""
    if layer.ndim != 4 or layer.rgb:
        raise InputError(f"choose a video with four axes (got {layer.ndim})")
    array = layer.data[0] if layer.multiscale else layer.data
    point = layer.world_to_data(napari_viewer.dims.point)
    plane = int(min(max(round(float(point[1])), 0), array.shape[1] - 1))
    data = _plane_of(array, plane)
    return Image(
        data,
        name=f"{layer.name} · plane {plane}",
        units=tuple(layer.units[i] for i in _KEPT),
        axis_labels=tuple(layer.axis_labels[i] for i in _KEPT),
        contrast_limits=layer.contrast_limits,
        **_place_of_plane(layer, plane),
    )


def _place_of_plane(layer: Image, plane: int) -> dict[str, Any]:
    """Put each pixel of a plane where it is in the layer, as seen along the axis that is left out.

    Scale and translation stay what they are, since the frame rate is read from them; the rest (rotation,
    shear, affine, and where these mix axes, the shift of a plane other than the first) goes into an affine.
    """
    from napari.utils.transforms import Affine

    inner = Affine(scale=layer.scale, translate=layer.translate, rotate=layer.rotate, shear=layer.shear)
    whole = layer.affine.affine_matrix @ inner.affine_matrix
    corner = (whole @ [0, plane, 0, 0, 1])[_KEPT]
    scale, translate = layer.scale[_KEPT], layer.translate[_KEPT]
    affine = np.eye(4)
    affine[:3, :3] = whole[np.ix_(_KEPT, _KEPT)] / scale
    affine[:3, 3] = corner - affine[:3, :3] @ translate
    place = {"scale": scale, "translate": translate}
    if np.linalg.cond(affine[:3, :3]) > _EDGE_ON:  # seen from its side it would be a line: lay it flat
        return place
    return {**place, "affine": affine}


def _plane_of(array: Any, plane: int) -> Any:
    """One plane of a video, without reading it."""
    if hasattr(array, "chunks") and not hasattr(array, "dask"):  # zarr, HDF5: slicing would read it all
        import dask.array as da

        array = da.from_array(array, chunks=array.chunks or "auto", name=False)
    return array[:, plane]


def _is_image(layer: Layer) -> bool:
    return isinstance(layer, Image) and not is_result(layer)


def _rate_of(layer: Layer) -> float | None:
    """The frame rate that a layer's scale says, where its first axis has a unit of time."""
    unit = layer.units[0]
    if unit.dimensionality != {"[time]": 1}:
        return None
    seconds = float((layer.scale[0] * unit).to("second").magnitude)
    if not (math.isfinite(seconds) and seconds >= 1 / _FASTEST):
        return None
    return round(1 / seconds, 6)


def _four_axes(name: str, axes: str, shape: tuple[int, ...]) -> str:
    letters = ", ".join(("T", "C" if "C" in axes[:2] else "Z", "Y", "X"))
    return (
        f"“{name}” has four axes ({letters}); motifs are looked for in one plane: move the slider to it and "
        f"press Take the plane in view (got shape {shape})"
    )


def _described(source: LayerSnapshot) -> str:
    return size_in_words(source.axes, source.shape, source.spacing, source.units)
