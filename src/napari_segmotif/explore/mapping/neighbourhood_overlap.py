"""How much of an embedding is the same from run to run: the neighbours that objects keep.

UMAP and t-SNE start at random, and a fixed seed makes the picture repeatable, not right. What can be read
from the picture is who lies next to whom; so the neighbours of each object are compared between pictures of
different seeds, and with its neighbours in the features. Islands that come and go have few in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ...common.progress import CancelToken, Job, Progress, run_job
from ...errors import InputError
from ..tables import checked_table
from .embedding import Embedding
from .nearest_neighbours import nearest_job

Array = NDArray[np.float64]
I32 = NDArray[np.int32]
METHODS = ("pca", "umap", "tsne")
FAITHFUL, PARTLY = 0.5, 0.25  # shares of common neighbours, beyond what chance gives
_SHOWN = {"pca": "PCA", "umap": "UMAP", "tsne": "t-SNE"}
FEWEST = 8  # objects, so that having neighbours in common says something


@dataclass(frozen=True)
class EmbeddingOverlap:
    """How far the neighbourhoods of an embedding can be trusted.

    Attributes
    ----------
    overlap
        Mean share of the nearest neighbours that two pictures of different seeds have in common, in [0, 1].
    with_features
        Mean share that a picture has in common with the features.
    by_chance
        The share that neighbours drawn at random would have in common.
    per_object
        (n,) the same as `overlap` for each object; NaN for objects that were not looked at.
    features_per_object
        (n,) the same as `with_features` for each object; NaN likewise.
    verdict
        A plain sentence or two.
    messages
        What else the user should know.
    """

    overlap: float
    with_features: float
    by_chance: float
    per_object: Array
    features_per_object: Array
    verdict: str
    messages: tuple[str, ...]

    def summary(self) -> str:
        """The verdict and all messages, a line each."""
        return "\n".join((self.verdict, *self.messages))


def embedding_overlap(
    table: pd.DataFrame | ArrayLike,
    method: Literal["pca", "umap", "tsne"] = "umap",
    *,
    n_neighbors: int = 15,
    n_seeds: int = 3,
    columns: Sequence[str] | None = None,
    random_state: int = 0,
    max_objects: int = 5000,
    **settings: Any,
) -> EmbeddingOverlap:
    """Compare the neighbours of objects in embeddings of different seeds, and in the features.

    Parameters
    ----------
    table
        Objects, or an array (n, n_features).
    method
        "umap", "tsne", or "pca" (the same for every seed).
    n_neighbors
        How many nearest neighbours are compared; fewer where there are few objects.
    n_seeds
        How many embeddings are made, with the seeds `random_state`, `random_state` + 1, …
    columns
        Features to use; None: all.
    random_state
        Seed of everything random.
    max_objects
        Of more objects, so many are drawn and embedded.
    **settings
        Further parameters of `Embedding`.

    Raises
    ------
    InputError
        For fewer than 8 objects, fewer than two seeds, or what `Embedding` does not accept.
    """
    return run_job(
        embedding_overlap_job(
            table,
            method,
            n_neighbors=n_neighbors,
            n_seeds=n_seeds,
            columns=columns,
            random_state=random_state,
            max_objects=max_objects,
            **settings,
        )
    )


def embedding_overlap_job(
    table: pd.DataFrame | ArrayLike,
    method: Literal["pca", "umap", "tsne"] = "umap",
    *,
    n_neighbors: int = 15,
    n_seeds: int = 3,
    columns: Sequence[str] | None = None,
    random_state: int = 0,
    max_objects: int = 5000,
    cancel: CancelToken | None = None,
    **settings: Any,
) -> Job[EmbeddingOverlap]:
    """`embedding_overlap` as a job that yields Progress and can be cancelled."""
    for name, value, least in (
        ("n_neighbors", n_neighbors, 1),
        ("n_seeds", n_seeds, 2),
        ("max_objects", max_objects, FEWEST),
    ):
        if value < least:
            raise InputError(f"{name} must be at least {least} (got {value})")
    if method not in METHODS:
        raise InputError(f"method must be one of {', '.join(METHODS)} (got {method!r})")
    objects = checked_table(table)
    n = len(objects)
    if n < FEWEST:
        raise InputError(f"neighbours can be compared from {FEWEST} objects on: measure more (got {n})")
    rows, messages = np.arange(n), []
    if n > max_objects:
        rows = np.sort(np.random.default_rng(random_state).choice(n, max_objects, replace=False))
        objects = objects.iloc[rows]
        messages.append(f"Judged on {max_objects:,} of {n:,} objects, drawn at random.")
    k = min(n_neighbors, (len(rows) - 1) // 2)
    found: list[I32] = []
    in_features: I32 | None = None
    for s in range(n_seeds):
        token = cancel or CancelToken()
        token.raise_if_cancelled()
        yield Progress(s, n_seeds + 1, f"embedding {s + 1} of {n_seeds}")
        embedding = Embedding(method, random_state=random_state + s, **settings)
        fitting = embedding.fit_job(objects, columns, cancel=cancel)
        yield from _shown(fitting, s, n_seeds + 1)
        placed = np.asarray(embedding.embedding_)
        found.append((yield from _shown(_neighbours_job(placed, k, cancel), s, n_seeds + 1)))
        if in_features is None:
            prepared = embedding.preparation_.transform(objects)
            work = _neighbours_job(prepared, k, cancel)
            in_features = yield from _shown(work, s, n_seeds + 1)
            messages[:0] = embedding.messages_
    assert in_features is not None
    yield Progress(n_seeds, n_seeds + 1, "comparing neighbours")
    pairs = [_common(a, b) for i, a in enumerate(found) for b in found[i + 1 :]]
    between, against = np.mean(pairs, axis=0), np.mean([_common(a, in_features) for a in found], axis=0)
    per_object, features_per_object = np.full(n, np.nan), np.full(n, np.nan)
    per_object[rows], features_per_object[rows] = between, against
    by_chance = k / (len(rows) - 1)
    overlap, with_features = float(between.mean()), float(against.mean())
    return EmbeddingOverlap(
        overlap,
        with_features,
        by_chance,
        per_object,
        features_per_object,
        _verdict(_SHOWN[method], overlap, with_features, by_chance, k),
        tuple(messages),
    )


def _shown(work: Job[Any], done: float, total: float) -> Job[Any]:
    """Run an inner job, passing its own progress on as a part of one step of `total`."""
    try:
        while True:
            step = next(work)
            yield Progress(done + min(0.99, step.fraction), total, step.message)
    except StopIteration as end:
        return end.value
    finally:
        work.close()


def _neighbours_job(places: NDArray[Any], k: int, cancel: CancelToken | None) -> Job[I32]:
    """The k nearest other objects of each, (n, k)."""
    found, _ = yield from nearest_job(places, places, k + 1, cancel=cancel)
    # An object is its own nearest, except where others lie at the very same place.
    own = found == np.arange(len(found))[:, None]
    own[~own.any(axis=1), -1] = True
    others: I32 = found[~own].reshape(len(found), k)
    return others


def _common(first: I32, second: I32) -> Array:
    """Share of the neighbours (n, k) that each object has in both, (n,)."""
    share: Array = (first[:, :, None] == second[:, None, :]).any(axis=2).mean(axis=1)
    return share


def _verdict(shown: str, overlap: float, with_features: float, by_chance: float, k: int) -> str:
    """What a biologist may read from the picture."""

    def grade(share: float) -> int:
        above = (share - by_chance) / max(1 - by_chance, 1e-9)
        return 2 if above >= FAITHFUL else 1 if above >= PARTLY else 0

    between = (
        "hardly: who lies next to whom is mostly chance",
        "in part: read larger groups from it, not who lies next to whom",
        "largely: who lies next to whom can be read from it",
    )[grade(overlap)]
    kept = (
        "They are hardly the neighbours in the features",
        "They are in part the neighbours in the features",
        "They are largely the neighbours in the features as well",
    )[grade(with_features)]
    return (
        f"{shown} gives the same neighbours from run to run {between} ({overlap:.0%} of {k} in common). "
        f"{kept} ({with_features:.0%}; chance: {by_chance:.1%})."
    )
