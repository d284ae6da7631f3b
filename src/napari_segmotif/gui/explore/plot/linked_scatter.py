"""The scatter plot of the feature explorer: any two columns, coloured by a third, linked by the session."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget
from superqt import QElidingLabel

from ....explore.tables import CLASS, table_info
from ...section import DIM
from ..panels.panel import Choice
from ..session import ObjectSession
from ..words import feature_in_words, object_in_words
from .scatter import Scatter
from .scatter_buttons import ToolColumn
from .scatter_columns import axis_columns, color_columns, color_values, first_columns
from .scatter_overlay import Tool

if TYPE_CHECKING:
    from napari import Viewer

ORIGIN = "scatter"
_DENSITY = {
    "auto": ("Auto", "Single points, or their density where there are very many."),
    "points": ("Points", "Each object as a point."),
    "density": ("Density", "How many objects there are at each place, on a logarithmic scale."),
}
_OF_DENSITY = {"auto": None, "points": False, "density": True}
_NO_COLOR = ("", "one colour", "All objects in one colour.")


class LinkedScatter(QWidget):
    """A scatter plot with its choices, which follows a session and tells it what the user does.

    Parameters
    ----------
    session
        The table and its selection.
    napari_viewer
        The viewer whose theme is followed; None follows the settings.
    parent
        Qt parent.

    Signals
    -------
    colored(column)
        The user chose another column to colour by; "" is none.
    class_key(digit)
        A number key was pressed over the plot.
    """

    colored = Signal(str)
    class_key = Signal(int)

    def __init__(
        self, session: ObjectSession, napari_viewer: Viewer | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._frame = 0
        self._colors: Mapping[int, str] | None = None
        self._greyed: NDArray[np.bool_] | None = None
        self._class_names: dict[int, str] = {}
        self._class_colors: dict[int, str] = {}
        self._plotted: tuple[str, str] | None = None
        self._due: set[str] = set()
        self._timer = QTimer(self)  # columns come several at a time
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.flush)
        self.plot = Scatter(self, napari_viewer)
        self.plot.set_labels(self._tooltip)
        self._tools = ToolColumn(self._use, self.plot.reset_view)
        self.x_choice, self.y_choice = (Choice(tip=f"What is drawn along {axis}.") for axis in "xy")
        self.color_choice = Choice(tip="What the colours show.")
        self.density_choice = Choice(_DENSITY, tip="How many points are drawn.")
        self.this_frame = QCheckBox("this frame")
        self.this_frame.setToolTip("Draw only the objects of the frame that the image shows.")
        self._count = QElidingLabel()
        self._count.setStyleSheet(DIM)
        self._count.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._lay_out()
        self._connect()
        self._on_table()

    def _lay_out(self) -> None:
        choices = QHBoxLayout()
        choices.setContentsMargins(0, 0, 0, 0)
        choices.setSpacing(5)
        for name, choice, stretch in (
            ("x", self.x_choice, 3),
            ("y", self.y_choice, 3),
            ("colour", self.color_choice, 3),
            ("", self.density_choice, 0),
        ):
            if name:
                choices.addWidget(QLabel(name))
            choice.setMinimumContentsLength(6)
            choices.addWidget(choice, stretch)
        self.density_choice.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        choices.addWidget(self.this_frame)
        self._count.setMinimumWidth(40)
        choices.addWidget(self._count, 2)
        below = QHBoxLayout()
        below.setContentsMargins(0, 0, 0, 0)
        below.setSpacing(4)
        below.addWidget(self._tools)
        below.addWidget(self.plot, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 0, 0)
        column.setSpacing(4)
        column.addLayout(choices)
        column.addLayout(below, 1)

    def _connect(self) -> None:
        session = self._session
        self._connections = [
            (session.table_changed, self._on_table),
            (session.column_changed, self._on_column),
            (session.selection_changed, self._on_selection),
            (session.current_changed, self._on_current),
        ]
        for signal, slot in self._connections:
            signal.connect(slot)
        self.x_choice.currentIndexChanged.connect(lambda _=0: self._later("points"))
        self.y_choice.currentIndexChanged.connect(lambda _=0: self._later("points"))
        self.color_choice.currentIndexChanged.connect(lambda _=0: self._on_color())
        self.density_choice.currentIndexChanged.connect(lambda _=0: self._on_density())
        self.this_frame.toggled.connect(lambda _=False: self._show_frame())
        self.plot.lassoed.connect(self._on_lasso)
        self.plot.clicked.connect(self._on_click)
        self.plot.class_key.connect(self.class_key)

    # -------------------------------------------------------------------------------- what others may ask for
    @property
    def columns(self) -> tuple[str, str]:
        """The columns along x and along y; "" where there is no table."""
        self._refresh_choices()
        return self.x_choice.key, self.y_choice.key

    def set_columns(self, x: str, y: str) -> None:
        """Lay the points out by two columns; a column that is not there changes nothing."""
        self._refresh_choices()
        self.x_choice.choose(x)
        self.y_choice.choose(y)
        self.flush()

    @property
    def color_column(self) -> str:
        """The column that the colours show; "" is none."""
        return self.color_choice.key

    def color_by(
        self, column: str, *, colors: Mapping[int, str] | None = None, greyed: ArrayLike | None = None
    ) -> None:
        """Colour the points by a column; "" is none.

        Parameters
        ----------
        column
            Of the session's table; one that it lacks changes nothing.
        colors
            Colours "#rrggbb" of classes; by default those of set_classes, or of `class_color`.
        greyed
            (n,) mask of objects to be drawn grey, such as uncertain ones.
        """
        self._refresh_choices()
        self._colors = colors
        self._greyed = None if greyed is None else np.asarray(greyed, bool)
        self.color_choice.blockSignals(True)
        self.color_choice.choose(column)
        self.color_choice.blockSignals(False)
        self._later("colors")
        self.flush()

    def set_classes(self, names: Mapping[int, str], colors: Mapping[int, str]) -> None:
        """Call and colour classes so."""
        self._class_names, self._class_colors = dict(names), dict(colors)
        self._later("colors")

    def set_frame(self, frame: int) -> None:
        """Say which frame the image shows."""
        if frame != self._frame:
            self._frame = frame
            if self.this_frame.isChecked():
                self._show_frame()

    def save(self, path: str | Path) -> Path:
        """Write the plot as it is seen; see Scatter.save."""
        self.flush()
        return self.plot.save(path)

    def close_down(self) -> None:
        """Let go of the session and the canvas."""
        for signal, slot in self._connections:
            signal.disconnect(slot)
        self._connections = []
        with suppress(RuntimeError):  # Qt may have deleted the widget by now
            self._timer.stop()
        self.plot.set_labels(None)
        self.plot.release()

    def flush(self) -> None:
        """Do now what is otherwise done when the event loop comes round."""
        self._timer.stop()
        due, self._due = self._due, set()
        if "choices" in due:
            self._refresh_choices()
            due |= self._due
            self._due = set()
            self._timer.stop()
        if "points" in due:
            self._show_points()
        elif "colors" in due:
            self._show_colors()

    # ---------------------------------------------------------------------------------- following the session
    def _on_table(self) -> None:
        self._greyed, self._plotted = None, None
        self._later("choices", "points")
        self.flush()

    def _on_column(self, name: str) -> None:
        self._later("choices")
        if name in (self.x_choice.key, self.y_choice.key):
            self._later("points")
        elif name == self.color_choice.key:
            self._later("colors")

    def _on_selection(self, _origin: str = "") -> None:
        if not self._due:
            self.plot.set_selected(self._session.selected)
        self._say_count()

    def _on_current(self, row: int) -> None:
        self.plot.set_current(row)
        if self._session.current_origin != ORIGIN:
            self.plot.show_row(row)

    def _later(self, *what: str) -> None:
        self._due.update(what)
        self._timer.start(0)

    # ------------------------------------------------------------------------------------------ what is shown
    def _refresh_choices(self) -> None:
        """Offer the columns that the table has now."""
        table = self._session.table
        names = [] if table is None else axis_columns(table)
        colors = [] if table is None else color_columns(table)
        kept = self.x_choice.key in names and self.y_choice.key in names
        first = None if table is None or kept else first_columns(table)
        for choice in (self.x_choice, self.y_choice):
            choice.offer([self._option(name) for name in names])
        if first is not None:
            self.x_choice.choose(first[0])
            self.y_choice.choose(first[1])
        self.color_choice.offer([_NO_COLOR, *(self._option(name) for name in colors)])
        frames = table is not None and bool(table["frame"].nunique() > 1)
        self.this_frame.setVisible(frames)

    def _option(self, name: str) -> tuple[str, str, str]:
        return name, self._title(name), name

    def _title(self, name: str) -> str:
        if name == "roi_id":
            return "image"
        info = None if self._session.table is None else table_info(self._session.table)
        return feature_in_words(name, () if info is None else info.channels)

    def _show_points(self) -> None:
        x, y = self.x_choice.key, self.y_choice.key
        table = self._session.table
        if table is None or x not in table.columns or y not in table.columns:
            self._plotted = None
            self.plot.set_points([], [])
            self._say_count()
            return
        along_x, along_y = (table[name].to_numpy(np.float64, na_value=np.nan) for name in (x, y))
        # Columns that were computed anew have other values, and the view of the old ones means nothing.
        self._plotted = (x, y)
        self.plot.set_points(along_x, along_y, (self._title(x), self._title(y)), visible=self._visible())
        self._show_colors()
        self.plot.set_selected(self._session.selected)
        self.plot.set_current(self._session.current)
        self._say_count()

    def _show_colors(self) -> None:
        table, name = self._session.table, self.color_choice.key
        if table is None or self._plotted is None:
            return
        greyed = self._greyed if self._greyed is not None and len(self._greyed) == len(table) else None
        if not name or name not in table.columns:
            self.plot.set_values(None, greyed=greyed)
            return
        of_column = color_values(table, name)
        of_classes = name in (CLASS, "predicted_class")
        names = of_column.class_names or (self._class_names if of_classes else {})
        colors = self._colors if self._colors is not None else self._class_colors if of_classes else None
        self.plot.set_values(
            of_column.values, of_column.kind, self._title(name), colors, greyed, class_names=names
        )

    def _visible(self) -> NDArray[np.bool_] | None:
        table = self._session.table
        if table is None or self.this_frame.isHidden() or not self.this_frame.isChecked():
            return None
        return np.asarray(table["frame"] == self._frame)

    def _show_frame(self) -> None:
        if self._plotted is not None:
            self.plot.set_visible(self._visible())
            self._say_count()

    def _say_count(self) -> None:
        session = self._session
        chosen = int(session.selected.sum())
        text = f"{chosen:,} of {session.n:,} selected" if chosen else f"{session.n:,} objects"
        missing = 0 if self._plotted is None else session.n - int(self.plot.points.placed.sum())
        if missing:
            text += f", {missing:,} without a value"
        self._count.setText(text if session.n else "")
        self._count.setToolTip(text if session.n else "")

    def _tooltip(self, row: int) -> str:
        table = self._session.table
        if table is None or not 0 <= row < len(table):
            return ""
        shown = dict.fromkeys((*(self._plotted or ()), self.color_choice.key))
        columns = [name for name in shown if name in table.columns and name != "roi_id"]
        identity = [name for name in ("roi_id", "frame", "label") if name in table.columns]
        values = {name: table[name].iat[row] for name in (*identity, *columns)}
        return object_in_words(pd.Series(values, dtype=object), columns, self._class_names)

    # ------------------------------------------------------------------------------------- what the user does
    def _use(self, tool: Tool) -> None:
        self.plot.tool = tool

    def _on_color(self) -> None:
        self._colors, self._greyed = None, None
        self._later("colors")
        self.colored.emit(self.color_choice.key)

    def _on_density(self) -> None:
        self.plot.set_density(_OF_DENSITY[self.density_choice.key])

    def _on_lasso(self, rows: NDArray[np.int64], mode: str) -> None:
        self._session.select(rows, mode, ORIGIN)  # type: ignore[arg-type]

    def _on_click(self, row: int, mode: str) -> None:
        if row >= 0:
            self._session.set_current(row, ORIGIN)
            self._session.select([row], mode, ORIGIN)  # type: ignore[arg-type]
        elif mode == "replace":
            self._session.set_current(-1, ORIGIN)
            self._session.select([], "replace", ORIGIN)
