"""Clusters: finding them, asking whether they are real, and showing which objects are uncertain."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ....common.words import count
from ....explore.tables import CLUSTER
from .. import jobs
from ..bench import Bench
from ..words import EMBEDDINGS, first_sentence, marked

if TYPE_CHECKING:
    from ....explore.clusters.clustering import Clustering
    from ....explore.clusters.stability import StabilityReport

_SHOWN = 8  # pictures in a strip
_JUDGED = {
    "pca": "This judges the features themselves, not their main components.",
    "embedding": "This judges the features, not the map: groups in a map are not tested.",
}
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
        columns = bench.found.columns(table)
        made = bench.found.last_map() if settings["space"] == "embedding" else None
        embedding, where, made_with = None, "", tuple(columns)
        named: dict[str, Any] = {}
        if made is not None:
            embedding = np.asarray(made.embedding_, dtype=np.float64)
            method = made.parameters.method
            named, where = {"map": list(made.names_)}, f" in the {EMBEDDINGS[method][0]} map"
            made_with = bench.found.made_with.get(f"map:{method}", made_with)

        def done(clustering: Clustering) -> None:
            bench.found.clustering = clustering
            bench.found.clustering_settings = settings | named
            bench.found.made_with["clusters"] = made_with
            self._take(np.asarray(clustering.labels_))
            bench.form.clusters.warning.say(" ".join(clustering.messages_))
            found = f"{count(int(clustering.n_clusters_), 'cluster')}{where}"
            bench.say(f"{found}. “How many, and are they real?” tells whether to believe them.")

        bench.start(
            partial(jobs.cluster, table, settings, columns, embedding), "Find clusters", on_result=done
        )

    def check(self) -> None:
        """Find out how many clusters there are, and whether they are real."""
        bench, panel = self._bench, self._bench.form.clusters
        table = bench.table()
        method, columns = panel.method.key, bench.found.columns(table)

        def done(report: StabilityReport) -> None:
            bench.found.report = report
            bench.found.made_with["report"] = tuple(columns)
            self._show_report(report)
            if report.n_clusters > 1:
                panel.number.setValue(report.n_clusters)
            self._describe()
            self._grey()
            self.update()
            bench.say(first_sentence(report.verdict))

        job = partial(jobs.stability, table, method, columns)
        bench.start(job, "How many, and are they real?", on_result=done)

    def use_recommended(self) -> None:
        """Take the clusters that the check recommends."""
        found, report = self._bench.found, self._bench.found.report
        if report is not None:
            found.clustering = None
            found.clustering_settings = {
                "from_check": True,
                "method": report.method,
                "n_clusters": int(report.n_clusters),
                "space": "features",
            }
            if "report" in found.made_with:
                found.made_with["clusters"] = found.made_with["report"]
            self._bench.form.clusters.warning.say("")
            self._take(np.asarray(report.labels))

    def update(self) -> None:
        """Enable the buttons, or say why not."""
        bench, panel = self._bench, self._bench.form.clusters
        nothing = bench.busy or bench.no_table() or self._too_few()
        no_map = ""
        if panel.space.key == "embedding" and bench.found.last_map() is None:
            no_map = "make a UMAP or t-SNE map first."
        report = bench.found.report
        no_report = bench.no_table() or ("" if report is not None else "ask first how many there are.")
        no_clusters = "" if report is not None and report.n_clusters > 1 else "no clusters were found."
        no_use = no_report or no_clusters
        others = "" if self._of_report() else "other clusters are shown than were checked: press “Use these”."
        panel.set_available(nothing or no_map, nothing, no_use, no_use or others)
        self._say_verdict()
        self._summarize()

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

    def _of_report(self) -> bool:
        """Whether the clusters that are shown are those of the check."""
        labels, report = self._bench.session.column(CLUSTER), self._bench.found.report
        return labels is not None and report is not None and np.array_equal(report.labels, labels)

    def _say_verdict(self) -> None:
        """Say what the check found, and what it judged where that is not what is chosen now."""
        bench, panel = self._bench, self._bench.form.clusters
        report = bench.found.report
        if report is None:
            panel.verdict.say("")
            return
        judged = _JUDGED.get(panel.space.key, "")
        text = f"{report.verdict} {judged}".strip()
        panel.verdict.say(marked(text, bench.found.made_otherwise("report", bench.session.table)))

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
        self._summarize()
        if labels is None:
            panel.show_clusters({}, {})
            return
        numbers, counts = np.unique(labels, return_counts=True)
        order = np.argsort(np.where(numbers == 0, np.iinfo(np.int64).max, numbers), kind="stable")
        listed = {int(numbers[i]): int(counts[i]) for i in order}
        known = report is not None and self._of_report()
        jaccard = {int(k): float(v) for k, v in report.cluster_jaccard.items()} if report and known else {}
        panel.show_clusters(listed, jaccard)

    def _summarize(self) -> None:
        """Say beside the section's name how many clusters there are, and what is known of them."""
        bench, labels = self._bench, self._bench.session.column(CLUSTER)
        if labels is None:
            bench.form.sections["clusters"].set_summary("none yet")
            return
        n, report = len(np.unique(labels[labels > 0])), bench.found.report
        known = " · stable" if report is not None and report.stable and self._of_report() else ""
        otherwise = bench.found.made_otherwise("clusters", bench.session.table)
        bench.form.sections["clusters"].set_summary(marked(f"{count(n, 'cluster')}{known}", otherwise))

    def _grey(self) -> None:
        """Grey those out that change their group, where that is asked for and known."""
        report, panel = self._bench.found.report, self._bench.form.clusters
        wanted = panel.grey.isChecked() and self._of_report()
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
