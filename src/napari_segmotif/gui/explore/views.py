"""The views of the objects outside the form: plot and table at the bottom, and colours in the image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from napari.layers import Labels
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from ...errors import InputError
from ...explore.tables import CLASS, CLUSTER
from ..layers import LayerSnapshot, snapshot_image, unwrapped
from .findings import PREDICTED
from .image.image_link import ImageLink
from .image.label_watch import LabelWatch
from .image.object_pictures import picture_of
from .inputs import LabelledImage
from .plot_dock import PlotDock
from .session import ObjectSession

_OF_CLASSES = (CLASS, PREDICTED)
_TITLE = "Objects"
_BRING_INTO_VIEW = ("table", "thumbnails", "suggestion")


class Views(QObject):
    """Keeps the plot dock and the image link in step with the session.

    Parameters
    ----------
    napari_viewer
        The viewer.
    session
        The table and its selection.

    Signals
    -------
    class_key
        The user pressed 1 … 9 for the current object (0: none).
    said
        Something the user should know.
    closed
        The plot was closed.
    """

    class_key = Signal(int)
    closed = Signal()
    said = Signal(str)

    def __init__(self, napari_viewer: Any, session: ObjectSession) -> None:
        super().__init__()
        self._viewer = unwrapped(napari_viewer)
        self._session = session
        self._images: dict[str, LabelledImage] = {}
        self._names: dict[int, str] = {}
        self._colors: dict[int, str] = {}
        self._greyed: NDArray[np.bool_] | None = None
        self._column = ""
        self._places: tuple[str, ...] = ()
        self._picking = False
        self._dock: PlotDock | None = None
        self.link = ImageLink(napari_viewer, session)
        self.link.class_key.connect(self.class_key)
        session.current_changed.connect(self._on_current)
        self.link.said.connect(self.said)

    @property
    def column(self) -> str:
        """What colours show; "" for nothing."""
        return self._column

    # ---- the plot

    @property
    def dock(self) -> PlotDock | None:
        """The plot and the table, while they are open."""
        return self._dock

    def open(self) -> None:
        """Open the dock at the bottom, unless it is open."""
        if self._dock is not None:
            return
        dock = PlotDock(self._viewer, self._session, self.link, self.picture, self._on_closed)
        dock.scatter.colored.connect(self._on_colored)
        dock.scatter.class_key.connect(self._on_plot_key)
        self._dock = dock
        self._viewer.window.add_dock_widget(dock, name=_TITLE, area="bottom")
        dock.set_classes(self._names, self._colors)
        if len(self._places) == 2:
            dock.show_columns(*self._places)
        dock.color_by(self._column, self._colors_of(self._column), self._greyed_in(self._column))

    def show_columns(self, x: str, y: str) -> None:
        """Lay the points out by two columns."""
        self._places = (x, y)
        if self._dock is not None:
            self._dock.show_columns(x, y)

    def color_by(self, column: str) -> None:
        """Colour the points and the objects in the image by a column; "" is none."""
        self._column = column
        self._recolor()

    def set_classes(self, names: Mapping[int, str], colors: Mapping[int, str]) -> None:
        """Call and colour the classes so."""
        self._names, self._colors = dict(names), dict(colors)
        if self._dock is not None:
            self._dock.set_classes(self._names, self._colors)
        if self._column in _OF_CLASSES:
            self._recolor()

    def set_greyed(self, greyed: NDArray[np.bool_] | None) -> None:
        """Show these objects (n,) in grey while they are coloured by cluster; None: none."""
        if greyed is None and self._greyed is None:
            return
        self._greyed = greyed
        self._recolor()

    def show_typical(self, title: str, most: Sequence[int], least: Sequence[int]) -> None:
        """Show pictures of the most and the least typical objects of a cluster, by their rows."""
        if self._dock is not None:
            self._dock.show_typical(title, most, least)

    def save_plot(self, path: Path) -> Path:
        """Write the plot as it is seen.

        Raises
        ------
        InputError
            If the plot is closed.
        """
        if self._dock is None:
            raise InputError("open the plot first: Show plot (got no plot)")
        return self._dock.save(path)

    # ---- the image

    def attach(
        self, images: Mapping[str, LabelledImage], watches: Mapping[str, LabelWatch] | None = None
    ) -> None:
        """Link the table to labels layers, by the name that each has in the table (`roi_id`).

        Layers that are gone mark the table as out of date; of layers without objects it knows nothing.
        """
        self.link.detach()
        self._images = {}
        self._greyed, self._column = None, ""
        known = set() if self._session.index is None else set(self._session.index.roi_ids())
        for roi_id, image in images.items():
            if roi_id not in known:
                continue
            self._images[roi_id] = image
            self.link.attach(image.labels, roi_id, image.axes, (watches or {}).get(roi_id))
        self._recolor()

    def sources(self) -> list[tuple[str, LayerSnapshot, Labels]]:
        """Return roi_id, snapshot and layer of every linked image."""
        return [
            (roi_id, snapshot_image(layer, self._images[roi_id].axes), layer)
            for roi_id in self.link.roi_ids
            if (layer := self.link.layer_of(roi_id)) is not None
        ]

    def images(self) -> dict[str, LabelledImage]:
        """Return the linked images by roi_id."""
        return {roi_id: self._images[roi_id] for roi_id in self.link.roi_ids}

    def go_to(self, row: int) -> None:
        """Give the attention to an object, and bring it into view."""
        if row == self._session.current:
            self.link.show_current()
        self._session.set_current(row, origin="suggestion")

    def set_picking(self, on: bool) -> None:
        """Let number keys give classes, or not."""
        self._picking = on
        self.link.set_picking(on)

    def set_features(self, layer: Labels, table: pd.DataFrame) -> None:
        """Put the rows of an image into its layer, with `index` for napari to match."""
        layer.features = table.reset_index(drop=True)

    def close_down(self) -> None:
        """Close the dock, and let go of the viewer; our colours go, the user's layers stay."""
        self._session.current_changed.disconnect(self._on_current)
        # First: closing vispy's canvas processes events, in which the link would find its layers gone.
        self.link.close()
        dock, self._dock = self._dock, None
        if dock is not None:
            dock.close_down()
            with suppress(RuntimeError, AttributeError):  # the window may be gone, and its docks with it
                self._viewer.window.remove_dock_widget(dock)
        self._images = {}

    def _colors_of(self, column: str) -> dict[int, str] | None:
        return self._colors if column in _OF_CLASSES else None

    def _recolor(self) -> None:
        self._color_image()
        if self._dock is not None:
            column = self._column
            self._dock.color_by(column, self._colors_of(column), self._greyed_in(column))

    def _color_image(self) -> None:
        column = self._column
        kind = "class" if column in (CLUSTER, *_OF_CLASSES) else None
        self.link.set_coloring(
            column or None, kind=kind, colors=self._colors_of(column), greyed=self._greyed_in(column)
        )

    def _greyed_in(self, column: str) -> NDArray[np.bool_] | None:
        return self._greyed if column == CLUSTER else None

    def _on_colored(self, column: str) -> None:
        """The user chose in the plot what colours show: the image shows the same."""
        self._column = column
        self._color_image()

    def _on_plot_key(self, key: int) -> None:
        if self._picking:
            self.class_key.emit(key)

    def _on_current(self, row: int) -> None:
        """What was chosen outside the image and the plot is brought into view."""
        if row >= 0 and self._session.current_origin in _BRING_INTO_VIEW:
            self.link.show_current()

    def picture(self, row: int) -> NDArray[np.uint8] | None:
        """The object in a row with what is around it, (h, w, 3); None where that cannot be seen."""
        table = self._session.table
        if table is None:
            return None
        values = table.iloc[row]
        image = self.images().get(str(values["roi_id"]))
        return None if image is None else picture_of(values, image)

    def _on_closed(self) -> None:
        if self._dock is None:
            return
        self._dock = None
        self.closed.emit()
