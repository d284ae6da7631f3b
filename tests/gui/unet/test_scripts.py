"""Copy as Python: scripts that are run, and do what was done in the window."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari import Viewer
from napari.layers import Layer
from pytestqt.qtbot import QtBot
from unet_scene import Double, discs, docked, picture, scene, settled

from napari_segmotif.common.axes import ImageSource
from napari_segmotif.common.image_io import open_image, write_image
from napari_segmotif.common.progress import CancelToken
from napari_segmotif.gui.source_file import FileOfLayer
from napari_segmotif.gui.unet.script import Network, TrainedOn, as_python
from napari_segmotif.gui.unet.widget import UNetSegmenterWidget
from napari_segmotif.unet.learning.reports import EpochReport
from napari_segmotif.unet.segmenter import UNetSegmenter

SMALL: dict[str, Any] = {
    "width": 4, "depth": 1, "patch_size": 32, "batch_size": 2, "steps_per_epoch": 2, "n_epochs": 2,
    "device": "cpu",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def in_a_thread(what: Callable[[], Any]) -> Any:
    """Do something where jobs do it: PyTorch may use other numbers of threads on the main thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(what).result()


def run(script: str) -> None:
    exec(compile(script, "script.py", "exec"), {})


def written(folder: Path, output: str = "probabilities") -> np.ndarray:
    return tifffile.imread(folder / f"{output}.ome.tif")


def on_files(folder: Path, name: str, shape: tuple[int, ...], axes: str, spacing: Any) -> TrainedOn:
    """Write an image and its labels, and say where they are."""
    labels = discs(shape)
    tifffile.imwrite(folder / f"{name}.tif", picture(labels))
    tifffile.imwrite(folder / f"{name}_labels.tif", labels)
    files = [FileOfLayer(one, str(folder / f"{one}.tif"), axes, spacing) for one in (name, f"{name}_labels")]
    return TrainedOn((files[0],), (files[1],))


# ---- images of all kinds


def test_planes_of_a_stack_with_a_pixel_size(folder: Path) -> None:
    shape, spacing = (2, 64, 96), (2.0, 0.5, 0.5)
    on = on_files(folder, "image", shape, "ZYX", spacing)
    stack = picture(discs(shape))
    network = UNetSegmenter(**SMALL).fit(stack, discs(shape), axes="ZYX", spacing=spacing)
    assert (network.model_.axes, network.model_.spacing) == ("ZYX", (0.5, 0.5)), "of what it looks at"
    run(as_python(network.model_, on, None, None, ("probabilities",)))
    np.testing.assert_array_equal(written(folder), network.predict_proba(stack, "ZYX", spacing))
    assert UNetSegmenter.load(folder / "unet.segmotif").model_.spacing == (0.5, 0.5)

    network.save(folder / "kept.segmotif")  # and a network out of a file, where no image is chosen
    run(as_python(network.model_, None, str(folder / "kept.segmotif"), None, ("labels", "probabilities")))
    np.testing.assert_array_equal(written(folder, "labels"), network.predict(stack, "ZYX", spacing))


def test_files_of_folders_say_what_their_axes_are(folder: Path) -> None:
    shape = (2, 64, 96)
    write_image(folder / "video.ome.tif", picture(discs(shape)), axes="TYX", spacing=(0.5, 0.5))
    write_image(folder / "truth.ome.tif", discs(shape), axes="TYX", labels=True)
    files = [FileOfLayer(name, str(folder / name), "", None) for name in ("video.ome.tif", "truth.ome.tif")]
    network = UNetSegmenter(**SMALL).fit(picture(discs(shape)), discs(shape), axes="TYX", spacing=(0.5, 0.5))
    on = TrainedOn((files[0],), (files[1],))
    run(as_python(network.model_, on, None, None, ("instances", "probabilities")))
    again = UNetSegmenter.load(folder / "unet.segmotif").model_
    assert (again.axes, again.spacing) == ("TYX", (0.5, 0.5))
    video = picture(discs(shape))
    np.testing.assert_array_equal(written(folder), network.predict_proba(video, "TYX").transpose(1, 0, 2, 3))
    with open_image(folder / "instances.ome.tif") as made:
        assert (made.axes, made.spacing) == ("TYX", (0.5, 0.5))


def test_layers_that_are_read_in_several_ways(folder: Path) -> None:
    first = on_files(folder, "video", (2, 64, 96), "TYX", (0.5, 0.5))
    other = on_files(folder, "plane", (64, 96), "YX", None)
    images = [
        ImageSource(picture(discs((2, 64, 96))), "TYX", (0.5, 0.5)),
        ImageSource(picture(discs()), "YX"),
    ]
    network = UNetSegmenter(**SMALL).fit(images, [discs((2, 64, 96)), discs()])
    on = TrainedOn(first.images + other.images, first.labels + other.labels)
    run(as_python(network.model_, on, None, other.images[0], ("probabilities",)))
    np.testing.assert_array_equal(written(folder), network.predict_proba(images[1]))


# ---- what was done


def pair(viewer: Viewer, folder: Path, name: str, shape: tuple[int, ...]) -> tuple[Layer, Layer]:
    """Open an image and its labels out of files."""
    on_files(folder, name, shape, "YX", None)
    (image,) = viewer.open(folder / f"{name}.tif", plugin="napari")
    (labels,) = viewer.open(folder / f"{name}_labels.tif", plugin="napari", layer_type="labels")
    return image, labels


def choose(widget: UNetSegmenterWidget, image: Layer, labels: Layer) -> None:
    data = widget.form.data.layers
    data.image.choose(image)
    data.annotation.choose(labels)
    widget.form.data.set_annotation("instances")
    settled(widget)


@pytest.mark.parametrize("save", [False, True])
def test_train_further_is_repeated(viewer: Viewer, folder: Path, save: bool) -> None:
    first, second = pair(viewer, folder, "first", (64, 96)), pair(viewer, folder, "second", (64, 64))
    widget = docked(viewer)
    choose(widget, *first)
    widget.form.settings.set_parameters(SMALL | {"random_state": 3})
    widget.train()
    settled(widget)
    assert widget.segmenter is not None, widget.form.said
    if save:
        widget.using.keeping.save(folder / "unet.segmotif")
        settled(widget)
    choose(widget, *second)
    widget.form.settings.set_parameters(SMALL | {"learning_rate": 1e-4, "n_epochs": 1})
    widget.trainer.train_further()
    settled(widget)
    tuned = widget.segmenter
    assert len(tuned.history_) == 1, widget.form.said
    widget.form.use.predict.boxes["probabilities"].setChecked(True)
    script = widget.using.keeping.copy_as_python()
    assert ("UNetSegmenter.load(" in script) == save, "it is trained from the start where it is in no file"
    assert script.count("first.tif") == (0 if save else 1)
    for _ in range(2):  # it leaves the file alone that it loads
        in_a_thread(lambda: run(script))
        image = widget.form.use.predict.image.layer
        expected = in_a_thread(lambda: tuned.predict_proba(image.data, "YX"))  # noqa: B023 - it runs at once
        np.testing.assert_array_equal(written(folder), expected)


def test_a_network_that_was_written_over_is_not_loaded(
    viewer: Viewer, folder: Path, double: type[Double], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Double, "save", lambda self, path: path.write_bytes(b"net") and path, raising=False)
    widget, _, _ = scene(viewer)
    file = folder / "net.segmotif"
    for start in (widget.trainer.train, widget.trainer.train_further):
        start()
        settled(widget)
        script = widget.using.keeping.copy_as_python()
        widget.using.keeping.save(file)
        settled(widget)
    assert f"UNetSegmenter.load({str(file)!r})" in script
    script = widget.using.keeping.copy_as_python()
    assert str(file) not in script
    assert script.index("unet.fit(") < script.index("unet.fine_tune_job(")


def test_a_script_says_what_was_chosen_when_training_began(
    viewer: Viewer, folder: Path, double: type[Double], qtbot: QtBot
) -> None:
    first, second = pair(viewer, folder, "first", (64, 96)), pair(viewer, folder, "second", (64, 64))
    widget = docked(viewer)
    choose(widget, *first)
    double.hold = "epoch 2"
    widget.train()
    qtbot.waitUntil(double.entered.is_set, timeout=5000)
    widget.form.data.layers.image.choose(second[0])
    widget.form.data.layers.annotation.choose(second[1])
    double.go.set()
    settled(widget)
    assert paths(widget) == [str(folder / "first.tif"), str(folder / "first_labels.tif")]


def test_a_training_that_was_stopped_and_resumed_is_one_training(
    viewer: Viewer, folder: Path, double: type[Double], qtbot: QtBot
) -> None:
    first, second = pair(viewer, folder, "first", (64, 96)), pair(viewer, folder, "second", (64, 64))
    widget = docked(viewer)
    choose(widget, *first)
    double.hold = "epoch 3"
    widget.train()
    qtbot.waitUntil(lambda: double.entered.is_set() and widget.form.training._stop.isEnabled(), timeout=5000)
    widget.trainer.stop()
    qtbot.waitUntil(lambda: widget.segmenter is not None and widget.segmenter.judged == 1, timeout=10000)
    settled(widget)
    said = [paths(widget)]
    double.hold = ""
    choose(widget, *second)
    widget.trainer.resume()
    settled(widget)
    assert len(widget.segmenter.history_) == 4
    said.append(paths(widget))
    assert said == [[str(folder / "first.tif"), str(folder / "first_labels.tif")]] * 2
    assert "fine_tune_job" not in widget.using.keeping.copy_as_python()


def test_a_network_out_of_a_file_that_was_resumed(folder: Path) -> None:
    on = on_files(folder, "image", (64, 96), "YX", (0.5, 0.5))
    image, stop = picture(discs()), CancelToken()
    network = UNetSegmenter(**SMALL)
    for progress in network.fit_job(image, discs(), axes="YX", spacing=(0.5, 0.5), stop=stop):
        if isinstance(progress, EpochReport):
            stop.cancel()
    assert len(network.history_) == 1
    file = network.save(folder / "stopped.segmotif")
    start = Network.of(network.model_, None, str(file))
    whole = UNetSegmenter(**SMALL).fit(image, discs(), axes="YX", spacing=(0.5, 0.5))
    run(
        as_python(
            network.model_, replace(on, start=start, resumed=True), None, on.images[0], ("probabilities",)
        )
    )
    np.testing.assert_array_equal(written(folder), whole.predict_proba(image, "YX"))


def paths(widget: UNetSegmenterWidget) -> list[str]:
    """The files that a script trains on."""
    script = widget.using.keeping.copy_as_python()
    lists = re.findall(r"_paths = \[\n(.*?)\n\]", script, flags=re.DOTALL)
    return [line.strip().strip(",").strip("'") for one in lists for line in one.splitlines()]
