from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_segmotif import (
    AnnotationError,
    AxesError,
    InputError,
    PixelClassifier,
    PixelFeatures,
    run_job,
    write_image,
)
from napari_segmotif.batch.pairs import Pair, match_pairs, open_source, stem
from napari_segmotif.batch.pixel_training import train_iter
from napari_segmotif.common.axes import ImageSource


def touch(folder: Path, *names: str) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / name for name in names]
    for path in paths:
        path.write_bytes(b"x")
    return paths


def test_single_files_are_paired_in_their_order(tmp_path: Path) -> None:
    a, b = touch(tmp_path, "a.tif", "b.tif")
    s, t = touch(tmp_path, "one.tif", "two.tif")
    assert match_pairs([b, a], [s, t]) == ([Pair(b, s), Pair(a, t)], [])


def test_folders_are_paired_by_the_longest_name(tmp_path: Path) -> None:
    images = touch(tmp_path / "images", "cells.tif", "cells_1.ome.tif", "cells_2.tif", "other.tif")
    annotations = touch(tmp_path / "painted", "cells_1.tif", "cells_painted.tif", "cells_2-scribbles.h5")
    pairs, alone = match_pairs([tmp_path / "images"], [tmp_path / "painted"])
    assert pairs == [
        Pair(images[0], annotations[1]),
        Pair(images[1], annotations[0]),
        Pair(images[2], annotations[2]),
    ]
    assert alone == [images[3]]


def test_images_and_annotations_may_share_a_folder(tmp_path: Path) -> None:
    a, b, painted = touch(tmp_path, "a.tif", "b.tif", "a_scribbles.tif")
    assert match_pairs([tmp_path], [tmp_path / "*_scribbles.tif"]) == ([Pair(a, painted)], [b])


@pytest.mark.parametrize(
    ("images", "annotations", "complaint"),
    [
        (["a.tif", "b.tif"], ["c.tif"], "belongs to no image"),
        (["a.tif", "b.tif"], ["ab.tif"], "belongs to no image"),
        (["a.tif", "a.h5"], ["a_x.tif"], "several images"),
        (["a.tif", "b.tif"], ["a_x.tif", "a_y.tif", "b.npy"], "one annotation"),
    ],
)
def test_pairs_that_are_not_clear_are_refused(
    tmp_path: Path, images: list[str], annotations: list[str], complaint: str
) -> None:
    touch(tmp_path / "images", *images)
    touch(tmp_path / "painted", *annotations)
    with pytest.raises(InputError, match=complaint):
        match_pairs([tmp_path / "images"], [tmp_path / "painted"])


def test_stems() -> None:
    assert stem(Path("x/cells.ome.tif")) == "cells"
    assert stem(Path("cells.ome.zarr")) == "cells"
    assert stem(Path("cells.v2.tif")) == "cells.v2"
    assert stem(Path("cells.h5:/raw/t0")) == "cells_raw_t0"


def test_axes_of_the_training_are_taken_where_a_file_does_not_say(tmp_path: Path) -> None:
    np.save(tmp_path / "two_channels.npy", np.zeros((2, 30, 40), np.uint8))
    _, source = open_source(tmp_path / "two_channels.npy", None, None, likely_axes="CYX")
    assert (source.axes, source.n_channels) == ("CYX", 2)
    _, source = open_source(tmp_path / "two_channels.npy", "TYX", (0.5, 0.5), likely_axes="CYX")
    assert (source.axes, source.spacing) == ("TYX", (0.5, 0.5))


def test_files_train_as_arrays_do(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (60, 70, 3), dtype=np.uint8)
    image[:, 35:, 0] //= 4
    annotation = np.zeros((60, 70), np.uint8)
    annotation[10:14, 5:25], annotation[10:14, 45:65] = 1, 2
    write_image(tmp_path / "image.tif", image, axes="YXC")
    write_image(tmp_path / "painted.npy", annotation, axes="YX")
    features = PixelFeatures(sigmas=(1.0,))
    pair = Pair(tmp_path / "image.tif", tmp_path / "painted.npy")
    trained = run_job(train_iter(PixelClassifier(features, n_estimators=5), [pair]))
    expected = PixelClassifier(features, n_estimators=5).fit(image, annotation)
    assert trained.feature_names_[0] == "red: gaussian σ=1"
    np.testing.assert_array_equal(trained.predict_proba(image), expected.predict_proba(image))


def test_an_annotation_of_another_shape_is_named(tmp_path: Path) -> None:
    write_image(tmp_path / "image.tif", np.zeros((20, 30), np.uint8), axes="YX")
    write_image(tmp_path / "painted.tif", np.ones((20, 31), np.uint8), axes="YX")
    pair = Pair(tmp_path / "image.tif", tmp_path / "painted.tif")
    with pytest.raises(AnnotationError, match=r"painted\.tif must have the shape .*\(20, 30\)"):
        run_job(train_iter(PixelClassifier(), [pair]))


@pytest.mark.parametrize(
    ("axes", "shape", "painted"),
    [
        ("TZYX", (2, 5, 20, 30), (2, 5, 20, 30)),
        ("TCYX", (2, 2, 20, 30), (2, 1, 20, 30)),  # as the window makes it: with one plane for all channels
        ("TCYX", (2, 2, 20, 30), (2, 20, 30)),
        ("ZCYX", (5, 2, 20, 30), (5, 1, 20, 30)),
        ("TCZYX", (2, 2, 5, 20, 30), (2, 1, 5, 20, 30)),
        ("TCZYX", (2, 2, 5, 20, 30), (2, 5, 20, 30)),
        ("TZCYX", (2, 5, 2, 20, 30), (2, 5, 1, 20, 30)),
    ],
)
@pytest.mark.parametrize("kind", ["tif", "npy"])
def test_annotations_that_do_not_say_what_their_axes_are(
    tmp_path: Path, axes: str, shape: tuple[int, ...], painted: tuple[int, ...], kind: str
) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, shape, dtype=np.uint8)
    image[..., 15:] //= 4
    annotation = np.zeros(painted, np.uint8)
    annotation[..., 3:6, 2:12], annotation[..., 3:6, 18:28] = 1, 2
    if axes == "TCZYX":
        write_image(tmp_path / "image.tif", image, axes=axes)
    else:
        tifffile.imwrite(tmp_path / "image.tif", image, imagej=True, metadata={"axes": axes})
    if kind == "tif":  # as napari's own writer does
        tifffile.imwrite(tmp_path / "painted.tif", annotation, compression="zlib")
    else:
        np.save(tmp_path / "painted.npy", annotation)
    features = PixelFeatures(sigmas=(1.0,))
    pair = Pair(tmp_path / "image.tif", tmp_path / f"painted.{kind}")
    trained = run_job(train_iter(PixelClassifier(features, n_estimators=5), [pair]))
    source = ImageSource.of(image, axes)
    expected = PixelClassifier(features, n_estimators=5)
    expected.fit(source, annotation.reshape(source.output_shape))
    assert trained.axes_ == axes
    np.testing.assert_array_equal(trained.predict_proba(source), expected.predict_proba(source))


def test_an_annotation_with_a_plane_for_each_channel_is_named(tmp_path: Path) -> None:
    write_image(tmp_path / "image.tif", np.zeros((2, 3, 20, 30), np.uint8), axes="TCYX")
    for shape, got in (
        ((2, 2, 20, 30), r"\(2, 2, 20, 30\)"),
        ((2, 1, 1, 1, 20, 30), "another number of axes"),
    ):
        tifffile.imwrite(tmp_path / "painted.tif", np.ones(shape, np.uint8), photometric="minisblack")
        pair = Pair(tmp_path / "image.tif", tmp_path / "painted.tif")
        with pytest.raises(AnnotationError, match=rf"painted\.tif must have .*\(2, 20, 30\) \(got {got}"):
            run_job(train_iter(PixelClassifier(), [pair]))


def test_axes_of_the_training_are_taken_where_a_tiff_does_not_say(tmp_path: Path) -> None:
    path = tmp_path / "plain.tif"
    tifffile.imwrite(path, np.zeros((2, 5, 20, 30), np.uint8), photometric="minisblack")
    opened, source = open_source(path, None, None, likely_axes="TZYX")
    with opened:
        assert source.axes == "TZYX"
    with pytest.raises(AxesError, match=r"plain\.tif does not name its axes.*pass axes"):
        open_source(path, None, None, likely_axes="YX")
