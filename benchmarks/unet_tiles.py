"""Whether tiles matter: an image predicted in tiles against the same image predicted at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tifffile

from napari_segmotif import ImageSource, run_job
from napari_segmotif.common.object_metrics import match_objects
from napari_segmotif.unet.objects.stitching import instances_by_blocks
from napari_segmotif.unet.segmenter import UNetSegmenter
from unet_data import DATA, Asked, split
from unet_figures import Figure, report
from unet_training import any_model

Row = dict[str, Any]
TILES = (1024, 512, 256)
BORDER = 32
BLOCK = 512  # objects are made block by block, as in an image that is larger than memory
PIECE = 0.1  # a part of an object smaller than this is no piece but a rim


def tiled(asked: Asked) -> Row:
    """Classes and objects of a mosaic of real images, in tiles of several sizes against all at once."""
    model = any_model(asked)
    image = mosaic(split(asked).evaluation, asked.n(3, 2))
    whole_maps = maps_of(model, image, image.shape)
    whole = model.decoder_(whole_maps, model.model_.heads, model.spacing_)
    rows = []
    for side in TILES:
        if side >= max(image.shape):
            continue
        found, maps = objects_in_tiles(model, image, side)
        rows.append({"tile": side} | compare(whole_maps[0] < 0.5, maps[0] < 0.5, whole, found))
        print(f"tiled, {side}: {rows[-1]}", flush=True)
    worst, same = (min(row[key] for row in rows) for key in ("equal", "same_object"))
    figures = [
        Figure("tiled against whole: equal classes away from the border", worst, 0.999, None, unit="%"),
        Figure("pixels in the same object", same, unit="%"),
        Figure("objects cut", sum(row["cut"] for row in rows), 0, None, True, "n"),
    ]
    lines = [
        f"A mosaic of {image.shape}, {int(whole.max())} objects.",
        "\n".join(
            [
                "| tiles | equal classes | away from the border | same object | objects | cut | AP at 0.9 |",
                "| --- | --- | --- | --- | --- | --- | --- |",
                *(line(row) for row in rows),
            ]
        ),
    ]
    return report(figures, lines, rows=rows)


def mosaic(names: Sequence[str], columns: int) -> np.ndarray:
    """One image (Y, X) of the images of the size that is the most frequent among the large ones."""
    images = [tifffile.imread(DATA / "images" / name) for name in names]
    large = [image for image in images if min(image.shape) > 500] or images
    shapes = [image.shape for image in large]
    usual = max(set(shapes), key=shapes.count)
    alike = [image for image in large if image.shape == usual]
    placed = [alike[k % len(alike)] for k in range(columns * columns)]
    rows = [np.hstack(placed[k : k + columns]) for k in range(0, len(placed), columns)]
    return np.vstack(rows)


def predictor(model: UNetSegmenter, image: np.ndarray, side: Sequence[int]) -> Any:
    """What says the maps of regions of an image, in tiles of a size."""
    from napari_segmotif.unet.inference.torch_inference import TilePredictor

    trained = model.model_
    return TilePredictor(
        trained.network,
        trained.heads,
        ImageSource(image, "YX"),
        2,
        strides=trained.configuration.strides,
        normalization=trained.parameters.normalization,
        tile=tuple(side),
    )


def maps_of(model: UNetSegmenter, image: np.ndarray, tile: Sequence[int]) -> Any:
    """Maps of all of an image."""
    stride = np.array(model.configuration_.total_stride)
    side = (-(-np.array(tile) // stride) * stride).tolist()
    return predictor(model, image, side).maps(0, tuple(slice(0, n) for n in image.shape))


def objects_in_tiles(model: UNetSegmenter, image: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Objects made block by block from maps made tile by tile; and these maps."""
    trained, tiles = model.model_, predictor(model, image, (side, side))
    maps = np.zeros((trained.heads.n_maps, *image.shape), np.float32)

    def read(region: tuple[slice, ...]) -> np.ndarray:
        maps[(slice(None), *region)] = tiles.maps(0, region)
        return maps[(slice(None), *region)]

    out = np.zeros(image.shape, np.int32)
    run_job(instances_by_blocks(read, image.shape, trained.decoder, trained.heads, None, out, block=BLOCK))
    return out, maps


def compare(
    classes: np.ndarray, tiled_classes: np.ndarray, whole: np.ndarray, found: np.ndarray
) -> dict[str, float]:
    """How far two predictions of an image agree."""
    equal = classes == tiled_classes
    away = equal[BORDER:-BORDER, BORDER:-BORDER]
    both, counts = np.unique(np.stack([whole.ravel(), found.ravel()]), axis=1, return_counts=True)
    sizes = np.bincount(whole.ravel())
    best = np.zeros(len(sizes), np.int64)
    np.maximum.at(best, both[0], np.where((both[0] == 0) == (both[1] == 0), counts, 0))
    pieces = (both[0] > 0) & (both[1] > 0) & (counts > PIECE * sizes[both[0]])
    return {
        "equal_everywhere": float(equal.mean()),
        "equal": float(away.mean()),
        "same_object": float(best.sum() / whole.size),
        "objects": int(found.max()),
        "cut": int((np.bincount(both[0][pieces], minlength=1) > 1).sum()),
        "ap_at_90": match_objects(whole, found, (0.9,)).average_precision[0],
    }


def line(row: Row) -> str:
    """For a table."""
    return (
        f"| {row['tile']}² | {100 * row['equal_everywhere']:.3f} % | {100 * row['equal']:.3f} % "
        f"| {100 * row['same_object']:.3f} % | {row['objects']} | {row['cut']} | {row['ap_at_90']:.4f} |"
    )


PARTS: dict[str, Callable[[Asked], Row]] = {"tiled": tiled}
