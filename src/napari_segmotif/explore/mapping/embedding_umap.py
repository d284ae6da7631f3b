"""UMAP: an embedding in which neighbours stay neighbours (McInnes, Healy and Melville, 2018).

By umap-learn, from exact neighbours instead of approximate ones, and from the principal components instead of
eigenvectors found by iteration, so that one seed gives one result.
"""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...common.progress import CancelToken, Job, Progress
from ..watched import Watch, watched_job
from .nearest_neighbours import nearest_job
from .principal_components import fit_components

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

FEWEST_FOR_UMAP = 4
_SPREAD = 1.0
_NEGATIVE_SAMPLES = 5
_LEARNING_RATE = 1.0
_REPULSION = 1.0

# numba's parallel loops, which umap-learn uses, may not be started from two threads at once.
_one_at_a_time = threading.Lock()


def umap_job(
    values: F64,
    *,
    n_components: int = 2,
    n_neighbors: int = 15,
    min_dist: float = 0.1,
    n_epochs: int | None = None,
    random_state: int = 0,
    cancel: CancelToken | None = None,
) -> Job[F32]:
    """Embed objects.

    Parameters
    ----------
    values
        (n, F), prepared; n ≥ 4.
    n_components
        k.
    n_neighbors
        At most n, the object itself among them.
    min_dist
        How close objects may come in the embedding, in [0, 1].
    n_epochs
        None: 500 up to 10,000 objects, 200 for more.

    Returns
    -------
    embedding
        (n, k) float32.

    Raises
    ------
    JobCancelled
        By `cancel`; within a moment, once the first epoch runs.
    """
    neighbours, distances = yield from nearest_job(
        values, values, n_neighbors, cancel=cancel, message="UMAP: finding neighbours"
    )
    yield Progress(0, 0, "UMAP: starting (the first time takes some seconds)")
    start = start_positions(values, n_components, random_state)
    watch = Watch("UMAP: building the graph", cancel)

    def work() -> F32:
        with _one_at_a_time:
            watch.raise_if_unwanted()
            return _optimised(
                values.astype(np.float32),
                neighbours,
                distances,
                start,
                n_epochs,
                min_dist,
                random_state,
                watch,
            )

    return (yield from watched_job(work, watch))


def start_positions(values: F64, n_components: int, random_state: int) -> F32:
    """Principal components (n, k) to start from, the first with deviation 1; noise where there are fewer."""
    components = fit_components(values, n_components)
    positions = components.project(values)
    if components.variance[0] > 0:
        positions /= np.sqrt(components.variance[0])
    lacking = components.variance <= 0
    if lacking.any():
        noise = np.random.default_rng(random_state).normal(scale=1e-2, size=(len(values), lacking.sum()))
        positions[:, lacking] = noise
    # Six digits: a sum's last bits depend on the number of threads, and the optimisation amplifies them.
    return np.round(positions, 6).astype(np.float32)


def _optimised(
    values: F32,
    neighbours: NDArray[np.int32],
    distances: F32,
    start: F32,
    n_epochs: int | None,
    min_dist: float,
    random_state: int,
    watch: Watch,
) -> F32:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that TensorFlow is missing, which is not needed
        from umap.umap_ import find_ab_params, fuzzy_simplicial_set, simplicial_set_embedding

    random = np.random.RandomState(random_state)
    a, b = find_ab_params(_SPREAD, min_dist)
    graph, _, _ = fuzzy_simplicial_set(
        values,
        neighbours.shape[1],
        random,
        "euclidean",
        knn_indices=neighbours,
        knn_dists=distances,
    )
    watch.raise_if_unwanted()
    watch.message = "UMAP: arranging objects"
    with _no_monitor():
        found, _ = simplicial_set_embedding(
            values,
            graph,
            start.shape[1],
            _LEARNING_RATE,
            a,
            b,
            _REPULSION,
            _NEGATIVE_SAMPLES,
            n_epochs,
            start,
            random,
            "euclidean",
            {},
            densmap=False,
            densmap_kwds={},
            output_dens=False,
            parallel=False,
            tqdm_kwds=_progress_settings(watch),
        )
    return np.asarray(found, dtype=np.float32)


@contextmanager
def _no_monitor() -> Iterator[None]:
    """Keep tqdm from starting a thread that watches its bars, and outlives them."""
    from tqdm.auto import tqdm

    before = tqdm.monitor_interval
    tqdm.monitor_interval = 0
    try:
        yield
    finally:
        tqdm.monitor_interval = before


def _progress_settings(watch: Watch) -> dict[str, Any]:
    """Settings of umap-learn's progress bar: it writes to us, and looks whether it shall go on."""
    if "ipykernel" in sys.modules:  # there the bar is a widget, which writes nothing
        return {"disable": True}
    return {
        "disable": False,
        "file": _ProgressFile(watch),
        "lock_args": _LookBeforeLocking(watch),
        "bar_format": "{n_fmt}/{total_fmt}",
        "mininterval": 0.05,
        "leave": False,
    }


class _LookBeforeLocking:
    """Where the optimisation is left.

    tqdm asks for the truth of its `lock_args` each time it is about to take its lock. To raise from `write`
    would be too late: tqdm then keeps the lock for good, and the next progress bar of the process, napari's
    own, waits for it without end.
    """

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def __bool__(self) -> bool:
        self._watch.raise_if_unwanted()
        return False  # no arguments: take the lock as ever


class _ProgressFile:
    """What umap-learn takes for a terminal. It never raises; see `_LookBeforeLocking`."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def write(self, text: str) -> int:
        done, slash, total = text.strip().partition("/")
        if slash and done.isdigit() and total.isdigit():
            self._watch.done, self._watch.total = float(done), float(total)
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""
