"""The same clustering again and again: on resamples, from other random starts, on clouds without clusters."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...common.progress import CancelToken, Job, Progress
from .co_assignment import CoAssignment
from .gap import SingleCloud, dispersion, gap_table
from .partition_agreement import adjusted_rand
from .partition_run import MANY, ONE, SEEDED, SOME, Method, PartitionRun, partition_run_job
from .silhouettes import Silhouettes
from .valleys import Valley, ValleySearch, main_directions

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
LEFT_OUT = 1 / np.e  # share of the objects that a bootstrap does not draw


@dataclass(frozen=True)
class Plan:
    """What is repeated how often.

    Attributes
    ----------
    method
        Clustering method.
    sizes
        Numbers of clusters to try, ascending; for HDBSCAN, smallest sizes of a cluster.
    n_resamples, n_seeds, n_clouds
        Resamples, random starts, and clouds without clusters, for each size.
    random_state
        Seed of everything random.
    """

    method: Method
    sizes: tuple[int, ...]
    n_resamples: int
    n_seeds: int
    n_clouds: int
    random_state: int

    @property
    def n_reseeded(self) -> int:
        """Further random starts for each size: none where the method has nothing random."""
        return self.n_seeds if self.method in SEEDED else 0

    @property
    def compares(self) -> bool:
        """Whether clouds are clustered too; not with HDBSCAN, which finds as many clusters as it likes."""
        return self.method != "hdbscan"


@dataclass
class Trial:
    """What came of one size.

    Attributes
    ----------
    size
        Number of clusters asked for, or HDBSCAN's smallest cluster.
    run
        The clusters of all (sampled) objects.
    resampled
        The clusters found on each resample.
    together
        How clusters and objects came back in the resamples.
    ari_resamples, ari_seeds
        Mean adjusted Rand index between resamples, and between random starts; NaN if there is one at most.
    silhouette
        Mean silhouette.
    gap, gap_error
        Gap statistic and its error; NaN for HDBSCAN, which has no number of clusters to compare at.
    valley
        The valley of the two clusters that are least apart, objects per resample averaged.
    """

    size: int
    run: PartitionRun
    together: CoAssignment
    resampled: list[PartitionRun] = field(default_factory=list)
    ari_resamples: float = float("nan")
    ari_seeds: float = float("nan")
    silhouette: float = float("nan")
    gap: float = float("nan")
    gap_error: float = float("nan")
    valley: Valley | None = None


def trials_job(X: Array, plan: Plan, *, cancel: CancelToken | None = None) -> Job[list[Trial]]:
    """Try every size of the plan.

    Parameters
    ----------
    X
        (n, F) prepared features, n ≥ 2.
    plan
        What to try.
    cancel
        Token to stop with.
    """
    repeats = _Repeats(X, plan, cancel or CancelToken())
    trials: list[Trial] = []
    for size in plan.sizes:
        shown = f"clusters of {size} or more" if plan.method == "hdbscan" else f"{size} clusters"
        repeats.message = f"trying {shown}"
        trials.append((yield from repeats.trial_job(size)))
    if plan.compares:
        yield from repeats.clouds_job(trials)
    return trials


class _Repeats:
    """Runs the same clustering over and over, counting the runs for the progress."""

    def __init__(self, X: Array, plan: Plan, cancel: CancelToken) -> None:
        rng = np.random.default_rng(plan.random_state)
        self._X, self._plan, self._cancel = X, plan, cancel
        self._draws = [np.unique(rng.integers(0, len(X), len(X))) for _ in range(plan.n_resamples)]
        self._silhouettes = Silhouettes(X, rng)
        self._search = ValleySearch(X, main_directions(X, rng))
        different, self._which = np.unique(X, axis=0, return_inverse=True)
        self._all_differ = len(different) == len(X)
        per_size = 1 + plan.n_resamples + plan.n_reseeded + (plan.n_clouds if plan.compares else 0)
        self._done, self._steps = 0, per_size * len(plan.sizes)
        self.message = ""

    def trial_job(self, size: int) -> Job[Trial]:
        """All runs of one size but those on clouds."""
        plan = self._plan
        run = yield from self._run_job(self._X, size, plan.random_state, MANY)
        trial = Trial(size, run, CoAssignment(run.labels))
        trial.silhouette = self._silhouettes.mean(run.labels)
        if run.n_clusters < 2 and plan.method != "hdbscan":  # one cluster always comes back
            self._done += plan.n_resamples + plan.n_reseeded
            return trial
        yield from self._resample_job(trial)
        yield from self._reseed_job(trial)
        return trial

    def _resample_job(self, trial: Trial) -> Job[None]:
        """Cluster every resample, and count what lies between its clusters."""
        X, plan = self._X, self._plan
        counts = np.zeros(3)
        before: Ints | None = None
        agreements = []
        for r, train in enumerate(self._draws):
            size = self._possible(trial.size, train)
            found = yield from self._run_job(X[train], size, plan.random_state + r + 1, SOME)
            trial.resampled.append(found)
            labels = found.partition.assign(X)
            drawn = np.zeros(len(X), bool)
            drawn[train] = True
            trial.together.add(labels, drawn)
            counts += _least_apart(self._search, labels, train, np.flatnonzero(~drawn))
            if before is not None:
                agreements.append(adjusted_rand(before, labels))
            before = labels
        counts /= len(self._draws) * LEFT_OUT  # as if every object had been counted once
        trial.valley = Valley(*counts.tolist())
        trial.ari_resamples = float(np.mean(agreements))

    def _reseed_job(self, trial: Trial) -> Job[None]:
        """Cluster all objects from other random starts."""
        plan = self._plan
        if plan.method not in SEEDED:
            trial.ari_seeds = 1.0
            return
        found = [trial.run.labels]
        for s in range(plan.n_seeds):
            seed = plan.random_state + plan.n_resamples + s + 1
            other = yield from self._run_job(self._X, trial.size, seed, SOME)
            found.append(other.labels)
        pairs = [adjusted_rand(a, b) for i, a in enumerate(found) for b in found[i + 1 :]]
        trial.ari_seeds = float(np.mean(pairs)) if pairs else float("nan")

    def clouds_job(self, trials: list[Trial]) -> Job[None]:
        """Fill in the gap statistic, from the same clustering of clouds without clusters."""
        plan = self._plan
        rng = np.random.default_rng((plan.random_state, 1))
        cloud = SingleCloud(self._X)
        reference = np.empty((plan.n_clouds, len(trials)))
        for b in range(plan.n_clouds):
            self.message = f"cloud {b + 1} of {plan.n_clouds} without clusters"
            drawn = cloud.draw(rng)
            for i, size in enumerate(plan.sizes):
                found = yield from self._run_job(drawn, size, plan.random_state + b, ONE)
                reference[b, i] = _log_dispersion(drawn, found.labels)
        logs = np.array([_log_dispersion(self._X, trial.run.labels) for trial in trials])
        gap, error = gap_table(logs, reference)
        for trial, value, uncertainty in zip(trials, gap, error, strict=True):
            trial.gap, trial.gap_error = float(value), float(uncertainty)

    def _run_job(self, X: Array, size: int, seed: int, starts: int) -> Job[PartitionRun]:
        """One run; its own progress is passed on as the place in all of them."""
        self._cancel.raise_if_cancelled()
        yield Progress(self._done, self._steps, self.message)
        work = partition_run_job(self._plan.method, X, size, seed, starts, cancel=self._cancel)
        try:
            while True:
                next(work)
                yield Progress(self._done, self._steps, self.message)
        except StopIteration as end:
            self._done += 1
            found: PartitionRun = end.value
            return found
        finally:
            work.close()

    def _possible(self, size: int, train: Ints) -> int:
        """The size for a resample, with fewer objects, and perhaps fewer different ones than clusters."""
        if self._plan.method == "hdbscan":
            return max(2, round(size * len(train) / len(self._X)))
        return size if self._all_differ else min(size, len(np.unique(self._which[train])))


def _least_apart(search: ValleySearch, labels: Ints, train: Ints, held_out: Ints) -> Array:
    """Held-out counts between the two clusters that are least apart on the resample's own objects."""
    valleys = search.valleys(labels, train, held_out)
    if not valleys:
        return np.zeros(3)
    least = max(valleys, key=lambda found: found.trained.depth_ratio)
    counted = np.array([least.held_out.left, least.held_out.middle, least.held_out.right])
    return counted if least.trained.left <= least.trained.right else counted[::-1]


def _log_dispersion(X: Array, labels: Ints) -> float:
    return float(np.log(max(dispersion(X, labels), 1e-300)))
