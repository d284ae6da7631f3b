"""The link between the image and the table: what is selected is shown, what is clicked is selected.

Objects are found by image, frame and label, in both directions; rows are never counted. What changes many
objects paints the shown plane anew; what changes a few repaints only their boxes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from ....errors import InputError
from ...layers import snapshot_image, unwrapped
from ...view import move_view_to
from ..session import ObjectSession
from .attachment import CURRENT, SELECTED, Attached
from .class_layer import Coloring, coloring_of
from .image_clicks import ImageClicks
from .image_lasso import ImageLasso, rows_inside
from .label_watch import LabelWatch
from .lookups import lookup_of_frame
from .object_boxes import place_of
from .picking_keys import PickingKeys

ORIGIN = "image"
_SURROUNDINGS = 8  # times its size is shown of what lies around an object that is asked about


class ImageLink(QObject):
    """Ties the labels layers that were measured to the session.

    Parameters
    ----------
    napari_viewer
        The viewer that shows the layers.
    session
        The table and its selection.

    Attributes
    ----------
    class_key
        Signal(int): the user pressed 1 … 9 (0: none) for the current object, while `set_picking` is on.
    said
        Signal(str): something the user should know, in a sentence.
    detached
        Signal(str): a labels layer is gone; the image's `roi_id`.
    frame_changed
        Signal(int): another frame is shown.
    lasso_changed
        Signal(bool): whether the user is drawing around objects.
    """

    class_key = Signal(int)
    said = Signal(str)
    detached = Signal(str)
    frame_changed = Signal(int)
    lasso_changed = Signal(bool)

    def __init__(self, napari_viewer: Any, session: ObjectSession, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = unwrapped(napari_viewer)
        self._session = session
        self._attached: dict[str, Attached] = {}
        self._column: tuple[str, dict[str, Any]] | None = None
        self._coloring: Coloring | None = None
        self._frame = 0
        self._due: set[str] = set()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.flush)
        self._lasso = ImageLasso(self._viewer, self)
        self._lasso.drawn.connect(self._on_lasso)
        self._lasso.active_changed.connect(self.lasso_changed)
        self._keys = PickingKeys(self._viewer, self)
        self._keys.pressed.connect(self.class_key)
        self._connections: list[tuple[Any, Any]] = [
            (session.table_changed, self._on_table),
            (session.selection_changed, self._on_selection),
            (session.current_changed, self._on_selection),
            (session.column_changed, self._on_column),
            (self._viewer.layers.events.removed, self._on_removed),
            (self._viewer.dims.events.current_step, self._on_step),
        ]
        for signal, slot in self._connections:
            signal.connect(slot)
        self._clicks = ImageClicks(self._viewer, self._clickable, self)
        self._clicks.hit.connect(self._on_hit)

    # ------------------------------------------------------------------------------------------- attaching
    def attach(
        self, layer: Labels, roi_id: str = "", axes: str | None = None, watch: LabelWatch | None = None
    ) -> None:
        """Link a labels layer.

        Parameters
        ----------
        layer
            The layer that was measured.
        roi_id
            The name of this image in the table.
        axes
            What the layer's axes are, letters of TZYX; None to guess them.
        watch
            Made when measuring began: what was edited since then is told now. By default the layer is
            watched from now on.
        """
        self.detach(roi_id)
        one = Attached(self._viewer, layer, roi_id, axes, watch)
        one.watch.setParent(self)
        one.watch.edited.connect(self._on_edited)
        one.watch.moved.connect(self._on_moved)
        self._attached[roi_id] = one
        if one.watch.reason:
            self._session.mark_stale(one.watch.reason)
        if not one.in_viewer:
            self._lose(one)
            return
        one.show_selection()
        self._later("selection", "coloring")

    def detach(self, roi_id: str | None = None) -> None:
        """Let go of one image, or of all; the table stays."""
        for name in [roi_id] if roi_id is not None else list(self._attached):
            one = self._attached.pop(name, None)
            if one is not None:
                one.close()

    @property
    def roi_ids(self) -> tuple[str, ...]:
        """Images that are linked."""
        return tuple(self._attached)

    def layer_of(self, roi_id: str) -> Labels | None:
        """The labels layer of an image, if it is linked."""
        one = self._attached.get(roi_id)
        return None if one is None else one.layer

    def selection_layer(self, roi_id: str = "") -> Labels | None:
        """The layer of ours that shows the selected objects."""
        one = self._attached.get(roi_id)
        return None if one is None else one.layer_of("selection")

    def coloring_layer(self, roi_id: str = "") -> Labels | None:
        """The layer of ours that shows the objects in the colours of a column."""
        one = self._attached.get(roi_id)
        return None if one is None else one.layer_of("coloring")

    def close(self) -> None:
        """Let go of the viewer."""
        for signal, slot in self._connections:
            signal.disconnect(slot)
        self._connections = []
        self._clicks.close()
        self._timer.stop()
        self._keys.disable()
        self._lasso.stop()
        self.detach()

    # ------------------------------------------------------------------------------------------- colouring
    def set_coloring(
        self,
        column: str | None,
        *,
        kind: Any = None,
        colors: dict[int, str] | None = None,
        limits: tuple[float, float] | None = None,
        greyed: NDArray[np.bool_] | None = None,
    ) -> None:
        """Show the objects in the colours of a column; see `coloring_of`. None shows none.

        The colours follow the column when it is computed anew.
        """
        self._column = (
            None if column is None else (column, {"kind": kind, "colors": colors, "limits": limits})
        )
        if self._column is not None and greyed is not None:
            self._column[1]["greyed"] = np.asarray(greyed, bool)
        self._later("coloring")

    @property
    def coloring(self) -> Coloring | None:
        """How objects are coloured now."""
        return self._coloring

    # --------------------------------------------------------------------------------------- where to look
    @property
    def frame(self) -> int:
        """The frame that is shown; −1 where the slider is beyond the images."""
        timed = [one for one in self._attached.values() if one.time_axis is not None]
        return timed[0].frame if timed else 0

    def show_current(self) -> None:
        """Bring the current object into view."""
        found = self._place_of(self._session.current)
        if found is None:
            return
        one, row = found
        place = place_of(row, one.layer, one.axes)
        if place is None:
            self.said.emit(f"Object {int(row['label'])} is no longer in '{one.layer.name}'.")
            return
        middle, size = place
        snapshot = snapshot_image(one.layer, one.axes)
        if self._session.current_origin == "suggestion":  # it is to be looked at: from near enough to see it
            around = [_SURROUNDINGS * n for n in size]
            move_view_to(self._viewer, snapshot, middle, around, only_closer=True)
        else:
            move_view_to(self._viewer, snapshot, middle)

    def set_picking(self, on: bool) -> None:
        """Let the number keys give classes, or give them back to napari."""
        if on:
            self._keys.enable()
        else:
            self._keys.disable()

    # ----------------------------------------------------------------------------------------------- lasso
    @property
    def lassoing(self) -> bool:
        """Whether the user is drawing around objects."""
        return self._lasso.active

    def start_lasso(self) -> None:
        """Let the user draw around objects in the image, once; Shift adds, Ctrl subtracts."""
        shown = next((one for one in self._visible() if one.plane() is not None), None)
        if shown is None:
            self.said.emit("Draw around objects in the 2D view of a labels layer that was measured.")
            self.lasso_changed.emit(False)  # a button that was pressed comes up again
            return
        self._lasso.start(shown.layer)

    def stop_lasso(self) -> None:
        """Put the lasso away."""
        self._lasso.stop()

    def _on_lasso(self, corners: NDArray[np.float64], mode: str) -> None:
        session = self._session
        if session.table is None or session.index is None:
            return
        numbers = np.arange(1, session.n + 1, dtype=np.int32)
        found = [np.zeros(0, np.int64)]
        for one in self._visible():
            plane = one.plane()
            if plane is None:
                continue
            points = np.array([one.layer.world_to_data(corner) for corner in corners])[:, list(plane.axes)]
            lookup = lookup_of_frame(session.table, numbers, one.roi_id, plane.frame, session.index)
            found.append(rows_inside(plane.labels, points, lookup, session.n))
        rows = np.concatenate(found)
        if not len(rows) and mode == "replace":
            self.said.emit("No object lies in there by more than half.")
            return
        session.select(rows, mode, ORIGIN)  # type: ignore[arg-type]

    # --------------------------------------------------------------------------------------- image → table
    def _clickable(self) -> list[Attached]:
        return [] if self._lasso.active else self._visible()

    def _on_hit(self, one: Attached, frame: int, label: int, mode: str) -> None:
        session = self._session
        if session.index is None:
            return
        row = session.index.row(one.roi_id, frame, label)
        if row < 0:
            self.said.emit(f"Object {label} of '{one.layer.name}' is not in the table.")
            return
        session.set_current(row, ORIGIN)
        session.select([row], mode, ORIGIN)  # type: ignore[arg-type]

    def _visible(self) -> list[Attached]:
        """Attached layers that can be seen, the topmost first; the active one before all others."""
        order = {layer: place for place, layer in enumerate(self._viewer.layers)}
        active = self._viewer.layers.selection.active
        seen = [one for one in self._attached.values() if one.in_viewer and one.visible]
        return sorted(seen, key=lambda one: (one.layer is not active, -order[one.layer]))

    # --------------------------------------------------------------------------------------- table → image
    def flush(self) -> None:
        """Do now what else is done when the event loop comes round."""
        self._timer.stop()
        due, self._due = self._due, set()
        if "lost" in due:
            for one in [one for one in self._attached.values() if not one.in_viewer]:
                self._lose(one)
        if "coloring" in due:
            self._update_coloring()
        if "selection" in due:
            self._update_selection()

    def _later(self, *what: str) -> None:
        # Of several changes at once (a click selects and makes current) the last is drawn, and after the
        # plots have drawn theirs.
        self._due.update(what)
        self._timer.start(0)

    def _update_selection(self) -> None:
        session = self._session
        codes = session.selected.astype(np.uint8) * SELECTED
        if session.current >= 0:
            codes[session.current] = CURRENT
        for one in self._attached.values():
            before = one.selection.values
            one.selection.set_values(session.table, session.index, codes)
            if not one.in_viewer:
                continue
            changed = np.flatnonzero(before != codes) if len(before) == len(codes) else None
            if changed is not None and not len(changed):
                continue
            if changed is None or session.stale or not one.repaint_few(session.table, changed):
                if one.layer_of("selection") is None:
                    one.show_selection()  # the user threw it away; made new, it is painted already
                else:
                    one.refresh("selection")

    def _update_coloring(self) -> None:
        session, asked = self._session, self._column
        self._coloring = None
        values = None if asked is None else session.column(asked[0])
        if asked is not None and values is not None:
            options = dict(asked[1])
            if len(options.get("greyed", values)) != len(values):
                del options["greyed"]  # of another table
            try:
                self._coloring = coloring_of(values, name=asked[0], **options)
            except InputError as error:
                self.said.emit(str(error))
        for one in self._attached.values():
            if one.in_viewer:
                one.color(session.table, session.index, self._coloring)

    def _on_selection(self, *_: Any) -> None:
        self._later("selection")

    def _on_table(self) -> None:
        self._later("selection", "coloring")

    def _on_column(self, name: str) -> None:
        if self._column is not None and name == self._column[0]:
            self._later("coloring")

    # ------------------------------------------------------------------------------- what happens to layers
    def _on_edited(self, reason: str) -> None:
        self._session.mark_stale(reason)
        for one in self._attached.values():
            if one.in_viewer and one.watch.reason:
                one.forget_labels()
                one.refresh("selection")
                one.refresh("coloring")

    def _on_moved(self) -> None:
        for one in self._attached.values():
            if one.in_viewer:
                one.follow()

    def _on_removed(self, event: Any) -> None:
        if any(one.layer is event.value for one in self._attached.values()):
            self._later("lost")  # not now: napari is in the middle of taking layers away

    def _lose(self, one: Attached) -> None:
        self._lasso.stop()
        self.detach(one.roi_id)
        self._session.mark_stale(f"Labels layer '{one.layer.name}' was removed after it was measured.")
        self.detached.emit(one.roi_id)

    def _on_step(self, event: Any) -> None:
        frame = self.frame
        if frame != self._frame:
            self._frame = frame
            self.frame_changed.emit(frame)

    def _place_of(self, row: int) -> tuple[Attached, Any] | None:
        """The layer that has the object of a row, and the row itself."""
        table = self._session.table
        if table is None or row < 0:
            return None
        values = table.iloc[row]
        one = self._attached.get(str(values["roi_id"]))
        return None if one is None or not one.in_viewer else (one, values)
