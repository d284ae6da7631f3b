"""How long a fit takes, beside the paper's network and optimiser, and on a large video on disk."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

import motif_large
from motif_data import LENGTH, N_MOTIFS, Asked, dataset
from motif_paper import BETA, EPOCHS, RUN_FRAMES, cost_of_the_paper, fewest_steps, train_plain
from napari_segmotif import LeMoNADe, motif_similarity
from timing import seconds

Row = dict[str, Any]
LEVEL = 0.5  # the share of spurious spikes in what is timed


# ------------------------------------------------------------------------------------------------------- time
def fit_time(asked: Asked) -> Row:
    """Fits after a warm-up, each of another dataset: searches stop when they agree, so that times differ."""
    times = []
    n_runs = asked.n(5, 2)
    for run in range(n_runs + 1):
        video = dataset(asked.seed("time", run), LEVEL).video
        model = LeMoNADe(n_motifs=N_MOTIFS, motif_length=LENGTH)
        times.append(seconds(lambda model=model, video=video: model.fit(video)))
        print(f"time, run {run}: {times[-1]:.1f} s{' (warm-up)' if run == 0 else ''}", flush=True)
    return {"first_s": times[0], "times_s": times[1:], "median_s": statistics.median(times[1:])}


def fit_time_table(result: Row) -> str:
    spread = f"{min(result['times_s']):.1f} – {max(result['times_s']):.1f} s"
    return (
        "| fit with restarts | runs | median | range | first one |\n| --- | --- | --- | --- | --- |\n"
        f"| 128×128, 1,800 frames | {len(result['times_s'])} | {result['median_s']:.1f} s | {spread} "
        f"| {result['first_s']:.1f} s |"
    )


# ------------------------------------------------------------------------------------------------------ paper
def paper(asked: Asked, minutes: float) -> Row:
    """Our fit, then the plain network of the paper: for the same wall time, and for some minutes more."""
    truth = dataset(asked.seed("paper", 0), LEVEL)
    LeMoNADe(n_motifs=N_MOTIFS, motif_length=LENGTH).fit(truth.video)
    ours_s, model = [], LeMoNADe(n_motifs=N_MOTIFS, motif_length=LENGTH)
    for _ in range(asked.n(5, 1)):
        ours_s.append(seconds(lambda: model.fit(truth.video)))
    ours = statistics.median(ours_s)
    found = model.motifs_[model.significant_]
    similarity = float(motif_similarity(found, truth.motifs).similarity) if len(found) else 0.0
    frames = asked.n(RUN_FRAMES, 60)
    print(f"paper: ours {ours:.1f} s, similarity {similarity:.3f}", flush=True)
    rows = []
    for wall in (ours, 60 * minutes) if minutes else (ours,):
        run = train_plain(truth.video, N_MOTIFS, LENGTH, wall, frames)
        reached = float(motif_similarity(run.motifs, truth.motifs).similarity)
        rows.append({"wall_s": run.wall_s, "steps": run.n_steps, "similarity": reached, "losses": run.losses})
        print(f"paper: {run.wall_s:.0f} s, {run.n_steps} steps, similarity {reached:.3f}", flush=True)
    # For their mean to come to ours, at least one filter has to.
    pairs = product(run.initial_motifs, padded(truth.motifs))
    steps = min(fewest_steps(initial, motif, similarity) for initial, motif in pairs)
    return {
        "ours_s": ours,
        "our_similarity": similarity,
        "seconds_per_frame": run.seconds_per_frame,
        "seconds_per_step": run.seconds_per_step,
        "frames_per_step": run.run_frames,
        "runs": rows,
        "untrained_similarity": float(motif_similarity(run.initial_motifs, truth.motifs).similarity),
        **cost_of_the_paper(run, ours, steps, len(truth.video)),
    }


def padded(motifs: np.ndarray) -> np.ndarray:
    """Motifs (M, F, Y, X) with empty frames at the end, of the length that is asked for."""
    return np.pad(motifs, ((0, 0), (0, LENGTH - motifs.shape[1]), (0, 0), (0, 0)))


def paper_table(result: Row) -> str:
    ours = result["ours_s"]
    lines = [
        "| | wall time | steps | similarity |",
        "| --- | --- | --- | --- |",
        f"| ours, all restarts | {ours:.1f} s | | {result['our_similarity']:.3f} |",
        f"| the paper's network, untrained | 0 s | 0 | {result['untrained_similarity']:.3f} |",
    ]
    for row in result["runs"]:
        lines.append(
            f"| the paper's network | {row['wall_s']:.0f} s ({row['wall_s'] / ours:.1f}× ours) "
            f"| {row['steps']} | {row['similarity']:.3f} |"
        )
    lines += [
        "",
        f"The paper's network (β {BETA}, {result['frames_per_step']} frames a step) trains at "
        f"{result['seconds_per_frame']:.3f} s a frame, {result['seconds_per_step']:.1f} s a step. It was not "
        "run to our similarity. What can be said:",
        "",
        f"- measured: after {result['runs'][-1]['wall_s'] / ours:.0f}× our time it is at "
        f"{result['runs'][-1]['similarity']:.3f};",
        f"- bound: at a learning rate of 1e-5 its filters cannot be as similar as ours in fewer than "
        f"{result['steps_at_least']} steps, which is ≥ {result['times_slower_at_least']:.0f}× our time, "
        "even if every gradient pointed straight at the truth;",
        f"- extrapolated: its schedule of {EPOCHS:,} passes over the frames takes "
        f"{result['schedule_s'] / 86400:.1f} days here, {result['schedule_ratio']:,.0f}× our time.",
    ]
    return "\n".join(lines)


# ------------------------------------------------------------------------------------------------------ large
def large(asked: Asked, folder: Path | None) -> Row:
    """A video on disk in a process of its own, so that its peak memory is that of the fit alone."""
    shape = (1000, 256, 256) if asked.quick else (10_000, 512, 512)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        path = Path(scratch).resolve() / "large.zarr"
        lacking = motif_large.lacking_space(path.parent, shape)
        if lacking:
            return {"skipped": lacking}
        start = time.perf_counter()
        motif_large.write_video(path, shape, asked.seed("large", 0))
        print(f"large: video written in {time.perf_counter() - start:.0f} s", flush=True)
        command = [sys.executable, "-c", "import motif_large; motif_large.measure()", str(path)]
        here = Path(__file__).parent
        child = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=here)
    return {"shape": shape, **json.loads(child.stdout.splitlines()[-1])}


def large_table(result: Row) -> str:
    if "skipped" in result:
        return f"skipped: {result['skipped']}"
    frames, height, width = result["shape"]
    return (
        "| uint16 zarr on disk | fit | peak memory | of it before the fit | significant | similarity "
        "| one-to-one, ≥ .7 |\n| --- | --- | --- | --- | --- | --- | --- |\n"
        f"| {height}×{width}, {frames:,} frames | {result['fit_s']:.0f} s | {result['peak_mb']:,.0f} MB "
        f"| {result['before_mb']:,.0f} MB | {result['significant']} | {result['similarity']:.3f} "
        f"| {100 * result['recall']:.0f} % |"
    )
