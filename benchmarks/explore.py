"""The feature explorer's engine: speed beside scikit-image, and whether its verdicts are right.

    python benchmarks/explore.py [--runs 5] [--parts measure,large,pruning,verdict,planted,active] [--quick]

Prints tables with measured beside goal and least, and writes benchmarks/results/explore.json, into which each
part that was run goes; the others stay. The window (lasso, click, frame) is measured by explore_window.py.

- measure: 10,000 objects on 4,096², 38 columns of regionprops_table and the core of them, equal;
- large: 100,000 objects on 8,192²: core features, PCA, UMAP;
- pruning: 100,000 × 200;
- verdict: cluster_stability on one cloud and on six blobs, seeds 0 to 19;
- planted: whether explain's first groups are the planted features, seeds 0 to 19;
- active: labels that are needed, suggested against random, three simulated tables, seeds 0 to 19.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import explore_learning
from explore_learning import row
from explore_scene import ellipses
from machine import describe_machine
from napari_segmotif.explore.measuring.measurement import measure_objects
from timing import compare, median_seconds

RESULTS = Path(__file__).resolve().parent / "results" / "explore.json"
Row = dict[str, Any]

CORE = (
    "area", "bbox", "centroid", "axis_major_length", "axis_minor_length",
    "intensity_mean", "intensity_min", "intensity_max",
)  # fmt: skip
EVERY = (
    *CORE, "area_bbox", "area_convex", "area_filled", "centroid_weighted", "eccentricity",
    "equivalent_diameter_area", "euler_number", "extent", "feret_diameter_max", "inertia_tensor_eigvals",
    "intensity_median", "intensity_std", "moments_hu", "orientation", "perimeter", "perimeter_crofton",
    "solidity",
)  # fmt: skip


def measure(n_runs: int, quick: bool) -> list[Row]:
    """Ours and regionprops_table in turn on the same pixels; values must be equal."""
    from skimage.measure import regionprops_table

    n_objects, side = (500, 1024) if quick else (10_000, 4096)
    labels, image = ellipses(n_objects, side)
    rows = []
    for name, properties, goal, least in (("38 columns", EVERY, 10, 6), ("core set", CORE, 30, 20)):
        ours = measure_objects(labels, image, properties=properties)
        theirs = regionprops_table(labels, image, properties=("label", *properties))
        assert len(theirs) == (38 if properties is EVERY else 13), len(theirs)
        for column, values in theirs.items():
            found_values = ours[column].to_numpy()
            if column == "orientation":  # −π/2 and π/2 are the same direction, and rounding decides which
                found_values, values = np.exp(2j * found_values), np.exp(2j * values)
            np.testing.assert_allclose(found_values, values, rtol=1e-6, atol=1e-9, err_msg=column)
        found = compare(
            lambda properties=properties: measure_objects(labels, image, properties=properties),
            lambda properties=properties: regionprops_table(labels, image, properties=("label", *properties)),
            n_runs,
        )
        measured = f"{found.ratio:.1f}× ({found.ours_s:.2f} s against {found.peer_s:.2f} s)"
        what = f"measure, {n_objects:,} objects on {side:,}², {name}"
        rows.append(row(what, f"≥ {goal}×", f"{least}×", measured, found.ratio >= goal))
    return rows


def large(n_runs: int, quick: bool) -> list[Row]:
    """From labels to a map of 100,000 objects."""
    from napari_segmotif.explore.mapping.embedding import Embedding

    n_objects, side = (2_000, 1200) if quick else (100_000, 8192)
    labels, image = ellipses(n_objects, side)
    core = median_seconds(lambda: measure_objects(labels, image, properties=CORE), n_runs)
    table = measure_objects(labels, image, properties=("shape", "intensity"))
    pca = median_seconds(lambda: Embedding("pca").fit(table), n_runs)
    start = time.perf_counter()
    Embedding("umap").fit(table)
    umap = time.perf_counter() - start
    return [
        row(f"{n_objects:,} objects: core features", "≤ 3 s", "", f"{core:.2f} s", core <= 3),
        row(f"{n_objects:,} objects: PCA", "≤ 1 s", "", f"{pca:.2f} s", pca <= 1),
        row(f"{n_objects:,} objects: UMAP (one run)", "≤ 120 s", "", f"{umap:.0f} s", umap <= 120),
    ]


def pruning(n_runs: int, quick: bool) -> list[Row]:
    """Correlated features among 200."""
    import pandas as pd

    from napari_segmotif.explore.correlation import prune_correlated

    n, n_features = (5_000, 40) if quick else (100_000, 200)
    rng = np.random.default_rng(0)
    values = rng.normal(size=(n, n_features))
    values[:, 1::2] = values[:, ::2] + 0.2 * rng.normal(size=(n, n_features // 2))
    table = pd.DataFrame(values, columns=[f"feature_{j:03d}" for j in range(n_features)])
    assert len(prune_correlated(table, 0.9).kept) == n_features // 2
    took = median_seconds(lambda: prune_correlated(table, 0.9), n_runs)
    return [row(f"pruning, {n:,} × {n_features}", "≤ 1 s", "", f"{took:.2f} s", took <= 1)]


PARTS: dict[str, Callable[[int, bool], list[Row]]] = {
    "measure": measure,
    "large": large,
    "pruning": pruning,
    **explore_learning.PARTS,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="small sizes, nothing is written")
    options = parser.parse_args()
    chosen = options.parts.split(",")
    if unknown := set(chosen) - set(PARTS):
        parser.error(f"unknown parts: {', '.join(sorted(unknown))} (known: {', '.join(PARTS)})")
    for name in chosen:
        start = time.perf_counter()
        rows = PARTS[name](options.runs, options.quick)
        print(f"\n{name} ({time.perf_counter() - start:.0f} s)\n")
        print("| what | goal | least | measured | goal met |\n| --- | --- | --- | --- | --- |")
        for found in rows:
            met = "yes" if found["met"] else "no"
            cells = [found[key] for key in ("what", "goal", "least", "measured")]
            print(f"| {' | '.join([*cells, met])} |", flush=True)
        if not options.quick:
            write(name, rows)


def write(name: str, rows: list[Row]) -> None:
    """Put one part's figures into the file of results, beside the other parts that are there."""
    written = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"parts": {}}
    written["machine"] = describe_machine()
    written["parts"][name] = rows
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
