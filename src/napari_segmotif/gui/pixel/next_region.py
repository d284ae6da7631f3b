"""The outline of the region to paint next, and the walk through the regions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.layers import Shapes

from ...pixel.reviewing.suggestion import Suggestion
from ..layers import LayerSnapshot
from ..view import move_view_to

LAYER_NAME = "paint here next"
_CONTEXT = 3.0  # how much around a region is shown, as a multiple of its size


class NextRegions:
    """Steps through suggested regions: moves the view, and outlines the region in one layer of ours."""

    def __init__(self, napari_viewer: Any) -> None:
        self._viewer = napari_viewer
        self._layer: Shapes | None = None
        self._source: LayerSnapshot | None = None
        self._regions: tuple[Suggestion, ...] = ()
        self._index = 0

    @property
    def n(self) -> int:
        """How many regions there are."""
        return len(self._regions)

    @property
    def index(self) -> int:
        """Which one is in view."""
        return self._index

    @property
    def current(self) -> Suggestion | None:
        """The region in view."""
        return self._regions[self._index] if self._regions else None

    def show(self, source: LayerSnapshot, regions: Sequence[Suggestion]) -> None:
        """Take over a new list and go to its first region."""
        self._source, self._regions, self._index = source, tuple(regions), 0
        self._go()

    def step(self, by: int) -> None:
        """Go to the next (+1) or the previous (−1) region."""
        if self._regions:
            self._index = min(max(self._index + by, 0), self.n - 1)
            self._go()

    def clear(self) -> None:
        """Forget the regions and remove the outline."""
        self._regions, self._source = (), None
        if self._layer is not None and self._layer in self._viewer.layers:
            self._viewer.layers.remove(self._layer)
        self._layer = None

    def _go(self) -> None:
        region, source = self.current, self._source
        if region is None or source is None:
            self.clear()
            return
        size = [s.stop - s.start for s in region.region]
        move_view_to(self._viewer, source, region.center, [n * _CONTEXT for n in size])
        self._outline(source, region)

    def _outline(self, source: LayerSnapshot, region: Suggestion) -> None:
        corners = outline(region, source)
        if (
            self._layer is None
            or self._layer not in self._viewer.layers
            or self._layer.ndim != corners.shape[1]
        ):
            self.clear_layer()
            selected = self._viewer.layers.selection.active
            self._layer = self._viewer.add_shapes(
                [corners],
                shape_type="polygon",
                name=LAYER_NAME,
                face_color="transparent",
                edge_color="#ffffff",
                edge_width=self._edge_width(region),
                **source.transform,
            )
            if selected is not None:
                self._viewer.layers.selection = {selected}
        else:
            self._layer.data = [corners]
            for name, value in source.transform.items():  # the image may be another one, or have moved
                setattr(self._layer, name, value)
            self._layer.edge_width = self._edge_width(region)

    def clear_layer(self) -> None:
        """Remove the outline of an earlier image."""
        if self._layer is not None and self._layer in self._viewer.layers:
            self._viewer.layers.remove(self._layer)
        self._layer = None

    @staticmethod
    def _edge_width(region: Suggestion) -> float:
        ys, xs = region.region[-2:]
        return max(1.0, 0.02 * max(ys.stop - ys.start, xs.stop - xs.start))


def outline(region: Suggestion, source: LayerSnapshot) -> np.ndarray:
    """Return the corners (4, n_axes) of a region in its middle plane, over `source.result_axes`."""
    ys, xs = region.region[-2:]
    center = dict(zip(source.output_axes, region.center, strict=True))
    corners = np.zeros((4, len(source.result_axes)))
    for axis, letter in enumerate(source.result_axes):
        if letter == "Y":
            corners[:, axis] = [ys.start - 0.5, ys.start - 0.5, ys.stop - 0.5, ys.stop - 0.5]
        elif letter == "X":
            corners[:, axis] = [xs.start - 0.5, xs.stop - 0.5, xs.stop - 0.5, xs.start - 0.5]
        else:
            corners[:, axis] = round(center.get(letter, 0.0))
    return corners
