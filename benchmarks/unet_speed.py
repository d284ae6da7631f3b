"""How soon the first epoch is reported, whether tiles matter, and an image larger than memory allows."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_segmotif.unet.segmenter import UNetSegmenter
from unet_data import Asked, nuclei_2d
from unet_figures import Figure, report
from unet_training import any_model, load_average

Row = dict[str, Any]
HERE = Path(__file__).resolve().parent
RUNS = 5


# ---------------------------------------------------------------------------------------------- first report
def first_report(asked: Asked) -> Row:
    """From pressing Train to the first epoch's report, one 512² image; each run in a process of its own."""
    before = load_average()
    times = [first_report_in_new_process(asked, run) for run in range(asked.n(RUNS, 2))]
    median = statistics.median(times)
    figures = [
        Figure("first epoch's report, one 512² image, median", median, 30, None, True, "s"),
        Figure("slowest run", max(times), 30, None, True, "s"),
    ]
    line = (
        f"{len(times)} runs in new processes, from `fit_iter` on (the imports of torch and what is compiled "
        f"included): {', '.join(f'{each:.1f}' for each in times)} s; load of the machine {before:.1f} before."
    )
    return report(figures, [line], seconds=times, load_before=before)


def first_report_in_new_process(asked: Asked, run: int) -> float:
    """What a user waits who has just started napari and presses Train."""
    code = f"import unet_speed; unet_speed.time_first_report({asked.device!r}, {run})"
    command = [sys.executable, "-c", code]
    child = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=HERE)
    seconds = float(child.stdout.split()[-1])
    print(f"first_report, run {run}: {seconds:.1f} s", flush=True)
    return seconds


def time_first_report(device: str, run: int) -> None:
    """Print the seconds from fit_iter to the first report."""
    sample = nuclei_2d([run])[0]
    segmenter = UNetSegmenter(2, device=device, random_state=run)
    start = time.perf_counter()
    reports = segmenter.fit_iter([sample.image], [sample.labels], "instances", axes="YX")
    next(reports)
    print(time.perf_counter() - start)
    reports.close()


# ----------------------------------------------------------------------------------------------------- large
def large(asked: Asked) -> Row:
    """Objects of a zarr into a zarr in a process of its own, so that its peak memory is that of the job."""
    side = asked.n(asked.side, 1024)
    model = any_model(asked)
    with tempfile.TemporaryDirectory() as scratch:
        path = model.save(Path(scratch).resolve() / "model.segmotif")
        command = [sys.executable, "-c", "import unet_large; unet_large.measure()", str(path), str(side)]
        child = subprocess.run([*command, scratch], stdout=subprocess.PIPE, text=True, check=True, cwd=HERE)
    measured = json.loads(child.stdout.splitlines()[-1])
    figures = [
        Figure(
            f"{side}² zarr to objects in a zarr: peak memory", measured["peak_mb"] / 1e3, 4, None, True, "GB"
        ),
        Figure("time", measured["seconds"], unit="s"),
        Figure("objects", measured["objects"], unit="n"),
    ]
    line = f"Before the job, with everything imported: {measured['before_mb']:,.0f} MB."
    return report(figures, [line], **measured)


PARTS: dict[str, Callable[[Asked], Row]] = {"first_report": first_report, "large": large}
