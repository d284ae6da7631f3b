"""How good the motifs are: similarity by noise level, more asked than there is, false positives, seeds."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import combinations
from multiprocessing import get_context
from typing import Any

import numpy as np

from motif_data import (
    LENGTH,
    N_MOTIFS,
    UP_TO,
    Asked,
    activation_score,
    ceilings,
    dataset,
    said,
    spread,
)
from napari_segmotif import LeMoNADe, motif_similarity

Row = dict[str, Any]
THREADS = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")
CEILINGS = ("full frame", "true cells' pixels", "true footprints")


def each(work: Callable[..., Row], tasks: list[tuple[Any, ...]], jobs: int, name: str) -> Iterator[Row]:
    """Work on every task, in turn or in processes of one thread each; says how far it is."""
    if jobs == 1:
        results: Iterable[Row] = (work(*task) for task in tasks)
        yield from said_along(results, len(tasks), name)
        return
    # Set for the processes alone: what is timed in this one afterwards has all its threads.
    before = {key: os.environ.get(key) for key in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            yield from said_along(pool.map(work, *zip(*tasks, strict=True)), len(tasks), name)
    finally:
        for key, value in before.items():
            os.environ.pop(key)
            if value is not None:
                os.environ[key] = value


def said_along(results: Iterable[Row], n: int, name: str) -> Iterator[Row]:
    for number, row in enumerate(results, 1):
        told = ", ".join(f"{k} {v:.3g}" for k, v in row.items() if isinstance(v, (int, float)))
        print(f"{name} {number}/{n}: {told}", flush=True)
        yield row


def occurrence_frames(model: Any, kept: np.ndarray) -> list[list[int]]:
    """For each motif that is kept, the frames in which it begins."""
    return [[o.frame for o in model.occurrences_ if o.motif == index] for index in kept]


# ------------------------------------------------------------------------------------------------ similarity
def measure_similarity(level: float, seed: int, n_motifs: int, length: int, with_ceiling: bool) -> Row:
    """One fit, and everything that the truth of its dataset tells about it. Only significant motifs count."""
    truth = dataset(seed, level)
    start = time.perf_counter()
    model = LeMoNADe(n_motifs=n_motifs, motif_length=length).fit(truth.video)
    seconds = time.perf_counter() - start
    kept = np.flatnonzero(model.significant_)
    row: Row = {"spurious": level, "seed": seed, "fit_s": seconds, "significant": len(kept)}
    row |= {"candidates": len(model.motifs_), "similarity": 0.0, "matched": 0.0, "recall": 0.0, "f1": 0.0}
    if len(kept):
        motifs = model.motifs_[kept]
        match = motif_similarity(motifs, truth.motifs)
        row |= {"similarity": match.similarity, "matched": match.matched, "recall": match.recall}
        frames = occurrence_frames(model, kept)
        row |= activation_score(frames, truth, match)
    if with_ceiling:
        for name, motifs in ceilings(truth, length).items():
            row[f"ceiling, {name}"] = motif_similarity(motifs, truth.motifs).similarity
    return row


def similarity(asked: Asked) -> Row:
    tasks = [(level, seed, N_MOTIFS, LENGTH, True) for level, seed in asked.grid("similarity")]
    rows = list(each(measure_similarity, tasks, asked.jobs, "similarity"))
    return {"summary": by_level(rows), "fits_in_parallel": asked.jobs > 1, "rows": rows}


def by_level(rows: list[Row]) -> list[Row]:
    """Averages at each share of spurious spikes, and over all up to 50 %."""
    levels = sorted({row["spurious"] for row in rows})
    groups = [(f"{100 * level:.0f} %", [r for r in rows if r["spurious"] == level]) for level in levels]
    groups.append((f"up to {100 * UP_TO:.0f} %", [row for row in rows if row["spurious"] <= UP_TO]))
    summary = []
    for name, here in groups:
        line: Row = {"spurious": name, "n": len(here)}
        for key in ("similarity", "matched", "recall", "f1", "fit_s", "significant"):
            line[key] = spread(row[key] for row in here)
        line["fit_s"]["median"] = float(np.median([row["fit_s"] for row in here]))
        line["exactly_three"] = float(np.mean([row["significant"] == N_MOTIFS for row in here]))
        for ceiling in CEILINGS:
            best = [row.get(f"ceiling, {ceiling}") for row in here]
            if best[0] is not None:
                line[f"ceiling, {ceiling}"] = spread(best)
                line[f"of the ceiling, {ceiling}"] = line["similarity"]["mean"] / np.mean(best)
        summary.append(line)
    return summary


def similarity_table(result: Row) -> str:
    lines = [
        "| spurious spikes | n | similarity | one-to-one, ≥ .7 | activations, F1 at ±2 frames "
        "| three significant | fit |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for line in result["summary"]:
        lines.append(
            f"| {line['spurious']} | {line['n']} | {said(line['similarity'])} "
            f"| {100 * line['recall']['mean']:.1f} % | {said(line['f1'])} "
            f"| {100 * line['exactly_three']:.0f} % | {line['fit_s']['median']:.1f} s |"
        )
    lines += [
        "",
        "Least-squares motifs from the true activations: at full resolution, on the true cells' pixels, "
        "and through the true footprints of the cells.",
        "",
        "| spurious spikes | ours | full frame | ours / it | true cells' pixels | ours / it "
        "| true footprints | ours / it |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for line in result["summary"]:
        told = " | ".join(
            f"{said(line[f'ceiling, {name}'])} | {line[f'of the ceiling, {name}']:.3f}" for name in CEILINGS
        )
        lines.append(f"| {line['spurious']} | {line['similarity']['mean']:.3f} | {told} |")
    if result["fits_in_parallel"]:
        lines += ["", "Several fits ran side by side: their times are no measurement."]
    return "\n".join(lines)


# ----------------------------------------------------------------------------------- more asked than there is
def m10(asked: Asked) -> Row:
    tasks = [(level, seed, 10, 61, False) for level, seed in asked.grid("m10")]
    rows = list(each(measure_similarity, tasks, asked.jobs, "m10"))
    return {"summary": by_level(rows), "fits_in_parallel": asked.jobs > 1, "rows": rows}


def m10_table(result: Row) -> str:
    lines = [
        "| spurious spikes | n | exactly three significant | how many | similarity | one-to-one, ≥ .7 |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for line in result["summary"]:
        many = line["significant"]
        lines.append(
            f"| {line['spurious']} | {line['n']} | {100 * line['exactly_three']:.0f} % | {many['mean']:.2f} "
            f"| {said(line['similarity'])} | {100 * line['recall']['mean']:.1f} % |"
        )
    return "\n".join(lines)


# ------------------------------------------------------------------------------------------- false positives
def measure_motif_free(seed: int, n_motifs: int) -> Row:
    """A video in which the cells fire, but in no pattern."""
    truth = dataset(seed, 0.5, n_motifs=0)
    model = LeMoNADe(n_motifs=n_motifs, motif_length=LENGTH).fit(truth.video)
    p_values = [float(p) for p in model.p_values_]
    smallest = min(p_values, default=1.0)
    return {"seed": seed, "significant": int(np.sum(model.significant_)), "smallest_p": smallest}


def false_positives(asked: Asked) -> Row:
    tasks = [(asked.seed("false-positives", k), N_MOTIFS) for k in range(asked.n(4 * asked.datasets, 2))]
    rows = list(each(measure_motif_free, tasks, asked.jobs, "false-positives"))
    return {"share": float(np.mean([row["significant"] > 0 for row in rows])), "n": len(rows), "rows": rows}


def false_positives_table(result: Row) -> str:
    wrong = sum(row["significant"] > 0 for row in result["rows"])
    return (
        "| motif-free videos | with a significant motif | share |\n| --- | --- | --- |\n"
        f"| {result['n']} | {wrong} | {100 * result['share']:.1f} % |"
    )


# ------------------------------------------------------------------------------------------------------ seeds
def seeds(asked: Asked) -> Row:
    """The same video with other seeds of the estimator: do they find the same?"""
    rows: list[Row] = []
    for place, level in enumerate((0.5, 0.9)):
        truth = dataset(asked.seed("seeds", place), level)
        found = []
        for seed in range(asked.n(10, 3)):
            model = LeMoNADe(n_motifs=N_MOTIFS, motif_length=LENGTH, random_state=seed).fit(truth.video)
            found.append(model.motifs_[model.significant_])
            print(f"seeds, {level:.0%} spurious: seed {seed}, {len(found[-1])} significant", flush=True)
        pairs = [agreement(a, b) for a, b in combinations(found, 2)]
        counts = [len(motifs) for motifs in found]
        rows.append({"spurious": level, "significant": counts, "agreement": spread(pairs), "pairs": pairs})
    return {"rows": rows}


def agreement(a: np.ndarray, b: np.ndarray) -> float:
    """Matched one-to-one similarity of two sets of motifs, where one that has no partner counts 0."""
    if not len(a) or not len(b):
        return float(len(a) == len(b))
    few, many = (a, b) if len(a) < len(b) else (b, a)
    return float(motif_similarity(few, many).matched) * len(few) / len(many)


def seeds_table(result: Row) -> str:
    lines = [
        "| spurious spikes | seeds | pairwise matched similarity | smallest | significant motifs |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in result["rows"]:
        lines.append(
            f"| {100 * row['spurious']:.0f} % | {len(row['significant'])} | {said(row['agreement'])} "
            f"| {row['agreement']['min']:.3f} | {', '.join(map(str, row['significant']))} |"
        )
    return "\n".join(lines)
