"""The simulated videos the motif detector is measured on, and the measures that need their ground truth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_segmotif.motifs.results.similarity import MotifMatch
from napari_segmotif.motifs.simulating.simulation import SimulatedVideo, simulate_video

SHAPE = (128, 128)
FRAMES = 1800
LENGTH = 31
TRUE_LENGTH = 30
N_MOTIFS = 3
NOISE = 0.6
LEVELS = (0.0, 0.3, 0.5, 0.7, 0.9)
UP_TO = 0.5  # "up to 50 % spurious"
TOLERANCE = 2
# Parameters were chosen on seeds from 0, what is reported begins here; each part has a hundred of its own.
REPORTED = 1000
OFFSETS = {"similarity": 0, "m10": 0, "false-positives": 100, "time": 200, "paper": 200, "seeds": 300}
OFFSETS |= {"peers": 0, "large": 400}


@dataclass(frozen=True)
class Asked:
    """Which datasets a run of the benchmark takes."""

    development: bool = False
    quick: bool = False
    datasets: int = 10
    jobs: int = 1

    def seed(self, part: str, number: int) -> int:
        return (0 if self.development else REPORTED) + OFFSETS[part] + number

    def n(self, full: int, quick: int) -> int:
        return quick if self.quick else full

    @property
    def levels(self) -> tuple[float, ...]:
        return (0.0, 0.9) if self.quick else LEVELS

    def grid(self, part: str, full: int | None = None) -> list[tuple[float, int]]:
        """Level and seed of every dataset of a part that goes through the levels."""
        each = self.n(full or self.datasets, 1)
        return [
            (level, self.seed(part, 10 * LEVELS.index(level) + k))
            for level in self.levels
            for k in range(each)
        ]


def dataset(seed: int, spurious: float, n_motifs: int = N_MOTIFS, **settings: Any) -> SimulatedVideo:
    """The video of the goals: 128 × 128, 1,800 frames, three motifs of 30 frames, noise of 0.6 of a peak."""
    settings = {"shape": SHAPE, "n_frames": FRAMES, "motif_length": TRUE_LENGTH, "noise": NOISE, **settings}
    return simulate_video(n_motifs=n_motifs, spurious=spurious, random_state=seed, **settings)


# ------------------------------------------------------------------------------------------------ the ceiling
def least_squares_motifs(data: np.ndarray, activations: np.ndarray, length: int = LENGTH) -> np.ndarray:
    """Motifs (M, F, …) that explain `data` (T, …) best when the true activations (M, T) are known.

    The normal equations have one block for each pair of motifs, and in each block one diagonal for each lag
    between them; a constant is fitted beside them, so that the baseline need not be known.
    """
    n_motifs, n_frames = activations.shape
    design = np.zeros((n_frames, n_motifs * length + 1))
    design[:, -1] = 1
    for motif, starts in enumerate(activations):
        for offset in range(length):
            design[offset:, motif * length + offset] = starts[: n_frames - offset]
    normal = design.T @ design
    normal[np.diag_indices(len(normal) - 1)] += 1e-6  # offsets that only ever come together stay finite
    right = design.T.astype(np.float32) @ data.reshape(n_frames, -1).astype(np.float32, copy=False)
    solved = np.linalg.solve(normal, right)[:-1]
    return solved.reshape(n_motifs, length, *data.shape[1:]).astype(np.float32)


def ceilings(truth: SimulatedVideo, length: int = LENGTH) -> dict[str, np.ndarray]:
    """Least-squares motifs at full resolution, on the true cells' pixels alone, and through their footprints.

    Each knows more of the truth than the one before: the last is free of what noise there is between cells.
    """
    full = least_squares_motifs(truth.video, truth.activations, length)
    support = (truth.footprints > 0.1 * truth.footprints.max()).any(axis=0)
    weights = through_footprints(full, truth.footprints)
    return {
        "full frame": full,
        "true cells' pixels": full * support,
        "true footprints": np.tensordot(weights, truth.footprints, (1, 0)),
    }


def through_footprints(data: np.ndarray, footprints: np.ndarray) -> np.ndarray:
    """Traces (…, N, T) of cells, by least squares on their footprints (N, Y, X), from videos (…, T, Y, X)."""
    flat = footprints.reshape(len(footprints), -1).astype(np.float64)
    gram = flat @ flat.T
    gram[np.diag_indices(len(gram))] += 1e-6 * gram.diagonal().max()
    pixels = data.reshape(*data.shape[:-2], -1)
    traces = np.linalg.solve(gram, (pixels @ flat.T.astype(np.float32)).reshape(-1, len(gram)).T).T
    return np.swapaxes(traces.reshape(*data.shape[:-2], len(gram)), -1, -2).astype(np.float32)


# ---------------------------------------------------------------------------------------------- activations
def hits(found: Iterable[int], truth: Iterable[int], tolerance: int = TOLERANCE) -> int:
    """Largest number of one-to-one pairs of frames at most `tolerance` apart (earliest first is optimal)."""
    a, b = sorted(found), sorted(truth)
    i = j = n = 0
    while i < len(a) and j < len(b):
        if abs(a[i] - b[j]) <= tolerance:
            n, i, j = n + 1, i + 1, j + 1
        elif a[i] < b[j]:
            i += 1
        else:
            j += 1
    return n


def activation_score(
    frames: list[list[int]], truth: SimulatedVideo, match: MotifMatch, tolerance: int = TOLERANCE
) -> dict[str, float]:
    """Precision, recall and F1 of occurrences, at ±2 frames, over all motifs.

    Where a motif begins in its window is arbitrary, so that each matched motif's constant shift against the
    true one is taken off. Occurrences of a motif that matches none are false, those of a true motif that none
    matches are missed.

    Parameters
    ----------
    frames
        For each of the motifs found, the frames in which it begins.
    match
        The one-to-one match of these motifs with the true ones.
    """
    n_found = sum(len(each) for each in frames)
    n_true = int((truth.activations > 0).sum())
    right = 0
    for pair in match.pairs:
        starts = np.flatnonzero(truth.activations[pair.truth] > 0)
        right += hits([frame + pair.shift for frame in frames[pair.found]], starts.tolist(), tolerance)
    precision = right / n_found if n_found else 0.0
    recall = right / n_true if n_true else 0.0
    f1 = 2 * right / (n_found + n_true) if n_found + n_true else 0.0
    return {"precision": precision, "activation_recall": recall, "f1": f1}


def spread(values: Iterable[float]) -> dict[str, float]:
    """Mean, standard deviation and smallest value."""
    known = np.array([value for value in values if value is not None], float)
    if not len(known):
        return {"mean": float("nan"), "sd": float("nan"), "min": float("nan"), "n": 0}
    sd = float(known.std(ddof=1)) if len(known) > 1 else 0.0
    return {"mean": float(known.mean()), "sd": sd, "min": float(known.min()), "n": len(known)}


def said(values: dict[str, float]) -> str:
    """Mean ± standard deviation for a table."""
    return f"{values['mean']:.3f} ± {values['sd']:.3f}"
