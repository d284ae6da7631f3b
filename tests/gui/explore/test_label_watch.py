"""Whatever way labels are edited, the watch tells; what leaves them as they are, it does not tell."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
from napari.layers import Labels
from qtpy.QtWidgets import QApplication

from napari_segmotif.gui.explore.image.label_watch import LabelWatch

sys.path.insert(0, str(Path(__file__).parent))

from linked_scene import label_image


@pytest.fixture
def layer(qapp: QApplication) -> Labels:
    return Labels(label_image(), name="cells", scale=(2.0, 2.0))


@pytest.fixture
def watch(layer: Labels) -> Iterator[LabelWatch]:
    watch = LabelWatch(layer)
    yield watch
    watch.stop()


def write_and_refresh(layer: Labels) -> None:
    layer.data[0, 0] = 9
    layer.refresh()


def swap_two_labels(layer: Labels) -> None:
    layer.data[:] = np.select([layer.data == 3, layer.data == 7], [7, 3], layer.data)
    layer.refresh()


def replace_data(layer: Labels) -> None:
    layer.data = label_image()[::-1].copy()


EDITS: dict[str, Callable[[Labels], object]] = {
    "paint": lambda layer: layer.paint((20, 20), 5),
    "fill": lambda layer: layer.fill((3, 3), 5),
    "data_setitem": lambda layer: layer.data_setitem((np.array([0]), np.array([0])), 5),
    "write": write_and_refresh,
    "swap": swap_two_labels,
    "replace": replace_data,
    "scale": lambda layer: setattr(layer, "scale", (1.0, 2.0)),
    "units": lambda layer: setattr(layer, "units", ("um", "um")),
    "affine": lambda layer: setattr(layer, "affine", np.diag([2.0, 2.0, 1.0])),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_edit_is_told(layer: Labels, watch: LabelWatch, edit: Callable[[Labels], object]) -> None:
    told: list[str] = []
    watch.edited.connect(told.append)
    edit(layer)
    watch.check()
    assert told
    assert told[0] == watch.reason
    assert "'cells'" in watch.reason
    assert watch.reason.endswith("measure again.")


def test_undo_and_redo_are_edits(layer: Labels) -> None:
    layer.paint((20, 20), 5)
    watch = LabelWatch(layer)  # it was painted before it was measured
    layer.undo()
    assert "undo" in watch.reason
    watch.stop()
    watch = LabelWatch(layer)
    layer.redo()
    assert watch.reason
    watch.stop()


HARMLESS: dict[str, Callable[[Labels], object]] = {
    "refresh": lambda layer: layer.refresh(),
    "contour": lambda layer: setattr(layer, "contour", 2),
    "opacity": lambda layer: setattr(layer, "opacity", 0.2),
    "colours": lambda layer: layer.new_colormap(),
    "select": lambda layer: setattr(layer, "selected_label", 7),
    "features": lambda layer: setattr(layer, "features", {"index": [3], "area": [1.0]}),
}


@pytest.mark.parametrize("act", HARMLESS.values(), ids=HARMLESS)
def test_looking_is_no_edit(layer: Labels, watch: LabelWatch, act: Callable[[Labels], object]) -> None:
    act(layer)
    watch.check()
    assert watch.reason == ""


def test_moving_is_told_but_is_no_edit(layer: Labels, watch: LabelWatch) -> None:
    moved: list[bool] = []
    watch.moved.connect(lambda: moved.append(True))
    layer.translate = (5, 6)
    layer.rotate = 30
    assert moved
    assert watch.reason == ""


def test_a_stopped_watch_hears_nothing(layer: Labels, watch: LabelWatch) -> None:
    watch.stop()
    layer.paint((20, 20), 5)
    watch.check()
    assert watch.reason == ""
    watch.stop()  # once more does no harm


def test_lazy_labels_are_not_read_for_it(qapp: QApplication) -> None:
    reads: list[int] = []

    def noted(block: np.ndarray) -> np.ndarray:
        reads.append(block.shape[0])
        return block

    lazy = da.from_array(np.stack([label_image()] * 3), chunks=(1, -1, -1)).map_blocks(noted, dtype=np.int32)
    layer = Labels(lazy)
    before = len(reads)
    watch = LabelWatch(layer)
    watch.check()
    assert len(reads) == before
    layer.data = lazy + 1
    assert watch.reason
    watch.stop()
