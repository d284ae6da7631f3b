"""Are the clusters real? One verdict from resampling, random starts, the gap statistic and valleys.

That a method finds k clusters says nothing: it finds k in any cloud. Neither does finding them again: an
elongated cloud is cut at the same place every time. So each number of clusters is asked three things: do the
clusters come back when objects are resampled and the method starts elsewhere; are they tighter than parts of
one cloud would be; and are there fewer objects between any two than on either side. The last decides whether
there are clusters at all, the first how far each can be trusted.

Hennig 2007, Cluster-wise assessment of cluster stability; Ben-Hur, Elisseeff & Guyon 2002, A stability based
method for discovering structure in clustered data; Tibshirani, Walther & Hastie 2001 (`gap`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ...common.progress import CancelToken, Job, Progress, run_job
from ...errors import InputError
from ..given import check_whole
from ..preparation import Preparation
from ..tables import checked_table
from .co_assignment import stability_word
from .gap import best_by_gap
from .partition_run import METHODS, Method
from .resampling import Plan, Trial, trials_job
from .stability_verdict import Choice, choose, counted, level_of, lowest_jaccard, verdict_words

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
FEWEST = 20  # objects; with fewer, not even two clusters could be told from chance
_MOST_CLUSTERS = 10
_LARGEST_SEED = 2**31 - 1
_SMALLEST_SHARES = (0.01, 0.02, 0.05, 0.1)  # of all objects: HDBSCAN's smallest clusters to try


@dataclass(frozen=True)
class StabilityReport:
    """Whether there are clusters, how many, and how far each can be trusted.

    Attributes
    ----------
    verdict
        A plain sentence or two.
    n_clusters
        Recommended number of clusters; 1 = none.
    stable
        Whether there are clusters and all of them are stable.
    table
        One row a number of clusters tried: `n_clusters`, `min_cluster_size` (HDBSCAN only), `ari_resamples`
        and `ari_seeds` (mean adjusted Rand index between resamples and between random starts), `silhouette`,
        `gap` and `gap_error`, `jaccard_lowest` (of the cluster that comes back worst), `valley` (objects
        between the two clusters least apart, relative to the lower side; 1 = no valley), `valley_p`, and
        `evidence` ("clear", "doubtful" or "none").
    labels
        (n,) cluster of each object, 1..n_clusters by falling size; 0 = none; all 1 if there are no clusters.
    cluster_jaccard
        Cluster → mean Jaccard over resamples (Hennig 2007); empty if there are no clusters.
    cluster_words
        Cluster → "stable" (≥ 0.75), "doubtful" or "not stable" (< 0.6).
    confidence
        (n,) in [0, 1]: share of companions that an object keeps when the objects are resampled; 1 if there
        are no clusters.
    messages
        What else the user should know.
    method
        Clustering method that was judged.
    n_judged
        How many of the objects were looked at.
    """

    verdict: str
    n_clusters: int
    stable: bool
    table: pd.DataFrame
    labels: Ints
    cluster_jaccard: dict[int, float]
    cluster_words: dict[int, str]
    confidence: Array
    messages: tuple[str, ...]
    method: str
    n_judged: int

    def summary(self) -> str:
        """The verdict and all messages, a line each."""
        return "\n".join((self.verdict, *self.messages))


def cluster_stability(
    table: pd.DataFrame | ArrayLike,
    random_state: int = 0,
    *,
    method: Method = "kmeans",
    n_clusters: Sequence[int] | None = None,
    columns: Sequence[str] | None = None,
    n_resamples: int = 20,
    n_seeds: int = 4,
    n_clouds: int = 10,
    max_objects: int = 3000,
) -> StabilityReport:
    """Judge whether the objects form clusters, and how many.

    Parameters
    ----------
    table
        Objects, or an array (n, n_features).
    random_state
        Seed of everything random; 0 or more.
    method
        "kmeans", "gaussian_mixture", "agglomerative", or "hdbscan".
    n_clusters
        Numbers of clusters to try; None: 1 to 10, as far as there are objects. HDBSCAN finds the number
        itself: there, these are smallest sizes of a cluster to try, by default 1, 2, 5 and 10 % of the
        objects.
    columns
        Features to use; None: all.
    n_resamples, n_seeds, n_clouds
        Resamples, further random starts, and clouds without clusters for the gap statistic, for each number
        of clusters.
    max_objects
        Of more objects, so many are drawn and judged; the others are assigned to the clusters found.

    Raises
    ------
    InputError
        For a table without usable features, more clusters than objects, or a parameter out of range.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> two = np.concatenate([rng.normal(0, 1, (60, 3)), rng.normal(9, 1, (60, 3))])
    >>> cluster_stability(two, n_clusters=range(1, 5)).n_clusters
    2
    """
    return run_job(
        cluster_stability_job(
            table,
            random_state,
            method=method,
            n_clusters=n_clusters,
            columns=columns,
            n_resamples=n_resamples,
            n_seeds=n_seeds,
            n_clouds=n_clouds,
            max_objects=max_objects,
        )
    )


def cluster_stability_job(
    table: pd.DataFrame | ArrayLike,
    random_state: int = 0,
    *,
    method: Method = "kmeans",
    n_clusters: Sequence[int] | None = None,
    columns: Sequence[str] | None = None,
    n_resamples: int = 20,
    n_seeds: int = 4,
    n_clouds: int = 10,
    max_objects: int = 3000,
    cancel: CancelToken | None = None,
) -> Job[StabilityReport]:
    """`cluster_stability` as a job that yields Progress and can be cancelled."""
    if method not in METHODS:
        raise InputError(f"method must be one of {', '.join(METHODS)} (got {method!r})")
    for name, value, least in (
        ("random_state", random_state, 0),
        ("n_resamples", n_resamples, 2),
        ("n_seeds", n_seeds, 0),
        ("n_clouds", n_clouds, 2),
        ("max_objects", max_objects, FEWEST),
    ):
        check_whole(name, value, least, _LARGEST_SEED if name == "random_state" else None)
    objects = checked_table(table)
    n = len(objects)
    sizes = _sizes(n_clusters, method, n, min(n, max_objects))
    if n < FEWEST:
        return _too_few(n, method)
    yield Progress(0, 0, "preparing the features")
    preparation = Preparation()
    X = preparation.fit_transform(objects, columns)
    messages = list(preparation.messages_)
    rows = np.arange(n)
    if n > max_objects:
        rows = np.sort(np.random.default_rng((random_state, 2)).choice(n, max_objects, replace=False))
        messages.append(
            f"Judged on {max_objects:,} of {n:,} objects, drawn at random; the others were assigned to the "
            "clusters found."
        )
    if method != "hdbscan":
        n_different = len(np.unique(X[rows], axis=0))
        sizes = tuple(size for size in sizes if size <= n_different)
    plan = Plan(method, sizes, n_resamples, n_seeds, n_clouds, random_state)
    trials = yield from trials_job(X[rows], plan, cancel=cancel)
    return _report(X, rows, trials, plan, messages)


def _sizes(asked: Sequence[int] | None, method: Method, n: int, n_judged: int) -> tuple[int, ...]:
    """Numbers of clusters, or smallest cluster sizes, to try; ascending."""
    if asked is None:
        if method == "hdbscan":
            return tuple(sorted({max(5, round(share * n_judged)) for share in _SMALLEST_SHARES}))
        return tuple(range(1, min(_MOST_CLUSTERS, n_judged // 2) + 1))
    sizes = sorted({int(size) for size in asked})
    least = 2 if method == "hdbscan" else 1
    if not sizes or sizes[0] < least or sizes != sorted(set(asked)):
        raise InputError(f"n_clusters must be whole numbers from {least} (got {list(asked)})")
    if sizes[-1] > n_judged:
        raise InputError(
            f"choose at most as many clusters as there are objects, {n_judged} (got {sizes[-1]} clusters)"
        )
    if method != "hdbscan" and sizes[0] > 1:
        sizes.insert(0, 1)  # the gap statistic needs something to compare with
    return tuple(sizes)


def _report(X: Array, rows: Ints, trials: list[Trial], plan: Plan, messages: list[str]) -> StabilityReport:
    by_gap = None
    if plan.method != "hdbscan":
        gap = np.array([trial.gap for trial in trials])
        by_gap = best_by_gap(plan.sizes, gap, np.array([trial.gap_error for trial in trials]))
    choice = choose(trials, by_gap)
    labels, confidence, jaccard = _per_object(X, rows, choice)
    words = {c: stability_word(value) for c, value in jaccard.items()}
    return StabilityReport(
        verdict=verdict_words(choice, jaccard, len(rows)),
        n_clusters=max(1, len(jaccard)),
        stable=choice.level == "clear" and set(words.values()) == {"stable"},
        table=_table(trials, plan, by_gap),
        labels=labels,
        cluster_jaccard=jaccard,
        cluster_words=words,
        confidence=confidence,
        messages=(*messages, *_remarks(choice, trials, plan, by_gap, labels)),
        method=plan.method,
        n_judged=len(rows),
    )


def _per_object(X: Array, rows: Ints, choice: Choice) -> tuple[Ints, Array, dict[int, float]]:
    """Clusters (n,) by falling size, confidence (n,), and each cluster's Jaccard, for all objects."""
    trial = choice.trial
    if trial is None:
        return np.ones(len(X), np.int64), np.ones(len(X)), {}
    found = trial.run.partition.assign(X)
    confidence = np.zeros(len(X))
    for r, resample in enumerate(trial.resampled):
        confidence += trial.together.agreement(r, found, resample.partition.assign(X))
    sizes = np.bincount(found, minlength=trial.run.n_clusters + 1)[1:]
    order = np.argsort(-sizes, kind="stable") + 1
    renumbered = np.zeros(len(order) + 1, np.int64)
    renumbered[order] = np.arange(1, len(order) + 1)
    jaccard = trial.together.jaccard()
    return (
        renumbered[found],
        confidence / len(trial.resampled),
        {i + 1: jaccard[int(c)] for i, c in enumerate(order)},
    )


def _table(trials: list[Trial], plan: Plan, by_gap: int | None) -> pd.DataFrame:
    records = []
    for trial in trials:
        n_found = trial.run.n_clusters
        record = {"n_clusters": n_found}
        if plan.method == "hdbscan":
            record["min_cluster_size"] = trial.size
        several = n_found >= 2 and trial.valley is not None
        records.append(
            record
            | {
                "ari_resamples": trial.ari_resamples,
                "ari_seeds": trial.ari_seeds,
                "silhouette": trial.silhouette,
                "gap": trial.gap,
                "gap_error": trial.gap_error,
                "jaccard_lowest": lowest_jaccard(trial) if several else float("nan"),
                "valley": trial.valley.depth_ratio if several and trial.valley else float("nan"),
                "valley_p": trial.valley.p_value if several and trial.valley else float("nan"),
                "evidence": level_of(trial, by_gap),
            }
        )
    return pd.DataFrame(records)


def _remarks(choice: Choice, trials: list[Trial], plan: Plan, by_gap: int | None, labels: Ints) -> list[str]:
    """What a careful reader of the numbers would add."""
    remarks = []
    found = choice.trial.run.n_clusters if choice.trial else 1
    if by_gap is not None and by_gap != found:
        said = "one cloud" if by_gap == 1 else f"{counted(by_gap)} clusters"
        why = (
            "their density falls off nowhere between, so the cloud is of another shape than a Gaussian"
            if found == 1
            else "it compares with a Gaussian cloud, and misses small clusters"
            if by_gap < found
            else "but some of those have no valley between them"
        )
        remarks.append(f"The gap statistic alone would say {said}: {why}.")
    if choice.trial is not None:
        finer = [t.run.n_clusters for t in trials if level_of(t, by_gap) == "clear"]
        if finer and max(finer) > found:
            remarks.append(
                f"A division into {counted(max(finer))} has valleys as well, but its clusters come back "
                "less well."
            )
        if found == max(plan.sizes) and plan.method != "hdbscan":
            remarks.append(f"{found} is the largest number that was tried: there may be more clusters.")
        if choice.trial.ari_seeds < 0.9:
            remarks.append(
                "Another random start gives other clusters (adjusted Rand index "
                f"{choice.trial.ari_seeds:.2f}): cluster with several starts."
            )
        if not labels.all():
            remarks.append(f"{(labels == 0).mean():.0%} of the objects are in no cluster.")
    return remarks


def _too_few(n: int, method: Method) -> StabilityReport:
    objects = "one object" if n == 1 else f"{n} objects"
    return StabilityReport(
        verdict=f"Too few objects ({n}) to tell clusters from chance: measure at least {FEWEST}.",
        n_clusters=1,
        stable=False,
        table=_table([], Plan(method, (), 2, 0, 2, 0), None),
        labels=np.ones(n, np.int64),
        cluster_jaccard={},
        cluster_words={},
        confidence=np.ones(n),
        messages=(f"Nothing was computed for {objects}.",),
        method=method,
        n_judged=n,
    )
