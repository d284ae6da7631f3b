"""What the tests of the link share: label images with known objects, their tables, and a mouse."""

from __future__ import annotations

import types
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from napari import Viewer
from napari.layers import Labels
from napari.utils._proxies import ReadOnlyWrapper
from napari.utils.interactions import mouse_move_callbacks, mouse_press_callbacks, mouse_release_callbacks
from numpy.typing import NDArray
from qtpy.QtWidgets import QApplication
from skimage.measure import regionprops_table

from napari_segmotif.gui.explore.image.image_link import ImageLink

SHAPE = (48, 60)


def label_image(dtype: Any = np.int32) -> NDArray[Any]:
    """Twelve rectangles of several sizes with gaps in their labels; some touch, one has two parts."""
    labels = np.zeros(SHAPE, dtype)
    names = [3, 7, 8, 21, 22, 23, 40, 41, 60, 61, 90, 101]
    for place, label in enumerate(names):
        row, column = divmod(place, 4)
        top, left = 2 + 16 * row, 2 + 14 * column
        labels[top : top + 6 + row, left : left + 8 + place % 4] = label
    labels[40:44, 54:58] = 8  # far away from its first part
    return labels


def volume(dtype: Any = np.int32) -> NDArray[Any]:
    """Five planes (Z, Y, X); objects span two to four of them."""
    labels = np.zeros((5, *SHAPE), dtype)
    flat = label_image(dtype)
    labels[1:3] = flat
    labels[3] = np.where(flat > 40, flat, 0)
    return labels


def movie(dtype: Any = np.int32) -> NDArray[Any]:
    """Four frames (T, Y, X): the same objects, a pixel further in each, so that none is mistaken."""
    return np.stack([np.roll(label_image(dtype), shift, axis=1) for shift in range(4)])


def table_of(labels: NDArray[Any], roi_id: str = "", frame: int = 0) -> pd.DataFrame:
    """The table of one frame, ascending by label."""
    measured = regionprops_table(labels, properties=("label", "area", "centroid", "bbox"))
    return pd.DataFrame({"roi_id": roi_id, "frame": frame, **measured}).assign(
        index=measured["label"], cluster=1 + np.arange(len(measured["label"])) % 3
    )


def table_of_movie(frames: NDArray[Any], roi_id: str = "") -> pd.DataFrame:
    return pd.concat([table_of(one, roi_id, t) for t, one in enumerate(frames)], ignore_index=True)


def with_background(table: pd.DataFrame) -> pd.DataFrame:
    """A table whose first row is the background."""
    first = table.iloc[[0]].assign(label=0, index=0, area=1e6)
    return pd.concat([first, table], ignore_index=True)


def shuffled(table: pd.DataFrame) -> pd.DataFrame:
    return table.sample(frac=1.0, random_state=1)


def lacking(table: pd.DataFrame) -> pd.DataFrame:
    """A table that lacks three objects."""
    return table[~table["label"].isin([7, 22, 101])].reset_index(drop=True)


def filtered(table: pd.DataFrame) -> pd.DataFrame:
    """The larger half of the objects, sorted by size, with the index of the whole table."""
    return table[table["area"] >= table["area"].median()].sort_values("area", ascending=False)


def plain(table: pd.DataFrame) -> pd.DataFrame:
    return table


FIXTURES = (plain, with_background, shuffled, lacking, filtered)


def settle() -> None:
    """Let napari and the link do what they put off."""
    for _ in range(3):
        QApplication.processEvents()


def drawn(layer: Labels | None) -> NDArray[np.uint8]:
    """What a layer shows: the codes of the plane that napari has uploaded."""
    assert layer is not None
    assert layer.visible
    return np.asarray(layer._slice.image.raw)


def lit(link: ImageLink, roi_id: str = "") -> NDArray[np.bool_]:
    """The pixels of the shown plane that are marked as selected or current."""
    settle()
    return drawn(link.selection_layer(roi_id)) > 0


def mouse(
    viewer: Viewer,
    kind: str,
    world: Sequence[float],
    pos: Sequence[float],
    modifiers: Sequence[str] = (),
    button: int = 1,
) -> None:
    """Hand one event of the mouse to the viewer and its active layer, as napari's canvas does."""
    position = np.array(viewer.dims.point, dtype=float)
    position[len(position) - len(world) :] = world
    event = types.SimpleNamespace(
        type=kind, position=tuple(position), pos=np.array(pos, dtype=float), button=button, buttons=[button],
        modifiers=tuple(modifiers), is_dragging=kind == "mouse_move", handled=False, inverted=False,
        view_direction=None, up_direction=None, camera_zoom=viewer.scene.camera.zoom,
        dims_displayed=list(viewer.dims.displayed), dims_point=list(viewer.dims.point), native=None,
    )  # fmt: skip
    wrapped = ReadOnlyWrapper(event, exceptions=("handled",))
    callbacks = {
        "mouse_press": mouse_press_callbacks,
        "mouse_move": mouse_move_callbacks,
        "mouse_release": mouse_release_callbacks,
    }[kind]
    callbacks(viewer, wrapped)
    active = viewer.layers.selection.active
    if active is not None:
        callbacks(active, wrapped)


def drag(
    viewer: Viewer,
    layer: Labels,
    stops: Sequence[Sequence[float]],
    modifiers: Sequence[str] = (),
    button: int = 1,
) -> None:
    """Press at the first pixel, move through the others, release at the last."""
    worlds = [np.asarray(layer.data_to_world(stop), dtype=float) for stop in stops]
    screens = [20.0 * np.asarray(stop, dtype=float)[-2:] for stop in stops]
    mouse(viewer, "mouse_press", worlds[0], screens[0], modifiers, button)
    for world, screen in zip(worlds[1:], screens[1:], strict=True):
        mouse(viewer, "mouse_move", world, screen, modifiers, button)
    mouse(viewer, "mouse_release", worlds[-1], screens[-1], modifiers, button)
    settle()


def click(
    viewer: Viewer, layer: Labels, point: Sequence[float], modifiers: Sequence[str] = (), button: int = 1
) -> None:
    """Click on a pixel of a layer."""
    drag(viewer, layer, [point], modifiers, button)


def middle(labels: NDArray[Any], label: int) -> tuple[int, ...]:
    """A pixel of an object."""
    places = np.argwhere(labels == label)
    return tuple(int(one) for one in places[len(places) // 3])


def rows_with(
    table: pd.DataFrame, labels: Sequence[int], frame: int = 0, roi_id: str = ""
) -> NDArray[np.bool_]:
    """Which rows are of these objects; found in the plainest way, one row after the other."""
    wanted = {(roi_id, frame, label) for label in labels if label > 0}
    keys = zip(table["roi_id"], table["frame"], table["label"], strict=True)
    return np.array([key in wanted for key in keys])
