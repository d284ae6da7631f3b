"""Features that say the same: finding them, and working with one of each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from ....common.words import count
from ....explore.tables import feature_columns
from .. import jobs
from ..bench import Bench
from ..findings import channels_of

if TYPE_CHECKING:
    from ....explore.correlation import Pruning


class Featuring:
    """Starts the jobs behind the section of features.

    Parameters
    ----------
    bench
        What to work with.
    show_pruning
        Draws the correlations, or nothing for None.
    on_use
        Called when other features are worked with.
    """

    def __init__(
        self, bench: Bench, show_pruning: Callable[[Pruning | None], object], on_use: Callable[[], object]
    ) -> None:
        self._bench = bench
        self._show_pruning = show_pruning
        self._on_use = on_use
        panel = bench.form.features
        panel.find_clicked.connect(self.find)
        panel.use_toggled.connect(self._on_toggled)

    def forget(self) -> None:
        """There is another table: what was said of the last one goes."""
        self._bench.form.features.use.setChecked(False)
        self._bench.form.features.show_groups({}, "")
        self._show_pruning(None)
        self.update()

    def find(self) -> None:
        """Find features that say the same."""
        bench, panel = self._bench, self._bench.form.features
        table, threshold, method = bench.table(), panel.threshold.value(), panel.method.key

        def done(pruning: Pruning) -> None:
            bench.found.pruning = pruning
            bench.found.pruning_settings = {"threshold": threshold, "method": method}
            n = len(pruning.correlation)
            text = f"{len(pruning.kept)} of {count(n, 'feature')} say something of their own."
            panel.show_groups(pruning.stands_for, text, channels_of(table))
            self._show_pruning(pruning)
            self.update()
            self._on_use()
            bench.say_all(text, pruning.messages)

        bench.start(
            partial(jobs.prune, table, threshold, method, None),
            "Find features that say the same",
            on_result=done,
        )

    def update(self) -> None:
        """Enable the controls, or say why not."""
        bench, found = self._bench, self._bench.found
        table = bench.session.table
        too_few = "" if table is None or len(feature_columns(table)) > 1 else "there is only one feature."
        no_table = bench.no_table() or too_few
        no_use = no_table or ("" if found.pruning is not None else "find out first which say the same.")
        bench.form.features.set_available(bench.busy or no_table, no_use)
        bench.form.sections["features"].set_summary("" if table is None else self._in_words())

    def _in_words(self) -> str:
        found, table = self._bench.found, self._bench.table()
        n = len(found.columns(table))
        all_features = len(feature_columns(table))
        return f"{n} of {all_features} in use" if n != all_features else f"all {n} in use"

    def _on_toggled(self, wanted: bool) -> None:
        self._bench.found.pruned = wanted
        self.update()
        self._on_use()
        if wanted:
            self._bench.say("From now on maps, clusters and classes use one feature of each group.")
