"""Large tables by their landmarks: some objects are worked on, the others are placed by the nearest of these.

The same placing serves new images: an object lies where the most similar ones of the fitted table lie. It
depends on the object alone, not on which others come with it, and an object that was fitted keeps its place.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...common.progress import CancelToken, Job
from .nearest_neighbours import nearest_job

F32 = NDArray[np.float32]

_NEIGHBOURS = 5
_FALLOFF = 4  # of the weight, with the distance's power


def choose_landmarks(n: int, at_most: int, random_state: int) -> NDArray[np.int64]:
    """Rows of the landmarks among n objects, rising: all of them, or `at_most` drawn at random."""
    if n <= at_most:
        return np.arange(n)
    drawn = np.random.default_rng(random_state).choice(n, at_most, replace=False)
    return np.sort(drawn).astype(np.int64)


def landmark_message(n: int, n_landmarks: int, what: str) -> tuple[str, ...]:
    """What to tell the user when not all objects were worked on."""
    if n_landmarks >= n:
        return ()
    return (f"{n_landmarks:,} of {n:,} objects were {what}; the others follow the nearest of these.",)


def place_job(
    values: NDArray[Any],
    landmarks: NDArray[Any],
    positions: F32,
    *,
    cancel: CancelToken | None = None,
) -> Job[F32]:
    """Place objects by the positions of their nearest landmarks.

    A position is the mean of those of the 5 nearest landmarks, weighted by distance⁻⁴ (Shepard, 1968); an
    object that is a landmark has that one's place.

    Parameters
    ----------
    values
        (n, F), prepared features of the objects.
    landmarks
        (m, F), of the landmarks; m ≥ 1.
    positions
        (m, k) of the landmarks.

    Returns
    -------
    placed
        (n, k) float32.

    Raises
    ------
    JobCancelled
        By `cancel`.
    """
    k = min(_NEIGHBOURS, len(landmarks))
    found, distances = yield from nearest_job(
        values, landmarks, k, cancel=cancel, message="placing objects by their nearest landmarks"
    )
    first = distances[:, :1].astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = np.where(first > 0, (first / distances) ** _FALLOFF, 0.0)
    weights[first[:, 0] == 0, 0] = 1.0
    weights /= weights.sum(axis=1, keepdims=True)
    placed = np.zeros((len(values), positions.shape[1]))
    for j in range(k):
        placed += weights[:, j, None] * positions[found[:, j]]
    exact = weights[:, 0] == 1.0
    placed[exact] = positions[found[exact, 0]]
    return placed.astype(np.float32)
