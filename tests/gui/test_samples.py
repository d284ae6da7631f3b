"""File > Open Sample: the packaged files load as layers in place, and are what the simulators make."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from napari_segmotif import open_image
from napari_segmotif.gui import samples
from napari_segmotif.gui.classes.entries import from_metadata

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "make_sample_data.py"
LOADERS = {"nuclei_2d": samples.nuclei_2d, "nuclei_3d": samples.nuclei_3d, "tissue": samples.tissue}


@pytest.fixture(params=LOADERS)
def load(request: pytest.FixtureRequest) -> Callable[[], list[samples.LayerData]]:
    return LOADERS[request.param]


def make_sample_data() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_sample_data", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_sample_is_an_image_its_ground_truth_and_scribbles_of_the_true_class(
    load: Callable[[], list[samples.LayerData]],
) -> None:
    (image, _, image_kind), (truth, hidden, _), (scribbles, painted, scribble_kind) = load()
    assert (image_kind, scribble_kind) == ("image", "labels")
    assert image.shape == truth.shape == scribbles.shape
    assert hidden["visible"] is False
    entries = from_metadata(painted["metadata"])
    assert {entry.label for entry in entries} == set(np.unique(scribbles[scribbles > 0]).tolist())
    objects = not np.array_equal(truth[scribbles > 0], scribbles[scribbles > 0])
    if objects:
        nucleus = next(entry.label for entry in entries if entry.name == "nucleus")
        np.testing.assert_array_equal(truth[scribbles > 0] > 0, scribbles[scribbles > 0] == nucleus)


def test_layers_lie_on_each_other_with_their_physical_size(
    make_napari_viewer: Callable[..., Any], load: Callable[[], list[samples.LayerData]]
) -> None:
    from napari.layers import Layer

    viewer = make_napari_viewer()
    layers = [viewer.add_layer(Layer.create(*data)) for data in load()]
    assert {str(unit) for layer in layers for unit in layer.units} == {"micrometer"}
    assert len({tuple(layer.scale) for layer in layers}) == 1
    assert all(0 < size < 2 for size in layers[0].scale)


@pytest.mark.parametrize("name", LOADERS)
def test_napari_finds_the_sample_through_the_manifest(
    make_napari_viewer: Callable[..., Any], name: str
) -> None:
    viewer = make_napari_viewer()
    layers = viewer.open_sample("napari-segmotif", name)
    assert [type(layer).__name__ for layer in layers] == ["Image", "Labels", "Labels"]


def test_the_calcium_video_comes_with_its_frame_rate_and_its_cells(
    make_napari_viewer: Callable[..., Any],
) -> None:
    viewer = make_napari_viewer()
    video, cells = viewer.open_sample("napari-segmotif", "assemblies")
    assert (type(video).__name__, type(cells).__name__) == ("Image", "Labels")
    assert video.ndim == 3
    assert cells.data.shape == video.data.shape[1:]
    np.testing.assert_allclose(video.scale[1:], cells.scale)
    assert str(video.units[0]) == "second"
    np.testing.assert_allclose(1 / video.scale[0], 15, rtol=1e-3)
    assert not cells.visible


def test_the_script_makes_the_same_pixels_again(tmp_path: Path) -> None:
    if not SCRIPT.exists():
        pytest.skip("the tests run outside the repository")
    make_sample_data().main(tmp_path)
    made = sorted(path.name for path in tmp_path.glob("*.tif"))
    assert made == sorted(path.name for path in samples.FOLDER.glob("*.tif"))
    for name in made:
        with open_image(tmp_path / name) as new, open_image(samples.FOLDER / name) as packaged:
            np.testing.assert_array_equal(np.array(new.array), np.array(packaged.array), err_msg=name)
            assert (new.axes, new.spacing, new.units) == (packaged.axes, packaged.spacing, packaged.units)
            assert new.metadata == packaged.metadata


def test_the_samples_stay_small_enough_for_a_wheel() -> None:
    assert sum(path.stat().st_size for path in samples.FOLDER.iterdir()) < 3_000_000
