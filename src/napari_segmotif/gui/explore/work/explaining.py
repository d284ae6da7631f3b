"""What makes a group of objects different."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...swatch import swatch_icon
from .. import jobs
from ..bench import Bench
from ..findings import REST, SELECTED, channels_of, groups_in, members
from ..point_colors import class_code
from ..words import feature_in_words, features_in_words, marked

if TYPE_CHECKING:
    from ....explore.explaining.explanation import Explanation

_MOST_BARS = 12
_PART = "part in telling them apart (SHAP) · ↑ larger, ↓ smaller"
_ARROWS = {"larger": " ↑", "smaller": " ↓"}


class Explaining:
    """Starts the job behind the section of explanations.

    Parameters
    ----------
    bench
        What to work with.
    show_objects
        Draws how features pull single objects, or nothing for None.
    """

    def __init__(self, bench: Bench, show_objects: Callable[[Explanation | None], object]) -> None:
        self._bench = bench
        self._show_objects = show_objects
        self._said = ""
        panel = bench.form.explain
        panel.explain_clicked.connect(self.explain)
        panel.choice_changed.connect(self.update)
        bench.session.selection_changed.connect(lambda _origin: self.update())

    def forget(self) -> None:
        """There is another table: what was said of the last one goes."""
        panel, self._said = self._bench.form.explain, ""
        panel.verdict.say("")
        panel.details.say("")
        panel.bars.hide()
        self._show_objects(None)
        self.offer()

    def offer(self) -> None:
        """Offer the clusters and classes that there are."""
        bench = self._bench
        table = bench.session.table
        names, colors = bench.form.classify.classes.names, bench.form.classify.classes.colors
        groups = [] if table is None else groups_in(table, names)
        icons = [
            swatch_icon(class_code(number, None if key.startswith("cluster") else colors))
            for key, _, _, number in groups
        ]
        bench.form.explain.offer([group[:3] for group in groups], icons)
        self.update()

    def explain(self) -> None:
        """Find what tells the two chosen groups apart."""
        bench, panel = self._bench, self._bench.form.explain
        chosen = self._chosen()
        if chosen is None:
            return
        group, other = chosen
        table = bench.table()
        title = f"{panel.group.currentText()} against {panel.other.currentText()}"
        title = title[:1].upper() + title[1:]

        columns = bench.found.columns(table)

        def done(explanation: Explanation) -> None:
            bench.found.explanation = explanation
            bench.found.made_with["explanation"] = tuple(columns)
            self._show(explanation, title)
            bench.say(f"{title}: see “Explain” above.")

        bench.start(partial(jobs.explain, table, group, other, columns), "What is different?", on_result=done)

    def update(self) -> None:
        """Enable the button, or say why not."""
        bench = self._bench
        bench.form.explain.set_available(bench.busy or bench.no_table() or self._problem())
        n = int(bench.session.selected.sum())
        bench.form.sections["explain"].set_summary(f"{n:,} selected" if n else "")

    def say_verdict(self) -> None:
        """Say what was found, and whether other features are worked with by now."""
        bench = self._bench
        otherwise = bench.found.made_otherwise("explanation", bench.session.table)
        bench.form.explain.verdict.say(marked(self._said, otherwise))

    def _chosen(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_] | None] | None:
        bench, panel = self._bench, self._bench.form.explain
        if bench.session.table is None:
            return None
        group = members(bench.table(), panel.group.key, bench.session.selected)
        if group is None:
            return None
        return group, members(bench.table(), panel.other.key, bench.session.selected)

    def _problem(self) -> str:
        panel, chosen = self._bench.form.explain, self._chosen()
        if chosen is None:
            return "choose the objects in question."
        group, other = chosen
        if not group.any():
            selected = panel.group.key == SELECTED
            return "select objects in the plot or the image first." if selected else "this group is empty."
        if panel.other.key == REST and group.all():
            return "all objects are in question: there is nothing to compare them with."
        if other is not None and not other.any():
            return "there is nothing to compare them with: select objects first."
        if other is not None and (group & other).any():
            return "the two groups share objects: choose two different ones."
        return ""

    def _show(self, explanation: Explanation, title: str) -> None:
        panel = self._bench.form.explain
        channels = channels_of(self._bench.session.table)
        self._said = f"{title}: {features_in_words(explanation.verdict, explanation.columns, channels)}"
        self.say_verdict()
        groups = explanation.groups[:_MOST_BARS]
        names = []
        for group in groups:
            more = len(group.features) - 1
            name = feature_in_words(group.representative, channels)
            names.append(f"{name}{_ARROWS.get(group.direction, '')}" + (f" (+{more})" if more else ""))
        parts = np.array([group.shap for group in groups], dtype=float)
        if np.isfinite(parts).any():
            panel.bars.set_bars(names, parts.tolist(), xlabel=_PART)
        else:  # too few objects for a forest
            sizes = [abs(2 * group.auc - 1) for group in groups]
            panel.bars.set_bars(names, sizes, xlabel="size of the difference (Cliff's delta)")
        panel.bars.setVisible(bool(groups))
        alike = [group for group in groups if len(group.features) > 1][:4]
        panel.details.say(
            " ".join(
                f"{feature_in_words(group.representative, channels)} (+{len(group.features) - 1}): "
                + ", ".join(feature_in_words(one, channels) for one in group.features[1:6])
                + ("…" if len(group.features) > 6 else "")
                + "."
                for group in alike
            )
        )
        self._show_objects(explanation)
