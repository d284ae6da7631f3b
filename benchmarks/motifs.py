"""Figures of the motif detector on simulated videos with ground truth, and on recordings.

    python benchmarks/motifs.py [--quick] [--development] [--parts similarity,m10,…] [--jobs 2]

Prints markdown tables and writes benchmarks/results/motifs.json, into which each part that was run goes; the
others stay. Parts, all on 128×128, 1,800 frames, 3 motifs of 30 frames, noise of 0.6 of a transient's peak:

- similarity: by the share of spurious spikes; beside the ceiling, which knows the true activations;
- m10: ten motifs of 61 frames asked; how many are significant;
- false-positives: videos whose cells fire in no pattern;
- time: a fit with its restarts;
- paper: the paper's network and optimiser, written plainly in motif_paper.py;
- large: 512×512, 10,000 frames on disk: time and peak memory;
- seeds: the same video with ten seeds of the estimator;
- peers: traces of the true cells for SparseConvolutionalCoding and seqnmf (see motif_peers.py);
- songbird: spikes of a songbird, with a picture, and a short two-photon movie.

Everything was chosen on the seeds of `--development`, for which nothing is written; others are reported.
With `--jobs` datasets are fitted side by side in similarity, m10, false-positives and peers, whose times are
then no measurement.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import motif_peers
import motif_quality
import motif_songbird
import motif_speed
from machine import describe_machine
from motif_data import Asked

RESULTS = Path(__file__).resolve().parent / "results"

Row = dict[str, Any]


def parts(
    options: argparse.Namespace,
) -> dict[str, tuple[Callable[[Asked], Row], Callable[[Row], str]]]:
    """Name of each part: what measures it, and what makes a table of it."""
    pictures = None if options.development else RESULTS
    return {
        "similarity": (motif_quality.similarity, motif_quality.similarity_table),
        "m10": (motif_quality.m10, motif_quality.m10_table),
        "false-positives": (motif_quality.false_positives, motif_quality.false_positives_table),
        "time": (motif_speed.fit_time, motif_speed.fit_time_table),
        "paper": (lambda asked: motif_speed.paper(asked, options.paper_minutes), motif_speed.paper_table),
        "large": (lambda asked: motif_speed.large(asked, options.scratch), motif_speed.large_table),
        "seeds": (motif_quality.seeds, motif_quality.seeds_table),
        "peers": (lambda asked: motif_peers.peers(asked, options.seqnmf), motif_peers.peers_table),
        "songbird": (lambda asked: motif_songbird.songbird(asked, pictures), motif_songbird.songbird_table),
    }


def keep(path: Path, name: str, figures: Row) -> None:
    """Put one part's figures into the file of results, beside the other parts that are there."""
    written = json.loads(path.read_text()) if path.exists() else {"parts": {}}
    written["machine"] = describe_machine() | {"torch": version("torch")}
    written["parts"][name] = figures
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(written, indent=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="one dataset each at 0 and 90 %%, small videos")
    parser.add_argument("--development", action="store_true", help="the seeds for tuning, nothing written")
    parser.add_argument("--parts", default="", help="names with commas between; default: all")
    parser.add_argument(
        "--datasets", type=int, default=10, help="at each level; four times as many motif-free"
    )
    parser.add_argument("--jobs", type=int, default=1, help="datasets side by side, where nothing is timed")
    parser.add_argument(
        "--paper-minutes", type=float, default=10, help="how long the paper's network goes on"
    )
    parser.add_argument("--scratch", type=Path, help="folder for the large video; default: the temporary one")
    parser.add_argument("--seqnmf", help="a Python in which seqnmf is installed; default: this one")
    options = parser.parse_args()
    if options.quick:
        options.paper_minutes = min(options.paper_minutes, 0.5)
    known = parts(options)
    chosen = [name for name in options.parts.split(",") if name] or list(known)
    if unknown := set(chosen) - set(known):
        parser.error(f"unknown parts: {', '.join(sorted(unknown))} (known: {', '.join(known)})")
    asked = Asked(options.development, options.quick, options.datasets, options.jobs)
    for name in chosen:
        measure, table = known[name]
        start = time.perf_counter()
        figures = measure(asked)
        print(f"\n### {name} ({time.perf_counter() - start:.0f} s)\n\n{table(figures)}\n", flush=True)
        if not options.development:
            keep(RESULTS / ("motifs_quick.json" if options.quick else "motifs.json"), name, figures)


if __name__ == "__main__":
    main()
