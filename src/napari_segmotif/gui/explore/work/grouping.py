"""Clusters: finding them, asking whether they are real, and showing which objects are uncertain."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ....explore.tables import CLUSTER
from .. import jobs
from ..bench import Bench
from ..words import count, first_sentence

if TYPE_CHECKING:
    from ....explore.clusters.clustering import Clustering
    from ....explore.clusters.stability import StabilityReport

_SHOWN = 8  # pictures in a strip
_UNCERTAIN = 0.7  # objects that stay with their group less often than this are grey


class Grouping:
    """Starts the jobs behind the section of clusters.

    Parameters
    ----------
    bench
        What to work with.
    show_report
        Draws a report, or nothing for None.
    """

    def __init__(self, bench: Bench, show_report: Callable[[StabilityReport | None], object]) -> None:
        self._bench = bench
        self._show_report = show_report
        panel = bench.form.clusters
        panel.find_clicked.connect(self.find)
        panel.stability_clicked.connect(self.check)
        panel.use_clicked.connect(self.use_recommended)
        panel.grey_toggled.connect(lambda _checked: self._grey())
        panel.cluster_clicked.connect(self._select)
        panel.space.currentIndexChanged.connect(lambda _index: self.update())

    def forget(self) -> None:
        """There is another table: what was said of the last one goes."""
        panel = self._bench.form.clusters
        panel.verdict.say("")
        panel.warning.say("")
        panel.grey.setChecked(False)
        self._show_report(None)
        self._describe()

    def find(self) -> None:
        """Group the objects as chosen."""
        bench, settings = self._bench, self._bench.form.clusters.settings
        table = bench.table()
        embedding = self._map() if settings["space"] == "embedding" else None

        def done(clustering: Clustering) -> None:
            bench.found.clustering, bench.found.clustering_settings = clustering, settings
            self._take(np.asarray(clustering.labels_))
            bench.form.clusters.warning.say(" ".join(clustering.messages_))
            n = int(clustering.n_clusters_)
            bench.say(f"{count(n, 'cluster')}. “How many, and are they real?” tells whether to believe them.")

        columns = bench.found.columns(table)
        bench.start(
            partial(jobs.cluster, table, settings, columns, embedding), "Find clusters", on_result=done
        )

    def check(self) -> None:
        """Find out how many clusters there are, and whether they are real."""
        bench, panel = self._bench, self._bench.form.clusters
        table = bench.table()
        method = panel.method.key

        def done(report: StabilityReport) -> None:
            bench.found.report = report
            panel.verdict.say(report.verdict)
            self._show_report(report)
            if report.n_clusters > 1:
                panel.number.setValue(report.n_clusters)
            self._describe()
            self._grey()
            self.update()
            bench.say(first_sentence(report.verdict))

        columns = bench.found.columns(table)
        job = partial(jobs.stability, table, method, columns)
        bench.start(job, "How many, and are they real?", on_result=done)

    def use_recommended(self) -> None:
        """Take the clusters that the check recommends."""
        report = self._bench.found.report
        if report is not None:
            self._bench.found.clustering = None
            self._bench.found.clustering_settings = {
                "method": self._bench.form.clusters.method.key,
                "n_clusters": int(report.n_clusters),
                "space": "features",
            }
            self._bench.form.clusters.warning.say("")
            self._take(np.asarray(report.labels))

    def update(self) -> None:
        """Enable the buttons, or say why not."""
        bench, panel = self._bench, self._bench.form.clusters
        nothing = bench.busy or bench.no_table() or self._too_few()
        no_map = ""
        if panel.space.key == "embedding" and self._map() is None:
            no_map = "make a UMAP or t-SNE map first."
        report = bench.found.report
        no_report = bench.no_table() or ("" if report is not None else "ask first how many there are.")
        no_clusters = "" if report is not None and report.n_clusters > 1 else "no clusters were found."
        panel.set_available(nothing or no_map, nothing, no_report or no_clusters, no_report or no_clusters)

    def show(self) -> None:
        """List the clusters that the table has."""
        self._describe()
        self._grey()

    def _too_few(self) -> str:
        bench = self._bench
        wanted = bench.form.clusters.settings["n_clusters"] or 2
        if bench.session.n < wanted:
            return f"there are fewer objects than clusters: ask for fewer (got {bench.session.n} objects)."
        return ""

    def _map(self) -> NDArray[np.float64] | None:
        """Places (n, 2) of the objects on the map that was made last and is no PCA."""
        found = self._bench.found.embeddings
        made = next((found[method] for method in reversed(found) if method != "pca"), None)
        return None if made is None else np.asarray(made.embedding_, dtype=np.float64)

    def _take(self, labels: NDArray[Any]) -> None:
        bench = self._bench
        bench.session.set_column(CLUSTER, labels.astype(np.int64))
        bench.views.color_by(CLUSTER)
        self._describe()
        self._grey()
        self.update()

    def _describe(self) -> None:
        bench, panel = self._bench, self._bench.form.clusters
        labels = bench.session.column(CLUSTER)
        report = bench.found.report
        if labels is None:
            panel.show_clusters({}, {})
            bench.form.sections["clusters"].set_summary("none yet")
            return
        numbers, counts = np.unique(labels, return_counts=True)
        order = np.argsort(np.where(numbers == 0, np.iinfo(np.int64).max, numbers), kind="stable")
        listed = {int(numbers[i]): int(counts[i]) for i in order}
        same = report is not None and np.array_equal(report.labels, labels)
        jaccard = {int(k): float(v) for k, v in report.cluster_jaccard.items()} if report and same else {}
        panel.show_clusters(listed, jaccard)
        n = int((numbers > 0).sum())
        known = "" if report is None else " · stable" if report.stable and same else ""
        bench.form.sections["clusters"].set_summary(f"{count(n, 'cluster')}{known}")

    def _grey(self) -> None:
        """Grey those out that change their group, where that is asked for and known."""
        report, panel = self._bench.found.report, self._bench.form.clusters
        wanted = panel.grey.isChecked() and report is not None
        self._bench.views.set_greyed(
            np.asarray(report.confidence) < _UNCERTAIN if wanted and report else None
        )

    def _typical(self, number: int, labels: NDArray[Any]) -> tuple[list[int], list[int]]:
        """Rows of the objects next to the middle of a cluster and farthest from it; else the surest."""
        found = self._bench.found
        rows = np.flatnonzero(labels == number)
        if found.clustering is not None and np.array_equal(found.clustering.labels_, labels):
            rank = np.asarray(found.clustering.distances_, dtype=np.float64)[rows]
        elif found.report is not None and np.array_equal(found.report.labels, labels):
            rank = -np.asarray(found.report.confidence)[rows]
        else:
            return [], []
        ranked = rows[np.isfinite(rank)][np.argsort(rank[np.isfinite(rank)], kind="stable")]
        n = min(_SHOWN, len(ranked) // 2) or len(ranked)
        return ranked[:n].tolist(), ranked[::-1][:n].tolist() if len(ranked) > 1 else []

    def _select(self, number: int) -> None:
        labels = self._bench.session.column(CLUSTER)
        if labels is not None:
            self._bench.session.select(labels == number, origin="clusters")
            most, least = self._typical(number, np.asarray(labels))
            name = f"Cluster {number}" if number else "Objects in no cluster"
            n = count(int((labels == number).sum()), "object")
            self._bench.views.show_typical(f"{name}: {n}", most, least)
