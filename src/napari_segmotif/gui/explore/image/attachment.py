"""One labels layer whose objects stand in the table, and our layers that show them in colour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from napari.layers import Labels, Layer
from numpy.typing import NDArray

from ....explore.alignment import RowIndex
from ...layers import guess_axes, snapshot_image, unwrapped
from ...results import add_result
from .class_layer import Coloring
from .label_watch import LabelWatch
from .lookup_layer import (
    LookupArray,
    arrays_of,
    code_colormap,
    follow_transform,
    lookup_layer,
    repaint_boxes,
    replace_source,
    same_colors,
)
from .lookups import FrameLookups
from .object_boxes import box_of, fits_box, flat_box

SELECTED, CURRENT = 1, 3  # codes of the selection layer; rims have one more
SELECTION_COLORS: dict[int, Any] = {
    1: "#fff04d80",
    2: "#fff04dff",
    3: "#ffffff99",
    4: "#ff2bd6ff",
}
_COLORING_OPACITY = 0.85
_FEW = 64  # objects that are repainted one by one


@dataclass(frozen=True)
class Plane:
    """The plane of a labels layer that is on the screen.

    Attributes
    ----------
    frame
        Which frame it is of.
    labels
        (Y, X), or the two axes that are shown, in the order of the data.
    axes
        Which axes of the layer these are.
    """

    frame: int
    labels: NDArray[Any]
    axes: tuple[int, int]


class Attached:
    """A labels layer, the image in the table that it is, and what shows its objects.

    Parameters
    ----------
    viewer
        Where the layers are.
    layer
        The labels layer.
    roi_id
        Which of the table's images it is.
    axes
        What its axes mean; None to guess them.
    watch
        Watches the layer since it was measured; by default from now on.
    """

    def __init__(
        self,
        viewer: Any,
        layer: Labels,
        roi_id: str,
        axes: str | None = None,
        watch: LabelWatch | None = None,
    ) -> None:
        self._viewer = unwrapped(viewer)
        self.layer: Labels = unwrapped(layer)
        self.roi_id = roi_id
        self.axes = guess_axes(self.layer) if axes is None else axes
        place = self.axes.find("T")
        self.time_axis = place if place >= 0 else None
        self.watch = LabelWatch(self.layer) if watch is None else watch
        self.selection, self.coloring = FrameLookups(roi_id), FrameLookups(roi_id)
        self._ours: dict[str, Labels] = {}

    # ---------------------------------------------------------------------------------------- our layers
    def show_selection(self) -> Labels:
        """Return the layer of the selected objects, which is made if there is none."""
        return self._shown("selection", f"{self.layer.name}: selected", SELECTION_COLORS, outlined=True)

    def color(self, table: pd.DataFrame | None, index: RowIndex | None, coloring: Coloring | None) -> None:
        """Show the objects of a table in colours; None shows none."""
        if coloring is None:
            self.remove("coloring")
            return
        self.coloring.set_values(table, index, coloring.codes)
        layer = self.layer_of("coloring")
        if layer is None:
            self._shown("coloring", self._named(coloring), coloring.colors, opacity=_COLORING_OPACITY)
            return
        layer.name = self._named(coloring)
        colormap = code_colormap(coloring.colors)
        if same_colors(colormap, layer.colormap):
            self.refresh("coloring")
        else:
            layer.colormap = colormap  # napari paints it anew itself

    def repaint_few(self, table: pd.DataFrame | None, rows: NDArray[np.int64]) -> bool:
        """Repaint the selection in the boxes of a few objects only; False where these are not known."""
        layer = self.layer_of("selection")
        plane = self.plane() if len(rows) <= _FEW else None
        if layer is None or table is None or plane is None:
            return False
        boxes = []
        for _, row in table.iloc[rows].iterrows():
            if row["roi_id"] != self.roi_id or row["frame"] != plane.frame:
                continue
            extent = box_of(row, self.axes)
            box = None if extent is None else flat_box(extent, plane)
            if extent is None or box is None or not fits_box(plane.labels, int(row["label"]), box):
                return False
            boxes.append(box)
        return not boxes or repaint_boxes(layer, boxes)

    def layer_of(self, key: str) -> Labels | None:
        """Our layer "selection" or "coloring", if it is in the viewer."""
        layer = self._ours.get(key)
        return layer if layer in self._viewer.layers else None

    def remove(self, key: str) -> None:
        """Remove one of our layers."""
        layer = self._ours.pop(key, None)
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def refresh(self, key: str) -> None:
        """Paint and upload one of our layers anew."""
        layer = self.layer_of(key)
        if layer is not None:
            layer.refresh(extent=False, thumbnail=False, highlight=False)

    def forget_labels(self) -> None:
        """Read the labels anew when next something is painted: they were edited."""
        levels = list(self.layer.data) if self.layer.multiscale else [self.layer.data]
        for key, layer in self._ours.items():
            arrays = arrays_of(layer)
            if [id(one.source) for one in arrays] != [id(level) for level in levels]:
                replace_source(layer, self.layer, self.time_axis, outlined=key == "selection")
            for array in arrays_of(layer):
                array.forget()

    def follow(self) -> None:
        """Put our layers where the labels layer is."""
        for layer in self._ours.values():
            follow_transform(layer, self.layer)

    def close(self) -> None:
        """Remove our layers and listen no more."""
        self.watch.stop()
        for key in list(self._ours):
            self.remove(key)

    # ------------------------------------------------------------------------------------ what is on screen
    @property
    def in_viewer(self) -> bool:
        """Whether the labels layer is in the viewer."""
        return self.layer in self._viewer.layers

    @property
    def visible(self) -> bool:
        """Whether its objects can be seen, as labels or in one of our layers."""
        return any(layer.visible for layer in (self.layer, *self._ours.values()))

    @property
    def frame(self) -> int:
        """The frame that is shown; 0 without time, −1 beyond the layer's frames."""
        if self.time_axis is None:
            return 0
        step = self._position(np.array(self._viewer.dims.point, dtype=float))[self.time_axis]
        return int(step) if 0 <= step < self._shape()[self.time_axis] else -1

    def plane(self) -> Plane | None:
        """Return the plane that is shown, or None in 3D and where the sliders are beyond the layer."""
        dims = self._viewer.dims
        offset = dims.ndim - self.layer.ndim
        shown = sorted(axis - offset for axis in dims.displayed)
        if len(shown) != 2 or shown[0] < 0:
            return None
        place = self._position(np.array(dims.point, dtype=float))
        parts: list[Any] = []
        for axis, n in enumerate(self._shape()):
            if axis not in shown and not 0 <= place[axis] < n:
                return None
            parts.append(slice(None) if axis in shown else int(place[axis]))
        frame = 0 if self.time_axis is None else place[self.time_axis]
        # With time across the screen there is no one frame.
        if self.time_axis in shown:
            return None
        return Plane(int(frame), np.asarray(self._data()[tuple(parts)]), (shown[0], shown[1]))

    def object_at(self, event: Any) -> tuple[int, int] | None:
        """Return frame and label of the object under a mouse event, or None for the background."""
        if len(event.dims_displayed) == 3 and self.layer.ndim > 2:
            return self._object_in_volume(event)
        place = self._position(np.asarray(event.position, dtype=float))
        if any(not 0 <= one < n for one, n in zip(place, self._shape(), strict=True)):
            return None
        label = int(np.asarray(self._data()[tuple(int(one) for one in place)]))
        frame = 0 if self.time_axis is None else int(place[self.time_axis])
        return (frame, label) if label > 0 else None

    def _object_in_volume(self, event: Any) -> tuple[int, int] | None:
        label = self.layer.get_value(
            event.position,
            view_direction=event.view_direction,
            dims_displayed=list(event.dims_displayed),
            world=True,
        )
        label = label[-1] if isinstance(label, tuple) else label
        return (self.frame, int(label)) if label else None

    def _position(self, world: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.round(np.asarray(self.layer.world_to_data(world), dtype=float))

    def _data(self) -> Any:
        return self.layer.data[0] if self.layer.multiscale else self.layer.data

    def _shape(self) -> tuple[int, ...]:
        return tuple(int(n) for n in self._data().shape)

    def _named(self, coloring: Coloring) -> str:
        return f"{self.layer.name} by {coloring.name}"

    def _shown(self, key: str, name: str, colors: Mapping[Any, Any], **options: Any) -> Labels:
        layer = self.layer_of(key)
        if layer is not None:
            return layer
        lookups = self.selection if key == "selection" else self.coloring
        layer = lookup_layer(
            self.layer, lookups, name=name, colors=colors, time_axis=self.time_axis, **options
        )
        source = snapshot_image(self.layer, self.axes)
        add_result(
            self._viewer, layer, source, key=f"explorer {key}", recipe={"tool": "objects", "shows": key}
        )
        self._ours[key] = layer
        return layer


def is_lookup_layer(layer: Layer) -> bool:
    """Whether a layer is one that shows another one's objects: nothing to be measured."""
    data: Any = getattr(unwrapped(layer), "data", None)
    first = data[0] if getattr(layer, "multiscale", False) else data
    return isinstance(first, LookupArray)
