"""LeMoNADe on the video beside methods that are given the true cells' traces of the same video.

All are compared as traces: motifs (M, N, F) of the true cells. The peers get what no experiment has, the true
footprints; LeMoNADe's motifs are read through the same footprints afterwards. All are told the true number of
motifs and the same length.

seqNMF (Mackevicius et al., eLife 2019) is the PyPI package `seqnmf`, run in an interpreter of its own,
because it needs old setuptools and packages that we do not:

    python -m venv PEER
    PEER/bin/pip install "setuptools<81"
    PEER/bin/pip install --no-build-isolation seqnmf
    python benchmarks/motifs.py --parts peers --seqnmf PEER/bin/python
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from motif_data import LENGTH, N_MOTIFS, Asked, dataset, said, spread, through_footprints
from motif_quality import each
from napari_segmotif import LeMoNADe, SparseConvolutionalCoding, motif_similarity
from timing import seconds

Row = dict[str, Any]
OURS = "LeMoNADe on the video"
CODING = "SparseConvolutionalCoding on true traces"
SEQNMF = "seqnmf on true traces"
MEASURES = ("similarity", "matched", "recall", "seconds")
# Its paper says to try several weights of the penalty: all are shown.
WEIGHTS = (0.0, 1e-3, 1e-2, 1e-1)
ITERATIONS = 100

SEQNMF_SCRIPT = """
import sys, numpy as np, warnings
warnings.simplefilter("ignore")
from seqnmf import seqnmf
given = np.load(sys.argv[1])
np.random.seed(int(given["seed"]))
W = seqnmf(given["traces"], K=int(given["motifs"]), L=int(given["length"]), Lambda=float(given["weight"]),
           max_iter=int(given["iterations"]))[0]
np.save(sys.argv[2], W)
"""


def seqnmf_missing(python: str) -> str | None:
    """Why seqnmf cannot be run with an interpreter, in words."""
    try:
        child = subprocess.run(
            [python, "-c", "from seqnmf import seqnmf"], capture_output=True, text=True, timeout=120
        )
    except OSError as error:
        return f"{python} does not run ({error})"
    return (
        None if child.returncode == 0 else f"{python} cannot import seqnmf ({child.stderr.splitlines()[-1]})"
    )


def with_seqnmf(traces: np.ndarray, weight: float, seed: int, python: str) -> np.ndarray:
    """Motifs (M, N, F) of seqnmf from traces (N, T), which it wants not to be negative."""
    with tempfile.TemporaryDirectory() as scratch:
        given, found = Path(scratch) / "given.npz", Path(scratch) / "found.npy"
        np.savez(
            given,
            traces=np.maximum(traces, 0).astype(float),
            motifs=N_MOTIFS,
            length=LENGTH,
            weight=weight,
            iterations=ITERATIONS,
            seed=seed,
        )
        command = [python, "-c", SEQNMF_SCRIPT, str(given), str(found)]
        subprocess.run(command, check=True, capture_output=True)
        return np.load(found).transpose(1, 0, 2).astype(np.float32)  # (N, M, F) → (M, N, F)


def measure_peers(level: float, seed: int, python: str | None) -> Row:
    """One video with every method: similarity and recall against the true motifs as traces."""
    truth = dataset(seed, level)
    traces = through_footprints(truth.video - np.median(truth.video, axis=0), truth.footprints)
    goal = through_footprints(truth.motifs, truth.footprints)
    row: Row = {"spurious": level, "seed": seed}

    model = LeMoNADe(n_motifs=N_MOTIFS, motif_length=LENGTH)
    taken = seconds(lambda: model.fit(truth.video))
    ours = through_footprints(model.motifs_[model.significant_], truth.footprints)
    row |= scored(OURS, ours, goal, taken)

    coding = SparseConvolutionalCoding(n_motifs=N_MOTIFS, motif_length=LENGTH)
    taken = seconds(lambda: coding.fit(traces))
    row |= scored(CODING, coding.motifs_[coding.significant_], goal, taken)

    if python is not None:
        for weight in WEIGHTS:
            start = time.perf_counter()
            found = with_seqnmf(traces, weight, seed, python)
            taken = time.perf_counter() - start
            row |= scored(f"{SEQNMF}, λ {weight:g}", found, goal, taken)
    return row


def scored(name: str, found: np.ndarray, goal: np.ndarray, taken: float) -> Row:
    """Similarity, recall and seconds of one method, by its name."""
    alive = found[np.linalg.norm(found.reshape(len(found), found[0].size if len(found) else 0), axis=1) > 0]
    if not len(alive):
        return {f"{name}: {key}": 0.0 for key in MEASURES} | {f"{name}: seconds": taken}
    match = motif_similarity(alive, goal, time_axis=-1)
    return {
        f"{name}: similarity": float(match.similarity),
        f"{name}: matched": float(match.matched),
        f"{name}: recall": float(match.recall),
        f"{name}: seconds": taken,
    }


def peers(asked: Asked, python: str | None) -> Row:
    python = python or sys.executable
    missing = seqnmf_missing(python)
    if missing:
        print(f"peers: seqnmf is left out: {missing}", flush=True)
    tasks = [(*which, None if missing else python) for which in asked.grid("peers", min(asked.datasets, 5))]
    rows = list(each(measure_peers, tasks, asked.jobs, "peers"))
    return {"summary": summarise(rows), "without_seqnmf": missing, "rows": rows}


def summarise(rows: list[Row]) -> list[Row]:
    """Averages of each method by level."""
    names = [key.removesuffix(": similarity") for key in rows[0] if key.endswith(": similarity")]
    summary = []
    for level in sorted({row["spurious"] for row in rows}):
        here = [row for row in rows if row["spurious"] == level]
        methods = {
            name: {
                key: spread(row[f"{name}: {key}"] for row in here)
                for key in ("similarity", "recall", "seconds")
            }
            for name in names
        }
        summary.append({"spurious": level, "n": len(here), "methods": methods})
    return summary


def peers_table(result: Row) -> str:
    names = list(result["summary"][0]["methods"])
    lines = [
        "| spurious spikes | n | " + " | ".join(names) + " |",
        "| --- | --- |" + " --- |" * len(names),
    ]
    for line in result["summary"]:
        told = " | ".join(
            f"{said(methods['similarity'])}, {100 * methods['recall']['mean']:.0f} %"
            for methods in line["methods"].values()
        )
        lines.append(f"| {100 * line['spurious']:.0f} % | {line['n']} | {told} |")
    lines.append("")
    lines.append("Similarity of the motifs as traces of the true cells, and one-to-one recall at ≥ .7.")
    if result["without_seqnmf"]:
        lines.append("seqnmf was not installed.")
    return "\n".join(lines)
