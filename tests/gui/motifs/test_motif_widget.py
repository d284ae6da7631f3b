"""The Motif detector in a real viewer: from the video to the layers, and what the user is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
from motif_scene import STARTS, Double, F, T, X, Y, cells, docked, finished, layer, names, video
from napari import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QApplication

from napari_segmotif.batch.motif_recipe import MotifRecipe
from napari_segmotif.gui.motifs.colors import GREY
from napari_segmotif.gui.motifs.widget import MotifDetectorWidget
from napari_segmotif.gui.results import is_result
from napari_segmotif.motifs.parameters import MotifParameters

Ran = tuple[MotifDetectorWidget, Any]


def test_a_run_shows_its_motifs_with_their_p_values(viewer: Viewer, ran: Ran) -> None:
    widget, _ = ran
    assert names(viewer) == [
        "calcium",
        "Mean image",
        "All motifs",
        "Motif 3 (p = .40)",
        "Motif 2 (p = .004)",
        "Motif 1 (p = .001)",
        "Occurrences",
    ]
    assert widget.form.motifs.said == "3 motifs, 2 of them significant (p ≤ .004); 5 occurrences."
    assert widget.form.said == widget.form.motifs.said
    assert layer(viewer, "All motifs").visible
    assert layer(viewer, "Mean image").visible
    assert all(is_result(one) for one in viewer.layers[1:])
    assert widget.form.video.layer.layers == (viewer.layers[0],)  # results are no videos to choose
    recipe = layer(viewer, "Motif 1").metadata["segmotif"]
    assert recipe["tool"] == "motifs"
    assert recipe["parameters"]["settings"]["motif_length"] == F


def test_the_map_has_each_motif_in_its_colour_where_its_cells_are(viewer: Viewer, ran: Ran) -> None:
    widget, _ = ran
    assert widget.found is not None
    shown = layer(viewer, "All motifs")
    assert shown.rgb
    for motif in range(2):
        place = cells() // 10 == motif + 1
        color = widget.found.colors[motif]
        rgb = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        np.testing.assert_allclose(shown.data[place], np.tile([*rgb, 1], (place.sum(), 1)), atol=1e-6)
    assert not shown.data[cells() == 0, 3].any()
    assert widget.found.colors[2] == GREY
    widget.form.motifs.table.table.item(1, 0).setCheckState(widget_unchecked())
    assert not shown.data[cells() // 10 == 2, 3].any()
    assert shown.data[cells() // 10 == 1, 3].all()


def test_the_map_can_show_the_order_of_firing(viewer: Viewer, ran: Ran) -> None:
    widget, _ = ran
    widget.form.motifs._order.click()
    shown = layer(viewer, "All motifs").data
    first, last = shown[cells() == 10][0], shown[cells() == 12][0]
    assert first[2] > first[0]  # blue
    assert last[0] > last[2]  # red
    assert not shown[cells() == 99, 3].any()
    widget.form.motifs._order.click()
    assert not np.array_equal(layer(viewer, "All motifs").data, shown)


def widget_unchecked() -> Any:
    from qtpy.QtCore import Qt

    return Qt.CheckState.Unchecked


def test_layers_lie_on_the_video(viewer: Viewer, ran: Ran) -> None:
    _, source = ran
    for name in ("All motifs", "Mean image"):
        np.testing.assert_allclose(layer(viewer, name).scale, (0.5, 0.5))
        np.testing.assert_allclose(layer(viewer, name).translate, (3, 4))
    film = layer(viewer, "Motif 2")
    start = STARTS[1][0]
    np.testing.assert_allclose(film.data_to_world((0, 5, 6)), source.data_to_world((start, 5, 6)))
    assert film.data.shape == (F, Y, X)


def test_a_ring_is_seen_as_long_as_its_motif_is_played(viewer: Viewer, ran: Ran) -> None:
    points = layer(viewer, "Occurrences")
    first = points.features.drop_duplicates(["motif", "frame"])
    assert sorted(zip(first["motif"], first["frame"], strict=True)) == sorted(
        (motif + 1, start) for motif, starts in STARTS.items() for start in starts
    )
    np.testing.assert_allclose(first["time"], first["frame"] / 30.0)
    np.testing.assert_allclose(first["amplitude"], 0.9, rtol=1e-6)
    own = points.features["frame"].to_numpy() == STARTS[1][0]
    length = 6  # the last cell fires in the sixth frame
    assert sorted(points.data[own, 0]) == [STARTS[1][0] + offset for offset in range(length)]
    assert points.data[:, 0].max() < T  # none after the end of the video
    middle = np.argwhere(cells() // 10 == 2).mean(axis=0)
    np.testing.assert_allclose(points.data[own][0, 1:], middle)
    assert points.shown.all()


def test_a_click_jumps_to_the_frame_and_puts_the_motif_there(viewer: Viewer, ran: Ran) -> None:
    widget, source = ran
    widget.form.activations.frame_clicked.emit(90)
    assert viewer.dims.current_step[0] == 90
    film = layer(viewer, "Motif 2")
    np.testing.assert_allclose(film.data_to_world((0, 0, 0)), source.data_to_world((90, 0, 0)))
    assert film.visible
    assert layer(viewer, "Occurrences").visible
    assert not layer(viewer, "Mean image").visible  # the video can be seen
    widget.form.occurrences.frame_clicked.emit(112)  # is cut off by the end of the video
    film = layer(viewer, "Motif 1")
    assert len(film.data) == F  # eight frames are left
    assert viewer.dims.current_step[0] == 112
    assert viewer.dims.nsteps[0] == T


def test_play_shows_the_motif_alone_and_stop_brings_all_back(viewer: Viewer, ran: Ran, qtbot: QtBot) -> None:
    widget, _ = ran
    viewer.dims.set_current_step(0, 77)
    before = {one.name: one.visible for one in viewer.layers}
    button = widget.form.motifs.table.button(1)
    button.click()
    film = layer(viewer, "Motif 2")
    assert [one for one in viewer.layers if one.visible] == [film]
    seen = set()

    def all_frames_seen() -> bool:
        seen.add(viewer.dims.current_step[0])
        return len(seen) == F

    qtbot.waitUntil(all_frames_seen, timeout=5000)
    assert seen == set(range(STARTS[1][0], STARTS[1][0] + F))
    assert button.text() == "Stop"
    button.click()
    assert {one.name: one.visible for one in viewer.layers} == before
    assert viewer.dims.current_step[0] == 77
    assert button.text() == "Play"


def test_reconstruction_and_residual_are_lazy_and_right(viewer: Viewer, ran: Ran) -> None:
    widget, source = ran
    widget.form.motifs._reconstruction.click()
    widget.form.motifs._residual.click()
    explained, left = layer(viewer, "Reconstruction"), layer(viewer, "Residual")
    assert isinstance(explained.data, da.Array)
    assert isinstance(left.data, da.Array)
    np.testing.assert_allclose(np.asarray(explained.data + left.data), source.data, atol=1e-6)
    place = cells() == 10
    assert explained.data[11].compute()[place].min() > 1.2  # the first cell fires in frame 10 + 1
    assert explained.data[16].compute()[place].max() < 0.7
    np.testing.assert_allclose(left.scale, source.scale)
    widget.form.motifs._residual.click()
    assert "Residual" not in names(viewer)
    viewer.layers.remove(explained)
    assert not widget.form.motifs._reconstruction.isChecked()


def test_cells_are_coloured_by_their_motif(viewer: Viewer, ran: Ran) -> None:
    widget, _ = ran
    labels = viewer.add_labels(cells(), name="cells", scale=(0.5, 0.5), translate=(3, 4))
    widget.form.cell_layer.choose(labels)
    finished(widget)
    shown = layer(viewer, "Cells by motif")
    np.testing.assert_array_equal(shown.data, np.where(cells() < 30, cells() // 10, 0))
    assert widget.found is not None
    assert shown.colormap.color_dict[2] == pytest.approx(
        [*(int(widget.found.colors[1][i : i + 2], 16) / 255 for i in (1, 3, 5)), 1], abs=1e-6
    )
    assert "6 of 7 cells" in widget.form.cells_said.text()
    orders = {one.motif: one.labels.tolist() for one in widget.found.orders}
    assert orders[0] == [10, 11, 12]  # in the order in which they fire
    np.testing.assert_allclose(shown.scale, (0.5, 0.5))
    viewer.layers.remove(labels)
    assert "Cells by motif" not in names(viewer)


def test_cells_that_do_not_fit_are_refused_in_words(viewer: Viewer, ran: Ran) -> None:
    widget, _ = ran
    small = viewer.add_labels(np.ones((5, 5), np.uint8), name="small")
    widget.form.cell_layer.choose(small)
    finished(widget)
    assert "24 × 32 (got shape (5, 5))" in widget.form.cells_said.text()
    widget.run()
    finished(widget)
    assert widget.found is not None
    assert not widget.found.orders


def test_a_second_run_takes_the_place_of_the_first(viewer: Viewer, ran: Ran, double: type[Double]) -> None:
    widget, _ = ran
    layer(viewer, "Motif 1").name = "my favourite"
    double.p_values = (0.02,)
    widget.run()
    finished(widget)
    assert [one for one in names(viewer) if one.startswith("Motif")] == ["Motif 1 (p = .020)"]
    assert "my favourite" in names(viewer)  # renamed: the user's
    assert widget.form.motifs.said == "1 motif, significant (p = .020); 3 occurrences."


def test_nothing_significant_is_said_with_what_to_do(viewer: Viewer, double: type[Double]) -> None:
    viewer.add_image(video(), name="calcium")
    widget = docked(viewer)
    double.p_values = (0.3, 0.7)
    widget.run()
    finished(widget)
    assert widget.form.motifs.said == "No motif is significant: record longer."
    assert not layer(viewer, "Motif 1").visible
    assert not layer(viewer, "All motifs").data[..., 3].any()
    double.p_values = ()
    widget.run()
    finished(widget)
    assert names(viewer) == ["calcium", "Mean image"]
    assert "No motif is significant" in widget.form.said


def test_preview_looks_at_a_part_and_says_so(viewer: Viewer, double: type[Double]) -> None:
    wide = np.tile(np.tile(video(), (6, 1, 1)), (1, 6, 6))  # 720 frames of 144 × 192
    source = viewer.add_image(wide, name="wide", scale=(1, 2, 2))
    widget = docked(viewer)
    widget.run()
    finished(widget)
    whole = widget.found
    widget.preview()
    finished(widget)
    assert widget.form.said.startswith("Preview of 96 × 96 px, the first 600 of 720 frames:")
    assert widget.found is not None
    assert widget.found.crop is not None
    _, rows, columns = widget.found.crop.region
    mean = layer(viewer, "preview · Mean image")
    assert mean.data.shape == (96, 96)
    np.testing.assert_allclose(
        mean.data_to_world((0, 0)), source.data_to_world((0, rows.start, columns.start))[1:]
    )
    assert not any(name.startswith("Motif") for name in names(viewer))
    widget.form.motifs._whole.click()
    assert widget.found is whole
    assert not any(name.startswith("preview") for name in names(viewer))


def test_frames_and_seconds_are_one_length(viewer: Viewer) -> None:
    viewer.add_image(video(), name="calcium", scale=(0.05, 1, 1), units=("s", "um", "um"))
    widget = docked(viewer)
    settings = widget.form.settings
    assert widget.form.video.frame_rate == 20  # from the scale of the time axis
    settings._frames.set(30)
    assert settings._seconds.get() == 1.5
    settings._seconds.set(0.5)
    assert settings.parameters().motif_length == 10
    widget.form.video.set_frame_rate(10)
    assert settings.parameters().motif_length == 10
    assert settings._seconds.get() == 1.0
    assert settings.parameters().frame_rate == 10


def test_the_loss_curve_is_shown_while_it_runs(viewer: Viewer, double: type[Double], qtbot: QtBot) -> None:
    viewer.add_image(video(), name="calcium")
    widget = docked(viewer)
    double.hold = "refine"
    widget.run()
    qtbot.waitUntil(lambda: "<b>Refine</b>" in widget.form.settings._phases.text(), timeout=5000)
    assert not widget.form.settings._losses.isHidden()
    assert widget.form.settings._losses.expanded
    assert not widget.form.settings._run.isEnabled()
    double.go.set()
    finished(widget)
    assert widget.form.settings._phases.isHidden()
    assert widget.form.settings._run.isEnabled()


def test_save_load_and_copy_as_python(viewer: Viewer, ran: Ran, tmp_path: Path) -> None:
    widget, _ = ran
    script = widget.keeping.copy_as_python()
    assert QApplication.clipboard().text() == script
    compile(script, "script", "exec")
    assert f"motif_length={F}" in script
    path = tmp_path / "m.segmotif"
    widget.keeping.save(path)
    finished(widget)
    recipe = MotifRecipe.load(tmp_path / "m.recipe.json")
    assert recipe.parameters.settings == widget.found.model.parameters
    first = widget.found
    widget.form.settings.set_parameters(MotifParameters(motif_length=3))
    widget.keeping.load(path)
    finished(widget)
    assert widget.found is not first
    np.testing.assert_array_equal(widget.found.model.motifs_, first.model.motifs_)
    assert widget.form.settings.motif_length == F
    other = viewer.add_image(video()[:50], name="other")
    widget.form.video.layer.choose(other)
    widget.keeping.load(path)
    finished(widget)
    assert "another video" in widget.form.said


def test_a_preview_is_not_saved_and_its_script_looks_at_the_same_part(
    viewer: Viewer, double: type[Double], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = np.tile(np.tile(video(), (6, 1, 1)), (1, 6, 6))  # 720 frames of 144 × 192
    wide = wide + np.arange(192, dtype=np.float32) + 1000 * np.arange(144, dtype=np.float32)[:, np.newaxis]
    np.save(tmp_path / "wide.npy", wide)
    viewer.open(tmp_path / "wide.npy")
    widget = docked(viewer)
    save = widget.form.motifs._save
    widget.run()
    finished(widget)
    assert save.isEnabled()
    assert "array, axes=" in widget.keeping.copy_as_python()
    widget.preview()
    finished(widget)
    assert not save.isEnabled()
    assert "only a part of the video" in save.toolTip()
    fitted = []

    class Recording(Double):
        def fit(self, array: Any, axes: str) -> None:
            fitted.append(np.asarray(array))

        def summary(self) -> str:
            return ""

    monkeypatch.setattr("napari_segmotif.LeMoNADe", Recording)
    monkeypatch.setattr("napari_segmotif.motifs.results.export.write_results", lambda *_: None)
    monkeypatch.chdir(tmp_path)
    script = widget.keeping.copy_as_python().replace("open_image(path)", "open_image(path, axes='TYX')")
    exec(compile(script, "script", "exec"), {})
    assert widget.found is not None
    assert widget.found.crop is not None
    np.testing.assert_array_equal(fitted[0], wide[widget.found.crop.region])
    widget.form.motifs._whole.click()
    assert save.isEnabled()
