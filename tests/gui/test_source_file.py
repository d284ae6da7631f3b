"""Which axes a recipe has to name, so that the same file is read alike again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari import Viewer
from napari.layers import Image

from napari_segmotif import write_image
from napari_segmotif.batch.pairs import open_source
from napari_segmotif.gui.layers import snapshot_image
from napari_segmotif.gui.pixel.recipe import describe
from napari_segmotif.gui.pixel.session import Session
from napari_segmotif.gui.source_file import file_of

Pixels = np.ndarray[Any, Any]

STACK = np.random.default_rng(0).integers(0, 255, (3, 2, 6, 16, 20), dtype=np.uint8)


def imagej(path: Path, array: Pixels, axes: str) -> None:
    tifffile.imwrite(path, array, imagej=True, metadata={"axes": axes})


def ome(path: Path, array: Pixels, axes: str) -> None:
    tifffile.imwrite(path, array, photometric="minisblack", metadata={"axes": axes})


def plain(path: Path, array: Pixels, _axes: str) -> None:
    tifffile.imwrite(path, array, photometric="minisblack")


def colours(path: Path, array: Pixels, _axes: str) -> None:
    tifffile.imwrite(path, np.moveaxis(array, 0, -1), photometric="rgb")


def ours(path: Path, array: Pixels, axes: str) -> None:
    write_image(path, array, axes=axes)


def numpy(path: Path, array: Pixels, _axes: str) -> None:
    np.save(path, array)


@pytest.mark.parametrize(
    ("write", "name", "array", "axes", "recorded"),
    [
        (imagej, "a.tif", STACK[0, 0], "TYX", "ZYX"),  # planes that a program stored as times
        (imagej, "a.tif", STACK[0, 0], "ZYX", None),
        (imagej, "a.tif", STACK[0], "ZCYX", "TZYX"),
        (ours, "a.ome.tif", STACK[0, 0], "TYX", "ZYX"),
        (ours, "a.ome.tif", STACK[0, 0], "ZYX", None),
        (ome, "a.ome.tif", STACK[0], "ZTYX", "TZYX"),  # brought to TZYX where its own axes are believed
        (ome, "a.ome.tif", STACK, "CZTYX", "TCZYX"),
        (plain, "a.tif", STACK[0, 0, 0], "YX", None),
        (plain, "a.tif", STACK[0, 0], "ZYX", None),
        (plain, "a.tif", STACK[0], "TZYX", "TZYX"),  # else those of the training would be taken
        (colours, "a.tif", np.tile(STACK[:, 0, 0], (1, 4, 4)), "YXC", None),
        (numpy, "a.npy", STACK[0, 0, 0], "YX", None),
        (numpy, "a.npy", STACK[0, 0], "ZYX", "ZYX"),
    ],
)
def test_a_recipe_reads_the_file_as_the_window_did(
    viewer: Viewer, tmp_path: Path, write: Any, name: str, array: Pixels, axes: str, recorded: str | None
) -> None:
    """Nobody chose any axes: they are what the window makes of what napari's own reader left of them."""
    path = tmp_path / name
    write(path, array, axes)
    (layer,) = viewer.open(str(path), plugin="napari")
    assert isinstance(layer, Image)
    seen = snapshot_image(layer).to_source()
    recipe = describe(Session(), 0, file_of(layer, seen), ("labels",))
    assert recipe.parameters.axes == recorded
    trained_on = {"YX": "YX", "YXC": "YXC"}.get(seen.axes, "CTZYX"[-len(seen.axes) :].replace("ZYX", "CYX"))
    opened, again = open_source(path, recipe.parameters.axes, None, likely_axes=trained_on)
    with opened:
        assert again.axes == seen.axes
        np.testing.assert_array_equal(np.asarray(again.array[...]), np.asarray(seen.array))


def test_a_file_that_was_written_again_is_looked_at_again(viewer: Viewer, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    recorded = []
    for stored, array in (("ZYX", STACK[0, 0]), ("TYX", STACK[0, 0, :5])):
        imagej(path, array, stored)
        (layer,) = viewer.open(str(path), plugin="napari")
        recorded.append(file_of(layer, snapshot_image(layer).to_source()).axes_chosen)
    assert recorded == [False, True]


def test_axes_of_a_part_are_not_those_of_the_file(viewer: Viewer, tmp_path: Path) -> None:
    """With them the file could not be read: it has an axis more."""
    imagej(tmp_path / "a.tif", STACK[0, 0, :3], "CYX")
    layers = viewer.open(str(tmp_path / "a.tif"), plugin="napari", channel_axis=0)
    assert [file_of(layer, snapshot_image(layer).to_source()).axes_chosen for layer in layers] == [False] * 3


def test_a_file_that_only_napari_reads_has_nothing_recorded(viewer: Viewer, tmp_path: Path) -> None:
    viewer.add_image(STACK[0, 0, 0]).save(str(tmp_path / "a.png"))
    (layer,) = viewer.open(str(tmp_path / "a.png"), plugin="napari")
    file = file_of(layer, snapshot_image(layer).to_source())
    assert file.path == str(tmp_path / "a.png")
    assert not file.axes_chosen
