"""Whether the explorer's verdicts are right: simulated tables of which the truth is known, seeds 0 to 19."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from napari_segmotif.explore.classifying.object_classifier import ObjectClassifier
from napari_segmotif.explore.clusters.stability import cluster_stability
from napari_segmotif.explore.explaining.explanation import explain
from napari_segmotif.explore.table_simulation import simulate_blobs, simulate_gaussian, simulate_planted

N_SEEDS = 20
Row = dict[str, Any]


def verdict(n_runs: int, quick: bool) -> list[Row]:
    """One Gaussian of 3,000 × 50 has no clusters, six blobs have six."""
    n_seeds, n = (2, 600) if quick else (N_SEEDS, 3000)
    none = six = 0
    for seed in range(n_seeds):
        cloud, _ = simulate_gaussian(n, 50, seed)
        report = cluster_stability(cloud, random_state=seed)
        none += report.n_clusters == 1
        blobs, _ = simulate_blobs(n, 50, 6, random_state=seed)
        found = cluster_stability(blobs, random_state=seed)
        six += found.n_clusters == 6 and found.stable
        print(f"seed {seed}: {report.verdict} / {found.verdict}", flush=True)
    goal, least = f"{n_seeds}/{n_seeds}", f"{n_seeds - 1}/{n_seeds}"
    return [
        row(f"one Gaussian, {n:,} × 50: no clusters", goal, least, f"{none}/{n_seeds}", none == n_seeds),
        row(f"six blobs, {n:,} × 50: six, stable", goal, least, f"{six}/{n_seeds}", six == n_seeds),
    ]


def planted(n_runs: int, quick: bool) -> list[Row]:
    """Planted features with copies, among decoys that are correlated as well."""
    n_seeds = 2 if quick else N_SEEDS
    recalls = []
    for seed in range(n_seeds):
        table, truth = simulate_planted(random_state=seed)
        groups = explain(table, truth.group, random_state=seed).groups[: len(truth.planted)]
        found = sum(
            any({name, *truth.duplicates[name]} & set(group.features) for group in groups)
            for name in truth.planted
        )
        recalls.append(found / len(truth.planted))
    mean = statistics.mean(recalls)
    measured = f"{mean:.3f} (lowest of {n_seeds} tables {min(recalls):.2f})"
    return [row("planted features: recall of the top groups", "≥ 0.9", "", measured, mean >= 0.9)]


# ------------------------------------------------------------------------------------------ active learning


def rare_classes(seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Four kinds of cells, two of them rare."""
    return simulate_blobs(900, 8, 4, separation=4.5, shares=(0.62, 0.3, 0.05, 0.03), random_state=seed)


def close_classes(seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Two kinds that nearly touch, in one feature of ten."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(900, 10))
    values[:, 0] = rng.uniform(-3, 3, 900)
    truth = np.where(values[:, 0] + 0.3 * np.sin(3 * values[:, 1]) > 0.8, 2, 1)
    return pd.DataFrame(values, columns=[f"feature_{j}" for j in range(10)]), truth


def many_classes(seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Eight kinds of unequal size."""
    shares = (0.3, 0.2, 0.15, 0.12, 0.1, 0.06, 0.04, 0.03)
    return simulate_blobs(1200, 10, 8, separation=5.0, shares=shares, random_state=seed)


FIRST = 5
STEPS = {1: "one after the other, as in the window", 5: "five at a time"}
SCENES = {"rare": rare_classes, "close": close_classes, "many": many_classes}


def macro_f1(truth: np.ndarray, found: np.ndarray) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(truth, found, average="macro", labels=np.unique(truth), zero_division=0.0))


def labels_needed(
    table: pd.DataFrame, truth: np.ndarray, seed: int, suggested: bool, step: int, most: int = 300
) -> int:
    """Labels until the macro F1 on the other half reaches 95 % of that with all labels of this half.

    `step` objects are labelled at a time, and learned before the next are picked.
    """
    rng = np.random.default_rng(seed)
    half = rng.permutation(len(truth))
    pool, test = half[: len(half) // 2], half[len(half) // 2 :]
    pool_table, test_table = table.iloc[pool], table.iloc[test]
    fit: dict[str, int] = {"n_estimators": 60, "random_state": seed}
    full = macro_f1(truth[test], ObjectClassifier(**fit).fit(pool_table, truth[pool]).predict(test_table))
    # Whoever starts picks the same objects, at random; as many whatever the steps are.
    labelled = np.zeros(len(pool), bool)
    labelled[rng.permutation(len(pool))[:FIRST]] = True
    while True:
        known = np.where(labelled, truth[pool], 0)
        classifier = None
        if len(np.unique(known[known > 0])) > 1:
            classifier = ObjectClassifier(**fit).fit(pool_table, known)
            if macro_f1(truth[test], classifier.predict(test_table)) >= 0.95 * full:
                return int(labelled.sum())
        if labelled.sum() >= most:
            return most
        if suggested and classifier is not None:
            rows = np.asarray(classifier.suggest(pool_table, step, strategy="auto", labelled=labelled))
        else:
            rows = rng.permutation(np.flatnonzero(~labelled))[:step]
        labelled[rows] = True


def active(n_runs: int, quick: bool) -> list[Row]:
    """Suggested objects against random ones."""
    n_seeds = 2 if quick else N_SEEDS
    rows = []
    for (name, simulate), (step, how) in product(SCENES.items(), STEPS.items()):
        needed: dict[bool, list[int]] = {True: [], False: []}
        for seed in range(n_seeds):
            table, truth = simulate(seed)
            for suggested in (True, False):
                needed[suggested].append(labels_needed(table, truth, seed, suggested, step))
        ours, theirs = statistics.median(needed[True]), statistics.median(needed[False])
        share = ours / theirs
        measured = f"{share:.0%} (medians {ours:g} and {theirs:g} labels)"
        print(f"{name}, {how}: {measured}", flush=True)
        rows.append(
            row(
                f"labels for 95 % of the full F1, “{name}”, {how}",
                "≤ 60 % of random",
                "75 %",
                measured,
                share <= 0.6,
            )
        )
    return rows


def row(what: str, goal: str, least: str, measured: str, met: bool) -> Row:
    return {"what": what, "goal": goal, "least": least, "measured": measured, "met": met}


PARTS: dict[str, Callable[[int, bool], list[Row]]] = {
    "verdict": verdict,
    "planted": planted,
    "active": active,
}
