"""Figures of the U-Net segmenter on DSB2018 and on simulated nuclei.

    python benchmarks/unet.py [--quick] [--development] [--parts half_hour,…] [--minutes N] [--keep FOLDER]

Prints markdown tables with measured beside goal and least, and writes benchmarks/results/unet.json, into
which each part that was run goes; the others stay. Parts:

- full: all training images, an hour (with --device cuda on a graphics card, else said to be on the CPU);
- half_hour: all training images, 30 minutes on the CPU in all;
- ten_images: ten annotated images and nothing else, 15 minutes, over three choices of the ten (--choices);
- scribbles: strokes on 5 % of the pixels of 20 images against every pixel of them, ten minutes each;
- first_report: from Train to the first epoch's report, with one 512² image;
- tiled: predicted in tiles against at once;
- large: an 8,192² zarr (--side) into objects in a zarr: time and peak memory;
- pixel_side_by_side: the foreground by the pixel classifier and by this, taught with the same ten images;
- three_d: simulated nuclei in stacks with coarse planes, twenty minutes;
- fine: nuclei of another kind, from a model of DSB2018 and anew, two minutes each.

The split of the 491 images is fixed by their names (unet_data.py). Everything was chosen with
`--development`, which evaluates on the validation images and writes nothing; the test images are for the
report.

With --keep, trained models stay in a folder, and a model that was trained on the same pixels with the same
settings is not trained again. --minutes changes the time of each training, --set the segmenter's settings
(--set width=48,residual=true).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import unet_beside
import unet_quality
import unet_speed
import unet_tiles
import unet_volumes
from machine import describe_machine
from unet_data import DATA, Asked, available
from unet_training import load_average

RESULTS = Path(__file__).resolve().parent / "results"
PARTS = unet_quality.PARTS | unet_speed.PARTS | unet_tiles.PARTS | unet_beside.PARTS | unet_volumes.PARTS
SIMULATED = ("first_report", "three_d")  # need no data

Row = dict[str, Any]


def settings(text: str) -> tuple[tuple[str, Any], ...]:
    """Settings written as name=value with commas between; values as in JSON, else as text."""
    chosen = []
    for pair in text.split(","):
        name, _, value = pair.partition("=")
        if not name:
            continue
        try:
            chosen.append((name, json.loads(value)))
        except json.JSONDecodeError:
            chosen.append((name, value))
    return tuple(chosen)


def write(path: Path, name: str, figures: Row, options: Row) -> None:
    """Put one part's figures into the file of results, beside the other parts that are there."""
    written = json.loads(path.read_text()) if path.exists() else {"parts": {}}
    written["machine"] = describe_machine() | {"torch": version("torch")}
    written["parts"][name] = without_history(figures) | {"options": options}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(written, indent=1, default=str) + "\n")


def without_history(figures: Any) -> Any:
    """Figures without every epoch's losses, which stay beside the kept models."""
    if isinstance(figures, dict):
        return {key: without_history(value) for key, value in figures.items() if key != "history"}
    return [without_history(value) for value in figures] if isinstance(figures, list) else figures


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="a few images, seconds of training")
    parser.add_argument("--development", action="store_true", help="the validation images, nothing written")
    parser.add_argument("--parts", default="", help="names with commas between; default: all")
    parser.add_argument("--minutes", type=float, help="of each training, instead of what the part says")
    parser.add_argument("--choices", type=int, default=3, help="of ten images")
    parser.add_argument("--set", default="", help="settings of the segmenter, as name=value,name=value")
    parser.add_argument("--flips", action="store_true", help="average the predictions of flipped images")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, mps or auto")
    parser.add_argument("--side", type=int, default=8192, help="of the large image, in pixels")
    parser.add_argument("--keep", type=Path, help="folder for trained models; default: a temporary one")
    return parser


def main() -> None:
    options = parser().parse_args()
    chosen = [name for name in options.parts.split(",") if name] or list(PARTS)
    if unknown := set(chosen) - set(PARTS):
        parser().error(f"unknown parts: {', '.join(sorted(unknown))} (known: {', '.join(PARTS)})")
    with tempfile.TemporaryDirectory() as temporary:
        asked = Asked(
            keep=(options.keep or Path(temporary)).resolve(),
            development=options.development,
            quick=options.quick,
            minutes=options.minutes,
            choices=options.choices,
            settings=settings(options.set),
            flips=options.flips,
            device=options.device,
            side=options.side,
        )
        for name in chosen:
            if name not in SIMULATED and not available():
                print(f"{name} is skipped: no DSB2018 images in {DATA} (set SEGMOTIF_DATA to their parent)")
                continue
            start, load = time.perf_counter(), load_average()
            figures = PARTS[name](asked)
            took = f"{time.perf_counter() - start:.0f} s, load {load:.1f} before, {load_average():.1f} after"
            print(f"\n### {name} ({took})\n\n{figures['text']}\n", flush=True)
            if not asked.development:
                file = RESULTS / ("unet_quick.json" if asked.quick else "unet.json")
                write(file, name, figures, vars(options) | {"keep": None, "took": took})


if __name__ == "__main__":
    main()
