"""t-SNE: an embedding that shows who is near whom (van der Maaten and Hinton, 2008), by openTSNE.

From exact neighbours, started from the principal components (Kobak and Berens, 2019), in one thread, so that
one seed gives one result. New objects are added to a finished embedding one by one, each by its own
neighbours (Poličar, Stražar and Zupan, 2021).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...common.progress import CancelToken, Job, Progress
from ..watched import Watch, watched_job
from .embedding_umap import start_positions
from .nearest_neighbours import nearest, nearest_job

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

FEWEST_FOR_TSNE = 5
MOST_COMPONENTS = 2
_EXAGGERATED = 250
_ITERATIONS = 500
_EXAGGERATION = 12.0
_MANY = 2_000  # from here on, interpolation is faster than a tree
_LOOK_EVERY = 5


def tsne_job(
    values: F64,
    *,
    n_components: int = 2,
    perplexity: float = 30.0,
    random_state: int = 0,
    cancel: CancelToken | None = None,
) -> Job[Any]:
    """Embed objects.

    Parameters
    ----------
    values
        (n, F), prepared; n ≥ 5.
    n_components
        k, 1 or 2.
    perplexity
        At most `largest_perplexity(n)`.

    Returns
    -------
    embedding
        openTSNE's TSNEEmbedding, which is an array (n, k) float64.

    Raises
    ------
    JobCancelled
        By `cancel`.
    """
    k = min(len(values) - 1, int(3 * perplexity))
    with_itself = yield from nearest_job(
        values, values, k + 1, cancel=cancel, message="t-SNE: finding neighbours"
    )
    neighbours, distances = _without_itself(*with_itself)
    yield Progress(0, 0, "t-SNE: starting")
    start = start_positions(values, n_components, random_state).astype(np.float64) * 1e-4
    watch = Watch("t-SNE: arranging objects", cancel)
    watch.total = _EXAGGERATED + _ITERATIONS

    def work() -> Any:
        from openTSNE import TSNEEmbedding
        from openTSNE.affinity import PerplexityBasedNN

        index = _exact_index(values, neighbours, distances)
        affinities = PerplexityBasedNN(perplexity=perplexity, knn_index=index, n_jobs=1)
        embedding = TSNEEmbedding(
            start,
            affinities,
            negative_gradient_method="fft" if len(values) >= _MANY else "bh",
            random_state=random_state,
            n_jobs=1,
        )
        for n_iter, exaggeration in ((_EXAGGERATED, _EXAGGERATION), (_ITERATIONS, 1.0)):
            done = watch.done

            def look(iteration: int, error: float, positions: F64, done: float = done) -> bool:
                watch.done = done + iteration
                return watch.unwanted

            embedding.optimize(
                n_iter,
                inplace=True,
                exaggeration=exaggeration,
                momentum=0.8,
                learning_rate="auto",
                callbacks=look,
                callbacks_every_iters=_LOOK_EVERY,
            )
            watch.raise_if_unwanted()
            watch.done = done + n_iter
        return embedding

    return (yield from watched_job(work, watch))


def largest_perplexity(n: int) -> float:
    """The largest perplexity that n objects have neighbours for: three neighbours each."""
    return (n - 1) / 3


def _without_itself(found: NDArray[np.int32], distances: F32) -> tuple[NDArray[np.int32], F64]:
    """Neighbours (n, k) of those found (n, k + 1), without the object itself.

    Where many are equal, it may not be among them: the last goes then.
    """
    n, k = found.shape[0], found.shape[1] - 1
    itself = found == np.arange(n)[:, None]
    itself[~itself.any(axis=1), -1] = True
    return found[~itself].reshape(n, k), distances[~itself].reshape(n, k).astype(np.float64)


def _exact_index(values: F64, neighbours: NDArray[np.int32], distances: F64) -> Any:
    """openTSNE's index of neighbours, which finds the exact ones."""
    from openTSNE.nearest_neighbors import KNNIndex

    class ExactIndex(KNNIndex):  # type: ignore[misc]
        VALID_METRICS = ("euclidean",)

        def build(self) -> tuple[NDArray[np.int32], F64]:
            return neighbours, distances

        def query(self, query: F64, k: int) -> tuple[NDArray[np.int32], F64]:
            found, away = nearest(query, self.data, k)
            return found, away.astype(np.float64)

    return ExactIndex(values, neighbours.shape[1])
