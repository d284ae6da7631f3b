"""Speed and memory of the pixel classifier, beside scikit-image, SciPy and scikit-learn in the same run.

    python benchmarks/pixel.py [--runs 5] [--only 2d 3d live zarr import] [--quick]

Prints a table and writes benchmarks/results/pixel.json. Quality is measured by pixel_quality.py.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from machine import describe_machine
from napari_segmotif import PixelClassifier, PixelFeatures
from napari_segmotif.common.axes import ImageSource
from napari_segmotif.common.progress import run_job
from napari_segmotif.common.simulation import simulate_nuclei_2d, simulate_nuclei_3d, simulate_tissue
from napari_segmotif.pixel.filtering.features import DEFAULT_SIGMAS, FAMILIES
from timing import compare, median_seconds, seconds

RESULTS = Path(__file__).parent / "results" / "pixel.json"
N_PAINTED = 5_000
Row = dict[str, Any]


def painted_pixels(annotation: np.ndarray, n: int) -> np.ndarray:
    """The annotation with n of its pixels, whole runs of them, so that it stays like strokes."""
    kept = np.zeros_like(annotation)
    places = np.flatnonzero(annotation)
    rng = np.random.default_rng(0)
    blocks = np.array_split(places, max(1, len(places) // 25))
    for number in rng.permutation(len(blocks)):
        room = n - np.count_nonzero(kept)
        if room <= 0:
            break
        chosen = blocks[number][:room]
        kept.flat[chosen] = annotation.flat[chosen]
    return kept


def as_uint8(image: np.ndarray) -> np.ndarray:
    low, high = np.percentile(image, (0.1, 99.9))
    return np.clip((image - low) / (high - low) * 255, 0, 255).astype(np.uint8)


def scene_2d(kind: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    shape = (size, size)
    n_nuclei = round(95 * (size / 512) ** 2)
    simulated = (
        simulate_nuclei_2d(shape, n_nuclei=n_nuclei, scribble_fraction=0.004)
        if kind == "nuclei"
        else simulate_tissue(shape, scribble_fraction=0.004)
    )
    return as_uint8(simulated.image), painted_pixels(simulated.annotation, N_PAINTED)


def peer_features_2d(image: np.ndarray) -> np.ndarray:
    from skimage.feature import multiscale_basic_features

    return multiscale_basic_features(image, workers=2)


def bench_2d(n_runs: int, size: int) -> list[Row]:
    """Against skimage.feature.multiscale_basic_features (24 channels) and predict_proba with n_jobs=2."""
    from sklearn.ensemble import RandomForestClassifier

    rows = []
    same_channels = PixelFeatures(
        families=("gaussian", "gradient_magnitude", "hessian_eigenvalues"),
        sigmas=(0.5, 1.0, 2.0, 4.0, 8.0, 16.0),
    )
    for kind in ("nuclei", "tissue"):
        image, annotation = scene_2d(kind, size)
        stack = peer_features_2d(image)
        painted = annotation > 0
        forest = RandomForestClassifier(100, n_jobs=2, random_state=0)
        forest.fit(stack[painted], annotation[painted])
        ours = PixelClassifier(same_channels, n_jobs=2).fit(image, annotation)
        ours.cache.capacity = 0
        assert len(ours.feature_names_) == stack.shape[-1]
        del stack

        def peer(forest: Any = forest, image: np.ndarray = image) -> np.ndarray:
            features = peer_features_2d(image)
            return forest.predict_proba(features.reshape(-1, features.shape[-1]))

        for what, work in (("probabilities", ours.predict_proba), ("labels only", ours.predict)):
            result = compare(partial(work, image), peer, n_runs)
            rows.append({"what": f"{what}, {size}² uint8 ({kind}), 24 channels", **result.as_dict()})
        grid = PixelFeatures(families=FAMILIES, sigmas=DEFAULT_SIGMAS)
        for name, features in (("default set", PixelFeatures()), ("all filters at all scales", grid)):
            full = PixelClassifier(features, n_jobs=2).fit(image, annotation)
            full.cache.capacity = 0
            taken = median_seconds(partial(full.predict, image), n_runs)
            rows.append(
                {
                    "what": f"labels, {name}, {len(full.feature_names_)} features ({kind})",
                    "ours_s": taken,
                    "megapixels_per_s": image.size / taken / 1e6,
                }
            )
    return rows


def scipy_features_3d(image: np.ndarray, features: PixelFeatures) -> np.ndarray:
    """Our own set by scipy.ndimage, each derivative computed once."""
    from numpy.linalg import eigvalsh

    volume = image.astype(np.float32)
    columns: list[np.ndarray] = []
    derivatives: dict[tuple[float, tuple[int, ...]], np.ndarray] = {}

    def derivative(sigma: float, order: tuple[int, ...]) -> np.ndarray:
        if (sigma, order) not in derivatives:
            derivatives[sigma, order] = ndimage.gaussian_filter(volume, sigma, order=order)
        return derivatives[sigma, order]

    def eigenvalues(entries: dict[tuple[int, int], np.ndarray]) -> list[np.ndarray]:
        matrix = np.empty((*volume.shape, 3, 3), np.float32)
        for (i, j), values in entries.items():
            matrix[..., i, j] = matrix[..., j, i] = values
        return list(np.moveaxis(eigvalsh(matrix)[..., ::-1], -1, 0))

    pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    unit = np.eye(3, dtype=int)
    for family, sigma in features.enabled_pairs():
        first = [derivative(sigma, tuple(unit[i])) for i in range(3)] if family != "gaussian" else []
        if family == "gaussian":
            columns.append(derivative(sigma, (0, 0, 0)))
        elif family == "gradient_magnitude":
            columns.append(np.sqrt(sum(d * d for d in first)))
        elif family == "laplacian_of_gaussian":
            columns.append(sum(derivative(sigma, tuple(2 * unit[i])) for i in range(3)))
        elif family == "difference_of_gaussians":
            columns.append(derivative(sigma, (0, 0, 0)) - ndimage.gaussian_filter(volume, 0.66 * sigma))
        elif family == "hessian_eigenvalues":
            columns += eigenvalues({p: derivative(sigma, tuple(unit[p[0]] + unit[p[1]])) for p in pairs})
        else:
            columns += eigenvalues(
                {p: ndimage.gaussian_filter(first[p[0]] * first[p[1]], 0.5 * sigma) for p in pairs}
            )
    return np.stack(columns, axis=-1)


def bench_3d(n_runs: int, shape: tuple[int, int, int]) -> list[Row]:
    """Against scipy.ndimage filters of our own set and scikit-learn's predict_proba with n_jobs=2."""
    simulated = simulate_nuclei_3d(shape, n_nuclei=120, spacing=(1.0, 1.0, 1.0), scribble_fraction=0.004)
    image, annotation = as_uint8(simulated.image), painted_pixels(simulated.annotation, N_PAINTED)
    ours = PixelClassifier(PixelFeatures(dimensions=3), n_jobs=2).fit(image, annotation, axes="ZYX")
    ours.cache.capacity = 0
    forest = ours._trees

    def peer() -> np.ndarray:
        features = scipy_features_3d(image, ours.features)
        return forest.predict_proba(features.reshape(-1, features.shape[-1]))

    result = compare(lambda: ours.predict_proba(image), peer, n_runs)
    return [
        {
            "what": f"probabilities, {'×'.join(map(str, shape))}, {len(ours.feature_names_)} 3-D features",
            **result.as_dict(),
        }
    ]


def _note_first_answer(begin: float, times: list[float], progress: Any) -> None:
    if progress.partial is not None:
        times.append(time.perf_counter() - begin)


def bench_live(n_runs: int) -> list[Row]:
    """From a released stroke to the visible 512² of a 2048² image, tiles warm, 5,000 painted pixels."""
    image, annotation = scene_2d("nuclei", 2048)
    classifier = PixelClassifier()
    region = (slice(768, 1280), slice(768, 1280))
    source = ImageSource.of(image)
    first_times: list[float] = []
    full_times: list[float] = []
    predict_times: list[float] = []
    run_job(classifier.live_iter([source], [annotation], 0, region))
    for number in range(n_runs):
        annotation[800 + 8 * number : 804 + 8 * number, 800:840] = 1 + number % 2
        begin = time.perf_counter()
        job = classifier.live_iter([source], [annotation], 0, region)
        run_job(job, partial(_note_first_answer, begin, first_times))
        full_times.append(time.perf_counter() - begin)
        predict_times.append(seconds(lambda: run_job(classifier.predict_iter(source, region=region))))
    return [
        {"what": "stroke → first answer in the visible 512²", "ours_s": float(np.median(first_times))},
        {"what": "stroke → all 100 trees in the visible 512²", "ours_s": float(np.median(full_times))},
        {"what": "prediction alone of the visible 512²", "ours_s": float(np.median(predict_times))},
    ]


_ZARR_JOB = """
import sys, time
import numpy as np, zarr
from napari_segmotif import PixelClassifier
from napari_segmotif.common.progress import run_job
folder, n = sys.argv[1], int(sys.argv[2])
image = zarr.open_array(folder + "/image.zarr", mode="r")
out = zarr.create_array(folder + "/labels.zarr", shape=image.shape, chunks=(1024, 1024), dtype="uint8")
classifier = PixelClassifier.load(folder + "/model.segmotif")
start = time.perf_counter()
run_job(classifier.predict_iter(image, outputs=("labels",), out={"labels": out}))
# Of this process alone: ru_maxrss would begin with the peak of the process that started it.
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
peak = int(status["VmHWM"].split()[0]) / 1024
print(time.perf_counter() - start, peak)
"""


def bench_zarr(size: int) -> list[Row]:
    """A zarr larger than we want in memory, predicted into a zarr, in a process of its own."""
    import zarr

    block, annotation = scene_2d("nuclei", 2048)
    classifier = PixelClassifier().fit(block, annotation)
    folder = Path(tempfile.mkdtemp())
    try:
        image = zarr.create_array(
            folder / "image.zarr", shape=(size, size), chunks=(1024, 1024), dtype="uint8"
        )
        for y in range(0, size, 2048):
            for x in range(0, size, 2048):
                height, width = min(2048, size - y), min(2048, size - x)
                image[y : y + height, x : x + width] = block[:height, :width]
        classifier.save(folder / "model.segmotif")
        answer = subprocess.run(
            [sys.executable, "-c", _ZARR_JOB, str(folder), str(size)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
        return [
            {
                "what": f"{size:,}² zarr → zarr, labels",
                "ours_s": float(answer[0]),
                "peak_memory_mb": float(answer[1]),
                "megapixels_per_s": size**2 / float(answer[0]) / 1e6,
            }
        ]
    finally:
        shutil.rmtree(folder)


def bench_import(n_runs: int) -> list[Row]:
    """Import time, and what the first call costs before the compiled kernels are cached."""

    def run(code: str, **environment: str) -> Callable[[], object]:
        return lambda: subprocess.run(
            [sys.executable, "-c", code], check=True, env={**os.environ, **environment}
        )

    bare = median_seconds(run(""), n_runs)
    result = compare(run("import napari_segmotif"), run("import skimage, sklearn.ensemble"), n_runs)
    rows: list[Row] = [
        {
            "what": "import napari_segmotif, against import skimage, sklearn.ensemble",
            **result.as_dict(),
            "share_of_peer": result.ours_s / result.peer_s,
            "share_without_the_interpreter": (result.ours_s - bare) / (result.peer_s - bare),
        }
    ]
    first_use = (
        "import numpy as np; from napari_segmotif import PixelClassifier;"
        "i = np.add.outer(np.arange(64), np.arange(64)).astype('u1'); a = i * 0;"
        "a[:4, :4] = 1; a[-4:, -4:] = 2; PixelClassifier(n_estimators=5).fit(i, a).predict(i)"
    )
    with tempfile.TemporaryDirectory() as empty:
        cold = seconds(run(first_use, NUMBA_CACHE_DIR=empty))
        warm = median_seconds(run(first_use, NUMBA_CACHE_DIR=empty), n_runs)
    rows.append({"what": "first fit and predict in a new process, kernels compiled anew", "ours_s": cold})
    rows.append({"what": "first fit and predict in a new process, kernels cached", "ours_s": warm})
    return rows


def as_table(rows: list[Row]) -> str:
    lines = ["| what | ours, s | peer, s | ratio | other |", "| --- | --- | --- | --- | --- |"]
    for row in rows:
        known = {"what", "ours_s", "peer_s", "ratio", "n_runs"}
        other = ", ".join(f"{k} {v:.3g}" for k, v in row.items() if k not in known)
        cells = [f"{row[k]:.3g}" if k in row else "" for k in ("ours_s", "peer_s", "ratio")]
        lines.append(f"| {row['what']} | {' | '.join(cells)} | {other} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="smaller images; not for RESULTS.md")
    parser.add_argument("--only", nargs="+", default=["2d", "3d", "live", "zarr", "import"])
    options = parser.parse_args()
    size, shape, large = (1024, (32, 128, 128), 4_000) if options.quick else (2048, (64, 256, 256), 20_000)
    parts: dict[str, Callable[[], list[Row]]] = {
        "2d": lambda: bench_2d(options.runs, size),
        "3d": lambda: bench_3d(options.runs, shape),
        "live": lambda: bench_live(options.runs),
        "zarr": lambda: bench_zarr(large),
        "import": lambda: bench_import(options.runs),
    }
    rows: list[Row] = []
    for name in options.only:
        rows += parts[name]()
        print(as_table(rows[-3:]), flush=True)
    print(as_table(rows))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"machine": describe_machine(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
