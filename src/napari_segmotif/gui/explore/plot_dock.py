"""The dock at the bottom: the plot of all objects, their table, and the typical objects of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QSignalBlocker, QSize, Qt
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QSplitter, QTabWidget, QVBoxLayout, QWidget

from ..section import enable, row
from ..teardown import teardown_on_close
from .image.image_link import ImageLink
from .panels.table_view import TableView
from .panels.thumbnails import Picture, Thumbnails
from .plot.linked_scatter import LinkedScatter
from .session import ObjectSession

_HEIGHT, _WIDTH = 340, 900


class PlotDock(QWidget):
    """Plot, table and thumbnails, linked by the session.

    Parameters
    ----------
    napari_viewer
        The viewer.
    session
        The table and its selection.
    link
        Draws around objects in the image.
    picture
        Gives the picture of the object in a row.
    on_closed
        Called once, when the dock is gone for good. Qt may have deleted it by then.
    """

    def __init__(
        self,
        napari_viewer: Any,
        session: ObjectSession,
        link: ImageLink,
        picture: Picture,
        on_closed: Callable[[], object],
    ) -> None:
        super().__init__()
        self._on_closed = on_closed
        self._closed = False
        self._session = session
        self._link = link
        self.scatter = LinkedScatter(session, napari_viewer)
        self.lasso = QPushButton("Draw around objects in the image")
        self.lasso.setCheckable(True)
        self.lasso.setToolTip(
            "<p>Draw a line around objects in the image to select them. Shift adds to what is selected, Ctrl "
            "takes away. In the plot, its own lasso does the same.</p>"
        )
        self.nothing = QPushButton("Select none")
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.table = TableView(session)
        self.typical = Thumbnails(session, picture)
        self.tabs.addTab(self.table, "Table")
        self.tabs.addTab(self.typical, "Typical objects")
        beside = QWidget()
        column = QVBoxLayout(beside)
        column.setContentsMargins(0, 4, 4, 0)
        column.setSpacing(4)
        column.addLayout(row(self.lasso, self.nothing))
        column.addWidget(self.tabs, 1)
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._split.addWidget(self.scatter)
        self._split.addWidget(beside)
        self._split.setStretchFactor(0, 3)
        self._split.setStretchFactor(1, 2)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._split)
        self.lasso.toggled.connect(self._on_lasso)
        self.nothing.clicked.connect(lambda _checked=False: session.select([], origin="dock"))
        link.lasso_changed.connect(self._on_lassoing)
        link.frame_changed.connect(self.scatter.set_frame)
        self.scatter.set_frame(link.frame)
        session.selection_changed.connect(self._update)
        self._update()
        teardown_on_close(self, napari_viewer, self.close_down)

    def show_columns(self, x: str, y: str) -> None:
        """Lay the points out by two columns."""
        self.scatter.set_columns(x, y)

    def color_by(
        self, column: str, colors: Mapping[int, str] | None, greyed: NDArray[np.bool_] | None
    ) -> None:
        """Colour the points by a column; "" is none."""
        self.scatter.color_by(column, colors=colors, greyed=greyed)

    def set_classes(self, names: Mapping[int, str], colors: Mapping[int, str]) -> None:
        """Call and colour the classes so."""
        self.scatter.set_classes(names, colors)

    def show_typical(self, title: str, most: Sequence[int], least: Sequence[int]) -> None:
        """Show the most and the least typical objects of a cluster, by their rows."""
        self.typical.show_objects(title, most, least)
        self.tabs.setCurrentWidget(self.typical)

    def save(self, path: Path) -> Path:
        """Write the plot as it is seen."""
        return self.scatter.save(path)

    def close_down(self) -> None:
        """Let go of the session and the canvas."""
        if self._closed:
            return
        self._closed = True
        self._link.lasso_changed.disconnect(self._on_lassoing)
        self._link.frame_changed.disconnect(self.scatter.set_frame)
        self._session.selection_changed.disconnect(self._update)
        self._link.stop_lasso()
        self.table.close_down()
        self.typical.close_down()
        self.scatter.close_down()
        self._on_closed()

    def _on_lasso(self, on: bool) -> None:
        if on and not self._link.lassoing:
            self._link.start_lasso()
        elif not on and self._link.lassoing:
            self._link.stop_lasso()

    def _on_lassoing(self, active: bool) -> None:
        with QSignalBlocker(self.lasso):
            self.lasso.setChecked(active)

    def _update(self, _origin: str = "") -> None:
        nothing = "" if self._session.selected.any() else "nothing is selected."
        enable(self.nothing, nothing, "Select no object.")

    def sizeHint(self) -> QSize:
        return QSize(_WIDTH, _HEIGHT)
