"""Keeping a network: files, packages, scripts and recipes; and what is said where something is missing."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QApplication, QFileDialog
from result_scene import Known, host, layer, squares, trained

from napari_segmotif.batch.model_recipe import ModelReference
from napari_segmotif.batch.unet_recipe import UNetRecipe
from napari_segmotif.errors import MissingExtraError
from napari_segmotif.gui.source_file import FileOfLayer
from napari_segmotif.gui.unet import applying
from napari_segmotif.gui.unet.keeping import files_of_training
from napari_segmotif.gui.unet.panels import keep_panel
from napari_segmotif.gui.unet.panels.keep_panel import KeepPanel
from napari_segmotif.gui.unet.script import TrainedOn, as_python
from napari_segmotif.unet.exchange import export_onnx

FILE = FileOfLayer("cells", "/data/cells.tif", "YX", (0.5, 0.5))
LABELS = FileOfLayer("truth", None, "YX", (0.5, 0.5))


@pytest.fixture
def panel(viewer: Viewer) -> KeepPanel:
    panel = KeepPanel()
    viewer.window.add_dock_widget(panel, name="Keep")
    panel.setFixedWidth(360)
    QApplication.processEvents()
    return panel


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read networks that tests write."""
    from napari_segmotif.unet import segmenter

    monkeypatch.setattr(segmenter, "UNetSegmenter", Known)


def click(qtbot: QtBot, widget: Any) -> None:
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton, pos=widget.rect().center())


# ---- the panel


@pytest.mark.parametrize(
    ("button", "signal", "picked", "carried"),
    [
        ("save", "save_wanted", "unet", [Path("unet.segmotif")]),
        ("load", "load_wanted", "unet.segmotif", [Path("unet.segmotif")]),
        ("take_in", "import_wanted", "zoo.zip", [Path("zoo.zip")]),
        ("to_bioimageio", "export_wanted", "zoo", ["bioimageio", Path("zoo.zip")]),
        ("to_onnx", "export_wanted", "net.onnx", ["onnx", Path("net.onnx")]),
    ],
)
def test_files_are_picked_in_a_dialog(
    panel: KeepPanel,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    button: str,
    signal: str,
    picked: str,
    carried: list[Any],
) -> None:
    panel.set_available("", no_loading="")
    chosen = iter([("", ""), (picked, "")])
    for name in ("getSaveFileName", "getOpenFileName"):
        monkeypatch.setattr(QFileDialog, name, lambda *_: next(chosen))
    with qtbot.assertNotEmitted(getattr(panel, signal)):  # the dialog was closed
        click(qtbot, getattr(panel, button))
    with qtbot.waitSignal(getattr(panel, signal)) as got:
        click(qtbot, getattr(panel, button))
    assert got.args == carried


def test_without_a_network_one_can_be_loaded(panel: KeepPanel) -> None:
    assert panel.load.isEnabled()
    assert panel.take_in.isEnabled()
    for button in (panel.save, panel.to_onnx, panel.to_bioimageio, panel.script, panel.recipe):
        assert not button.isEnabled()
        assert "train or load a network first" in button.toolTip()
    panel.set_available("", no_loading="a job is running.")
    assert not panel.load.isEnabled()
    assert panel.save.isEnabled()


def test_a_missing_package_is_named(viewer: Viewer, monkeypatch: pytest.MonkeyPatch) -> None:
    def require(*names: str) -> None:
        if "bioimageio.core" in names:
            raise MissingExtraError(
                "to export, install bioimageio.core: pip install x (got no bioimageio.core)"
            )

    monkeypatch.setattr(export_onnx, "require_packages", require)
    panel = KeepPanel()
    viewer.window.add_dock_widget(panel, name="Keep")
    panel.set_available("", no_loading="")
    assert panel.to_onnx.isEnabled()
    assert not panel.to_bioimageio.isEnabled()
    assert "To export, install bioimageio.core" in panel.to_bioimageio.toolTip()
    assert panel._why.isVisibleTo(panel)
    assert "pip install" in panel._why.text()


def test_suffixes_are_added_where_they_are_missing() -> None:
    assert keep_panel.with_suffix("a.b", ".segmotif") == Path("a.b.segmotif")
    assert keep_panel.with_suffix("a.SEGMOTIF", ".segmotif") == Path("a.SEGMOTIF")


def test_it_fits_a_narrow_dock(panel: KeepPanel) -> None:
    panel.show_text("Saved as " + "a_long_name " * 12)
    QApplication.processEvents()
    assert panel.minimumSizeHint().width() <= 360


# ---- files


def test_a_network_is_saved_with_its_recipe(viewer: Viewer, tmp_path: Path) -> None:
    viewer.add_image(squares(), name="cells")
    widget = host(viewer, Known())
    widget.predict("layer", "instances", "labels")
    path = tmp_path / "unet.segmotif"
    widget.using.keeping.save(path)
    widget.wait()
    recipe = UNetRecipe.load(tmp_path / "unet.recipe.json")
    assert recipe.checked_model() == path
    assert recipe.parameters.outputs == ("instances", "labels")
    assert widget.using.keeping.saved() == ModelReference.of(path)
    for name in ("U-Net objects", "U-Net classes"):  # what is shown already says it now, too
        assert layer(viewer, name).metadata["segmotif"]["model"] == ModelReference.of(path).model_dump()
    assert "segmotif run unet.recipe.json" in widget.use.keep._text.text()


def test_another_network_is_in_no_file(viewer: Viewer, tmp_path: Path) -> None:
    viewer.add_image(squares(), name="cells")
    widget = host(viewer, Known())
    widget.using.keeping.save(tmp_path / "unet.segmotif")
    widget.wait()
    widget.segmenter = Known()
    assert widget.using.keeping.saved() is None
    widget.predict("layer")
    assert "model" not in layer(viewer, "U-Net objects").metadata["segmotif"]


def test_a_folder_that_is_not_there(
    viewer: Viewer, tmp_path: Path, notifications: list[tuple[str, str]]
) -> None:
    widget = host(viewer, Known())
    widget.using.keeping.save(tmp_path / "nowhere" / "unet.segmotif")
    widget.wait()
    assert widget.using.keeping.saved() is None
    assert notifications


@pytest.mark.usefixtures("files")
def test_a_network_is_loaded(viewer: Viewer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    viewer.add_image(squares(), name="cells")
    path = tmp_path / "unet.segmotif"
    path.write_bytes(b"a network")
    monkeypatch.setattr(Known, "loaded", trained((0, 1, 2), objects=False, width=16))
    widget = host(viewer)
    assert not widget.use.predict.buttons["layer"].isEnabled()
    widget.using.keeping.load(path)
    widget.wait()
    widget.using.update("")
    assert widget.segmenter is not None
    assert widget.use.predict.buttons["layer"].isEnabled()
    assert widget.use.predict.wish.outputs == ("labels",)
    assert widget.use.explain.classes.count() == 3
    assert widget.form.settings.parameters().width == 16
    assert "60 epochs" in widget.use.card.text
    widget.predict("layer")
    recipe = layer(viewer, "U-Net classes").metadata["segmotif"]
    assert recipe["model"] == ModelReference.of(path).model_dump()


@pytest.mark.usefixtures("files")
def test_a_damaged_file_changes_nothing(
    viewer: Viewer, tmp_path: Path, notifications: list[tuple[str, str]]
) -> None:
    path = tmp_path / "unet.segmotif"
    path.write_bytes(b"half a net")
    known = Known()
    widget = host(viewer, known)
    widget.using.keeping.load(path)
    widget.wait()
    assert widget.segmenter is known
    assert widget.form.said == "unet.segmotif is no model (got other bytes)"
    assert any("is no model" in message for _, message in notifications)


@pytest.mark.usefixtures("files")
def test_a_package_is_imported(viewer: Viewer, tmp_path: Path) -> None:
    (tmp_path / "zoo.zip").write_bytes(b"a network")
    widget = host(viewer)
    widget.using.keeping.take_in(tmp_path / "zoo.zip")
    widget.wait()
    assert widget.segmenter is not None
    assert widget.using.keeping.saved() is None  # a recipe needs a .segmotif file
    assert widget.form.said.startswith("Imported zoo.zip.")


@pytest.mark.parametrize("kind", ["bioimageio", "onnx"])
def test_a_network_is_exported(viewer: Viewer, tmp_path: Path, kind: str) -> None:
    widget = host(viewer, Known())
    widget.using.keeping.export(kind, tmp_path / "net")
    widget.wait()
    assert (tmp_path / "net").read_bytes() == b"onnx"
    assert widget.use.keep._text.text().startswith("Written: net.")


def test_an_export_that_lacks_a_package(
    viewer: Viewer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notifications: list[tuple[str, str]]
) -> None:
    monkeypatch.setattr(Known, "missing", True)
    widget = host(viewer, Known())
    widget.using.keeping.export("onnx", tmp_path / "net.onnx")
    widget.wait()
    assert "pip install" in widget.form.said
    assert not (tmp_path / "net.onnx").exists()


# ---- scripts and recipes


def clipboard() -> str:
    board = QGuiApplication.clipboard()
    return "" if board is None else board.text()


def test_the_recipe_is_copied(viewer: Viewer, tmp_path: Path) -> None:
    viewer.add_image(squares(), name="cells")
    widget = host(viewer, Known())
    widget.use.keep.recipe_wanted.emit()
    assert "model" not in json.loads(clipboard())
    assert "names no file yet" in widget.form.said
    widget.using.keeping.save(tmp_path / "unet.segmotif")
    widget.wait()
    widget.use.keep.recipe_wanted.emit()
    assert UNetRecipe.model_validate_json(clipboard()).model.path == str(tmp_path / "unet.segmotif")
    assert "names no file yet" not in widget.form.said


def test_a_script_of_a_training(viewer: Viewer, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "cells.tif", squares())
    (image,) = viewer.open(tmp_path / "cells.tif", plugin="napari")
    viewer.add_labels((squares() > 100).astype(np.int32), name="truth")
    widget = host(viewer, Known(trained(width=8, n_epochs=3)))
    files = files_of_training(widget.bench)
    assert files is not None
    widget.using.keeping.note_training(files)
    widget.use.keep.script_wanted.emit()
    script = clipboard()
    ast.parse(script)
    assert f"image_paths = [\n    {str(tmp_path / 'cells.tif')!r},\n]" in script
    assert "# layer 'truth' is in no file yet" in script
    assert "UNetSegmenter(width=8, n_epochs=3)" in script.replace(
        "n_epochs=3, width=8", "width=8, n_epochs=3"
    )
    assert "predict_instances(" in script
    assert image.name == "cells"
    widget.segmenter = Known()  # another network, of whose training nothing is known
    widget.use.keep.script_wanted.emit()
    assert "UNetSegmenter.load('unet.segmotif')  # the network is in no file yet" in clipboard()


def test_without_a_network_nothing_is_copied(viewer: Viewer) -> None:
    widget = host(viewer)
    assert widget.using.keeping.copy_as_python() == ""
    assert widget.using.keeping.copy_recipe() == ""
    assert files_of_training(widget.bench) is None


@pytest.mark.parametrize("trained_on", [None, TrainedOn((FILE,), (LABELS,))])
@pytest.mark.parametrize("outputs", [("instances",), ("labels", "probabilities", "uncertainty")])
def test_scripts_are_python(trained_on: TrainedOn | None, outputs: tuple[str, ...]) -> None:
    model = trained((0, 1, 2), objects=False)
    script = as_python(model, trained_on, "unet.segmotif", FILE, outputs, augment=True, uncertainty="dropout")
    ast.parse(script)
    assert script.count("write_image(") == len(outputs)
    assert script.count("augment=True") == len(outputs)
    assert ("method='dropout'" in script) == ("uncertainty" in outputs)
    assert ("unet.fit(" in script) == (trained_on is not None)


def test_a_script_gives_the_same_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_segmotif.unet.segmenter import UNetSegmenter

    image, labels = squares((64, 96)), (squares((64, 96)) > 100).astype(np.int32)
    image_path, label_path = tmp_path / "image.tif", tmp_path / "truth.tif"
    tifffile.imwrite(image_path, image)
    tifffile.imwrite(label_path, labels)
    small = {"width": 4, "depth": 1, "patch_size": 32, "batch_size": 2, "steps_per_epoch": 2, "n_epochs": 1}
    network = UNetSegmenter(**small, device="cpu").fit(image, labels, "semantic", "YX")
    files = [FileOfLayer("a", str(path), "YX", None) for path in (image_path, label_path)]
    on = TrainedOn((files[0],), (files[1],))
    script = as_python(network.model_, on, None, files[0], ("labels", "probabilities"))
    monkeypatch.chdir(tmp_path)
    exec(compile(script, "script.py", "exec"), {})
    written = tifffile.imread(tmp_path / "probabilities.ome.tif")
    np.testing.assert_array_equal(written, network.predict_proba(image, "YX"))
    assert (tmp_path / "unet.segmotif").is_file()


def test_jobs_say_what_they_do(tmp_path: Path) -> None:
    from napari_segmotif.common.progress import CancelToken

    job = applying.export(Known(), "onnx", tmp_path / "net.onnx", CancelToken())  # type: ignore[arg-type]
    assert next(job).message == "writing net.onnx, and checking it"
    job.close()
    assert not (tmp_path / "net.onnx").exists()
