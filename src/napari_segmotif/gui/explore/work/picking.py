"""Giving objects a class by hand: by click and key, to a selection, or cluster by cluster."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ....explore.tables import CLASS, CLUSTER, KEY
from ..bench import Bench
from ..findings import PREDICTED
from ..panels.object_classes import entries_for
from ..words import class_counts, picked_in_words

NOBODY = -1
_HINT = "Click an object, then press its class's key (1–9). 0 takes it back."


class Picking:
    """Keeps the column of classes.

    Parameters
    ----------
    bench
        What to work with.
    on_change
        Called when objects have other classes, or classes other names.
    """

    def __init__(self, bench: Bench, on_change: Callable[[], object]) -> None:
        self._bench = bench
        self._on_change = on_change
        self.asked = NOBODY
        """Row of the object that is asked about while all have the colours of what was found: these stay."""
        panel = bench.form.classify
        panel.pick_toggled.connect(self._on_pick)
        panel.give_clicked.connect(self.give_to_selection)
        panel.from_clusters_clicked.connect(self.take_clusters)
        panel.clear_clicked.connect(self.clear)
        panel.classes.changed.connect(self._on_entries)
        panel.classes.removed.connect(self._on_removed)
        bench.views.class_key.connect(self._on_key)

    @property
    def classes(self) -> NDArray[np.int64]:
        """(n,) class of each object as picked, 0 where none was given."""
        kept = self._bench.session.column(CLASS)
        if kept is None:
            return np.zeros(self._bench.session.n, np.int64)
        numbers = np.nan_to_num(np.asarray(kept, dtype=np.float64))
        return numbers.astype(np.int64)

    def by_key(self) -> dict[tuple[str, int, int], int]:
        """Return the classes that were given, by (roi_id, frame, label)."""
        classes = self.classes
        if not classes.any():
            return {}
        given = self._bench.table().loc[classes > 0, list(KEY)]
        keys = zip(given["roi_id"], given["frame"], given["label"], strict=True)
        return {
            (str(roi), int(frame), int(label)): int(c)
            for (roi, frame, label), c in zip(keys, classes[classes > 0], strict=True)
        }

    def give(self, rows: ArrayLike, class_id: int) -> None:
        """Give objects a class; 0 takes theirs back."""
        classes = self.classes.copy()
        classes[np.asarray(rows)] = class_id  # those that were made of clusters stay so
        self._add_entries([class_id])
        self._keep(classes)

    def give_to_selection(self) -> None:
        """Give the class that is selected in the list to all selected objects."""
        self.give(self._bench.session.selected, self._bench.form.classify.classes.current)

    def take_clusters(self) -> None:
        """Make a class of every cluster."""
        bench = self._bench
        clusters = bench.session.column(CLUSTER)
        if clusters is None:
            return
        classes = np.asarray(clusters).astype(np.int64)
        table = bench.form.classify.classes
        table.set_entries(entries_for(np.unique(classes), table.entries))
        bench.found.from_clusters = True
        self._keep(classes)
        bench.say("Every cluster is a class now. Double-click a class to name it.")

    def clear(self) -> None:
        """Take the classes of all objects back."""
        self._keep(np.zeros(self._bench.session.n, np.int64))

    def adopt(self) -> None:
        """There is another table: it may have classes already."""
        self._bench.form.classify.pick.setChecked(False)
        self._add_entries(np.unique(self.classes).tolist())
        self.show_counts()

    def show_counts(self) -> None:
        """Count the objects of each class."""
        bench = self._bench
        found = bench.session.column(PREDICTED)
        predicted = {} if found is None else class_counts(np.asarray(found).astype(np.int64))
        picked = class_counts(self.classes)
        table = bench.form.classify.classes
        table.show_counts(picked, predicted)
        text = picked_in_words(picked, table.names) if bench.session.table is not None else ""
        bench.form.sections["classify"].set_summary(text)

    def _keep(self, classes: NDArray[np.int64]) -> None:
        bench = self._bench
        if bench.session.table is None:
            return
        changed = np.flatnonzero(classes != self.classes)
        if not classes.any():
            bench.found.from_clusters = False
        bench.session.set_column(CLASS, classes if classes.any() else None)
        self.show_counts()
        if classes.any() and changed.tolist() != [self.asked]:
            bench.views.color_by(CLASS)
        self._on_change()

    def _add_entries(self, ids: list[int]) -> None:
        table = self._bench.form.classify.classes
        wanted = entries_for([*table.names, *ids], table.entries)
        if wanted != table.entries:
            table.set_entries(wanted)
            self._show_style()

    def _on_key(self, key: int) -> None:
        bench = self._bench
        if not bench.form.classify.pick.isChecked() or bench.session.current < 0:
            return
        row = bench.session.current
        label = int(bench.table()["label"].iloc[row])
        self._add_entries([key])
        name = bench.form.classify.classes.names.get(key, "")
        bench.say(f"Object {label}: {name}." if key else f"Object {label} has no class any more.")
        self.give([row], key)  # last: whoever hears of it may have more to say

    def _on_pick(self, on: bool) -> None:
        panel = self._bench.form.classify
        panel.hint.say(_HINT if on else "")
        self._bench.views.set_picking(on)
        if on:
            self._bench.views.color_by(CLASS)

    def _on_entries(self) -> None:
        self._show_style()
        self.show_counts()
        self._on_change()

    def _on_removed(self, class_id: int) -> None:
        classes = self.classes
        if (classes == class_id).any():
            self._keep(np.where(classes == class_id, 0, classes))

    def _show_style(self) -> None:
        table = self._bench.form.classify.classes
        self._bench.views.set_classes(table.names, table.colors)
