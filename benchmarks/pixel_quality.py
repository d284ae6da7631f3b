"""Quality of the pixel classifier on DSB2018, beside scikit-image features and scikit-learn in the same run.

    python benchmarks/pixel_quality.py [--quick] [--development] [--images 40] [--seeds 5] [--jobs 2]

Prints tables and writes benchmarks/results/pixel_quality.json. Three questions, all with scribbles simulated
as a person paints them (`simulate_scribbles`), two classes (background 1, foreground 2):

- scribbles: mean IoU on the pixels that are not annotated, ours against the peer, with the same scribbles;
- validation: the held-out-by-stroke accuracy, and out-of-bag, against the true accuracy on those pixels;
- strokes: how many strokes "paint here next" needs for the mean IoU that random strokes reach.

The data is BBBC038 as TIFF files in ../shared/data/dsb2018 (or $SEGMOTIF_DATA/dsb2018). The 40 images that
are reported were never looked at for tuning; `--development` takes 40 others, on which everything was tuned.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from skimage.feature import multiscale_basic_features
from sklearn.ensemble import RandomForestClassifier

from machine import describe_machine
from napari_segmotif import PixelClassifier
from napari_segmotif.common.metrics import mean_iou
from napari_segmotif.common.scribbles import draw_stroke, simulate_scribbles
from napari_segmotif.pixel.strokes import label_strokes

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("SEGMOTIF_DATA", ROOT.parent / "shared" / "data")) / "dsb2018"
RESULTS = ROOT / "benchmarks" / "results"
CLASSES = (1, 2)
FRACTIONS = (0.0025, 0.01, 0.025)
SPLIT_SEED = 2018
STROKE_PIXELS = 40
POLICIES = ("random stroke, classes in turn", "random place", "paint here next")

Row = dict[str, Any]


def image_names(development: bool, n_images: int) -> list[str]:
    """Names of the images: the first 40 of a seeded shuffle are reported, the next 40 are for tuning."""
    names = sorted(path.name for path in (DATA / "images").glob("*.tif"))
    order = np.random.default_rng(SPLIT_SEED).permutation(len(names))
    first = 40 if development else 0
    return [names[k] for k in order[first : first + 40][:n_images]]


def load(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Image (Y, X) uint8 and truth (Y, X) uint8 in {1, 2}."""
    image = tifffile.imread(DATA / "images" / name)
    labels = tifffile.imread(DATA / "labels" / name)
    return image, np.where(labels > 0, 2, 1).astype(np.uint8)


def iou_on_the_rest(truth: np.ndarray, predicted: np.ndarray, annotation: np.ndarray) -> float:
    """Mean IoU over the pixels that are not annotated."""
    rest = annotation == 0
    return mean_iou(truth[rest], predicted[rest], CLASSES)


def with_the_peer(features: np.ndarray, annotation: np.ndarray, random_state: int, n_jobs: int) -> np.ndarray:
    """Segment with a scikit-learn forest on scikit-image's features (Y, X, C)."""
    painted = annotation > 0
    forest = RandomForestClassifier(n_estimators=100, random_state=random_state, n_jobs=n_jobs)
    forest.fit(features[painted], annotation[painted])
    return forest.predict(features.reshape(-1, features.shape[-1])).reshape(annotation.shape)


def measure_scribbles(names: list[str], n_seeds: int, n_jobs: int) -> Iterator[Row]:
    """One row for each image, fraction and seed: IoU of both, true accuracy and its estimates."""
    for number, name in enumerate(names):
        start = time.perf_counter()
        image, truth = load(name)
        features = multiscale_basic_features(image)
        ours = PixelClassifier(device="cpu", n_jobs=n_jobs)
        cache = ours.cache  # an image's features are computed once, as they are while a person paints
        for seed in range(n_seeds):
            for fraction in FRACTIONS:
                annotation = simulate_scribbles(truth, fraction, seed)
                ours = PixelClassifier(device="cpu", n_jobs=n_jobs, random_state=seed)
                ours.cache = cache
                predicted = ours.fit(image, annotation).predict(image)
                peer = with_the_peer(features, annotation, seed, n_jobs)
                rest = annotation == 0
                report = ours.validate()
                shares = {int(c): int((predicted[rest] == c).sum()) for c in CLASSES}
                yield {
                    "image": name,
                    "fraction": fraction,
                    "seed": seed,
                    "strokes": int(label_strokes(annotation).max()),
                    "iou": iou_on_the_rest(truth, predicted, annotation),
                    "iou_peer": iou_on_the_rest(truth, peer, annotation),
                    "accuracy": float((predicted == truth)[rest].mean()),
                    "held_out": report.scores.accuracy,
                    "held_out_as_in_image": report.accuracy_at(shares),
                    "held_out_by_stroke_and_class": report.group_accuracy,
                    "out_of_bag": report.oob_accuracy,
                }
        print(f"scribbles {number + 1}/{len(names)}  {time.perf_counter() - start:.0f} s", flush=True)


def random_start(truth: np.ndarray, annotation: np.ndarray, class_id: int, rng: np.random.Generator) -> Any:
    """A pixel of a class (0: of any) that is not annotated."""
    free = (annotation == 0) & ((truth == class_id) | (class_id == 0))
    places = np.argwhere(free)
    return tuple(int(c) for c in places[rng.integers(len(places))])


def paint(truth: np.ndarray, annotation: np.ndarray, start: Any, rng: np.random.Generator) -> None:
    """Paint one stroke from a start, in the class that is true there."""
    class_id = truth[start]
    allowed = (truth == class_id) & (annotation == 0)
    stroke = draw_stroke(allowed, start, STROKE_PIXELS, int(rng.integers(1, 6)), rng)
    annotation[tuple(stroke.T)] = class_id


def measure_strokes(names: list[str], n_seeds: int, n_strokes: int, n_jobs: int) -> Iterator[Row]:
    """One row for each image, seed and policy: mean IoU after 2, 3, …, n_strokes strokes."""
    for number, name in enumerate(names):
        start = time.perf_counter()
        image, truth = load(name)
        cache = PixelClassifier(device="cpu").cache
        for seed in range(n_seeds):
            first = np.zeros(truth.shape, np.uint8)
            rng = np.random.default_rng(seed)
            for class_id in CLASSES:
                paint(truth, first, random_start(truth, first, class_id, rng), rng)
            for policy in POLICIES:
                annotation, rng, curve = first.copy(), np.random.default_rng(1000 + seed), []
                for n_painted in range(len(CLASSES), n_strokes + 1):
                    ours = PixelClassifier(device="cpu", n_jobs=n_jobs, random_state=seed)
                    ours.cache = cache
                    ours.fit(image, annotation)
                    curve.append(iou_on_the_rest(truth, ours.predict(image), annotation))
                    if policy == POLICIES[2]:
                        place: Any = ours.suggest(image, 1, annotation=annotation)[0].center
                    else:
                        in_turn = CLASSES[n_painted % 2] if policy == POLICIES[0] else 0
                        place = random_start(truth, annotation, in_turn, rng)
                    paint(truth, annotation, place, rng)
                yield {"image": name, "seed": seed, "policy": policy, "iou": curve}
        print(f"strokes {number + 1}/{len(names)}  {time.perf_counter() - start:.0f} s", flush=True)


def summarise_scribbles(rows: list[Row]) -> list[Row]:
    """Averages over images and seeds at each fraction; errors are standard errors over images."""
    summary = []
    for fraction in FRACTIONS:
        here = [row for row in rows if row["fraction"] == fraction]
        by_image = defaultdict(list)
        for row in here:
            by_image[row["image"]].append(row["iou"] - row["iou_peer"])
        gains = np.array([np.mean(values) for values in by_image.values()])
        line: Row = {
            "fraction": fraction,
            "n": len(here),
            "iou": float(np.mean([row["iou"] for row in here])),
            "iou_peer": float(np.mean([row["iou_peer"] for row in here])),
            "gain": float(gains.mean()),
            "gain_error": float(gains.std(ddof=1) / np.sqrt(len(gains))) if len(gains) > 1 else float("nan"),
            "accuracy": float(np.mean([row["accuracy"] for row in here])),
        }
        for key in ("held_out", "held_out_as_in_image", "held_out_by_stroke_and_class", "out_of_bag"):
            known = [row for row in here if row[key] is not None and np.isfinite(row[key])]
            gaps = np.array([row[key] - row["accuracy"] for row in known])
            line[key] = {
                "n": len(gaps),
                "bias": float(gaps.mean()),
                "mean_absolute": float(np.abs(gaps).mean()),
                "within_3_points": float((np.abs(gaps) <= 0.03).mean()),
            }
        summary.append(line)
    return summary


def summarise_strokes(rows: list[Row]) -> list[Row]:
    """How many strokes each policy needs for the best mean IoU that random strokes get to."""
    curves = {
        policy: np.mean([row["iou"] for row in rows if row["policy"] == policy], axis=0)
        for policy in POLICIES
    }
    summary = []
    for baseline in POLICIES[:2]:
        goal = float(curves[baseline].max())
        needed = {}
        for policy in (baseline, POLICIES[2]):
            reached = np.flatnonzero(curves[policy] >= goal - 1e-12)
            needed[policy] = int(reached[0]) + len(CLASSES) if len(reached) else None
        theirs, ours = needed[baseline], needed[POLICIES[2]]
        saved = 1 - ours / theirs if ours is not None and theirs is not None else None
        summary.append({"baseline": baseline, "iou": goal, "strokes": theirs, "ours": ours, "saved": saved})
    summary.append({"curves": {policy: curve.tolist() for policy, curve in curves.items()}})
    return summary


def scribble_tables(scribbles: list[Row]) -> str:
    """IoU beside the peer's, and estimates of the accuracy, as markdown."""
    lines = [
        "| annotated | mean IoU | scikit-image + scikit-learn | gain in points |",
        "| --- | --- | --- | --- |",
    ]
    for row in scribbles:
        gain, error = 100 * row["gain"], 100 * row["gain_error"]
        lines.append(
            f"| {100 * row['fraction']:g} % | {row['iou']:.4f} | {row['iou_peer']:.4f} "
            f"| {gain:+.2f} ± {error:.2f} |"
        )
    lines += [
        "",
        "| annotated | true accuracy | estimate | bias in points | mean absolute | within 3 points |",
    ]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    for row in scribbles:
        for key in ("held_out", "held_out_as_in_image", "held_out_by_stroke_and_class", "out_of_bag"):
            gap = row[key]
            lines.append(
                f"| {100 * row['fraction']:g} % | {100 * row['accuracy']:.2f} % | {key.replace('_', ' ')} "
                f"| {100 * gap['bias']:+.2f} | {100 * gap['mean_absolute']:.2f} "
                f"| {100 * gap['within_3_points']:.0f} % |"
            )
    return "\n".join(lines)


def stroke_table(strokes: list[Row]) -> str:
    """Strokes needed, as markdown."""
    lines = [
        "| strokes placed by | mean IoU | strokes | paint here next | fewer |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in strokes[:-1]:
        saved = "–" if row["saved"] is None else f"{100 * row['saved']:.0f} %"
        lines.append(f"| {row['baseline']} | {row['iou']:.4f} | {row['strokes']} | {row['ours']} | {saved} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="4 images, 1 seed, 10 strokes")
    parser.add_argument("--development", action="store_true", help="the images for tuning, nothing written")
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=5, help="seeds of the scribbles")
    parser.add_argument("--stroke-seeds", type=int, default=1, help="seeds of the stroke by stroke run")
    parser.add_argument("--strokes", type=int, default=20, help="strokes at most, stroke by stroke")
    parser.add_argument("--only", choices=("scribbles", "strokes"), help="one half; nothing is written")
    parser.add_argument("--jobs", type=int, default=2, help="threads")
    options = parser.parse_args()
    if not (DATA / "images").is_dir():
        print(f"skipped: the DSB2018 images are not in {DATA} (set SEGMOTIF_DATA to their parent folder)")
        return
    if options.quick:
        options.images, options.seeds, options.strokes = 4, 1, 10
    names = image_names(options.development, options.images)
    scribbles, strokes = [], []
    if options.only != "strokes":
        scribbles = list(measure_scribbles(names, options.seeds, options.jobs))
        print(scribble_tables(summarise_scribbles(scribbles)), flush=True)
    if options.only != "scribbles":
        strokes = list(measure_strokes(names, options.stroke_seeds, options.strokes, options.jobs))
        print(stroke_table(summarise_strokes(strokes)), flush=True)
    if not options.development and options.only is None:
        RESULTS.mkdir(exist_ok=True)
        written = {
            "machine": describe_machine(),
            "options": vars(options),
            "scribbles": summarise_scribbles(scribbles),
            "strokes": summarise_strokes(strokes),
            "rows": {"scribbles": scribbles, "strokes": strokes},
        }
        name = "pixel_quality_quick.json" if options.quick else "pixel_quality.json"
        (RESULTS / name).write_text(json.dumps(written, indent=1))


if __name__ == "__main__":
    main()
