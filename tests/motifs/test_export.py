"""What is written can be read by others and says what was found; a full disk leaves what was there."""

from __future__ import annotations

import csv
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_segmotif import open_image, write_image
from napari_segmotif.errors import MissingExtraError, StorageError
from napari_segmotif.motifs.results.cells import MotifCells
from napari_segmotif.motifs.results.export import summary_of, write_cells, write_results
from napari_segmotif.motifs.simulating.simulation import SimulatedVideo, simulate_video
from napari_segmotif.motifs.simulating.simulation_parameters import SimulationParameters
from napari_segmotif.motifs.simulating.truth_files import simulate_to_files

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fake_motifs import FakeLeMoNADe, fitted

SMALL: dict[str, Any] = {"shape": (24, 32), "n_frames": 200, "motif_length": 12, "frame_rate": 20.0}


@pytest.fixture(scope="module")
def sample() -> SimulatedVideo:
    return simulate_video(**SMALL, activation_rate=0.4)


@pytest.fixture
def model(sample: SimulatedVideo) -> FakeLeMoNADe:
    return fitted(sample)


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_every_file_is_there_and_named_in_the_answer(model: FakeLeMoNADe, tmp_path: Path) -> None:
    written = write_results(tmp_path / "new" / "out", model, recipe={"tool": "motifs"})
    assert names(tmp_path / "new/out") == {path.name for path in written} == {
        "motif_1.ome.tif", "motif_2.ome.tif", "motif_3.ome.tif", "activations.csv", "occurrences.csv",
        "loss.csv", "recipe.json", "summary.txt", "summary.json",
    }  # fmt: skip
    assert written[-1].name == "summary.json"


def test_motifs_come_back_with_pixel_size_and_time(model: FakeLeMoNADe, tmp_path: Path) -> None:
    write_results(tmp_path, model, spacing=(0.5, 0.25), units="micrometer", recipe={"tool": "motifs"})
    for m in range(3):
        with open_image(tmp_path / f"motif_{m + 1}.ome.tif") as opened:
            np.testing.assert_array_equal(opened.array[:], model.motifs_[m])
            assert opened.axes == "TYX"
            assert opened.spacing == pytest.approx((0.5, 0.25))
            assert opened.units == ("micrometer", "micrometer")
            assert opened.time_interval == pytest.approx(1 / 20)
            assert opened.metadata["segmotif"] == {"tool": "motifs"}
            assert opened.metadata["significant"] is bool(m < 2)


def test_activations_come_back_to_the_last_digit(model: FakeLeMoNADe, tmp_path: Path) -> None:
    model.activations_ = np.random.default_rng(0).random(model.activations_.shape, np.float32)
    write_results(tmp_path, model)
    table = rows(tmp_path / "activations.csv")
    assert list(table[0]) == ["frame", "time_s", "motif_1", "motif_2", "motif_3"]
    assert [int(row["frame"]) for row in table] == list(range(200))
    assert float(table[130]["time_s"]) == pytest.approx(6.5)
    read = np.array([[np.float32(row[f"motif_{m}"]) for row in table] for m in (1, 2, 3)])
    np.testing.assert_array_equal(read, model.activations_)


def test_occurrences_are_the_starts_of_the_motifs(
    model: FakeLeMoNADe, sample: SimulatedVideo, tmp_path: Path
) -> None:
    write_results(tmp_path, model)
    table = rows(tmp_path / "occurrences.csv")
    found = {(int(row["motif"]) - 1, int(row["frame"])) for row in table}
    assert found == {(int(m), int(t)) for m, t in np.argwhere(sample.activations > 0)}
    assert len(table) > 3
    for row in table:
        assert float(row["time_s"]) == pytest.approx(int(row["frame"]) / 20)
        assert row["significant"] == ("1" if row["motif"] in "12" else "0")
        assert float(row["p_value"]) == pytest.approx(model.p_values_[int(row["motif"]) - 1])


def test_the_summary_is_json_and_text(model: FakeLeMoNADe, sample: SimulatedVideo, tmp_path: Path) -> None:
    model.p_values_[2] = np.nan
    write_results(tmp_path, model)
    summary = json.loads((tmp_path / "summary.json").read_text("utf-8"))
    assert summary == summary_of(model)
    assert [motif["p_value"] for motif in summary["motifs"]] == [0.001, 0.01, None]
    assert [motif["n_occurrences"] for motif in summary["motifs"]] == sample.activations.sum(axis=1).tolist()
    assert summary["messages"] == list(model.messages_)
    assert (tmp_path / "summary.txt").read_text("utf-8") == model.summary() + "\n"
    assert [float(row["loss"]) for row in rows(tmp_path / "loss.csv")] == pytest.approx([3.0, 2.5, 2.1])


def test_fewer_motifs_replace_more_but_files_of_others_stay(
    model: FakeLeMoNADe, sample: SimulatedVideo, tmp_path: Path
) -> None:
    write_results(tmp_path, model)
    write_image(tmp_path / "motif_7.ome.tif", np.zeros((4, 4), np.uint8), axes="YX")
    (tmp_path / "motif_8.ome.tif").write_bytes(b"mine")
    model.become(sample.motifs[:1], sample.activations[:1], sample.baseline)
    write_results(tmp_path, model)
    motifs = {name for name in names(tmp_path) if name.startswith("motif_")}
    assert motifs == {"motif_1.ome.tif", "motif_7.ome.tif", "motif_8.ome.tif"}


def test_a_video_without_motifs_has_results_too(
    model: FakeLeMoNADe, sample: SimulatedVideo, tmp_path: Path
) -> None:
    model.become(sample.motifs[:0], sample.activations[:0], sample.baseline)
    write_results(tmp_path, model, nwb=True)
    assert rows(tmp_path / "occurrences.csv") == []
    assert list(rows(tmp_path / "activations.csv")[0]) == ["frame", "time_s"]
    assert json.loads((tmp_path / "summary.json").read_text("utf-8"))["motifs"] == []
    assert (tmp_path / "motifs.nwb").exists()


def test_cells_are_written_in_firing_order(tmp_path: Path) -> None:
    order = MotifCells(
        motif=1,
        labels=np.array([7, 3]),
        onset_frames=np.array([2, 10]),
        peak_frames=np.array([4, 12]),
        weights=np.array([1.0, 0.4], np.float32),
        traces=np.zeros((2, 12), np.float32),
    )
    table = rows(write_cells(tmp_path / "cells.csv", [order], 20.0))
    assert [(row["motif"], row["order"], row["cell"]) for row in table] == [("2", "1", "7"), ("2", "2", "3")]
    assert [float(row["time_s"]) for row in table] == pytest.approx([0.1, 0.5])
    assert [row["peak_frame"] for row in table] == ["4", "12"]
    assert [float(row["weight"]) for row in table] == pytest.approx([1.0, 0.4])


def test_nwb_files_are_valid_and_hold_everything(model: FakeLeMoNADe, tmp_path: Path) -> None:
    pynwb = pytest.importorskip("pynwb")
    write_results(tmp_path, model, nwb=True, spacing=(0.5, 0.25), units="micrometer")
    path = tmp_path / "motifs.nwb"
    assert not list(pynwb.validate(path=str(path)))
    with pynwb.NWBHDF5IO(str(path), "r") as file:
        content = file.read()
        module = content.processing["motifs"]
        np.testing.assert_array_equal(module["activations"].data[:].T, model.activations_)
        assert module["activations"].rate == 20.0
        np.testing.assert_array_equal(module["motif_2"].data[:].transpose(0, 2, 1), model.motifs_[1])
        assert list(module["motif_2"].dimension[:]) == [32, 24]
        assert module["significance"]["significant"].data[:].tolist() == [True, True, False]
        table = content.intervals["motif_occurrences"]
        assert sorted(zip(table["motif"].data[:], table["frame"].data[:], strict=True)) == sorted(
            (o.motif + 1, o.frame) for o in model.occurrences_
        )
        assert table["start_time"].data[:] == pytest.approx(table["frame"].data[:] / 20)
        assert (table["stop_time"].data[:] <= 200 / 20).all()
        assert model.messages_[0] in content.notes


def test_without_pynwb_the_extra_is_named_before_anything_is_written(
    model: FakeLeMoNADe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"napari-segmotif\[nwb\].*\(got"):
        write_results(tmp_path, model, nwb=True)
    assert names(tmp_path) == set()


def test_a_full_disk_leaves_older_results_whole(
    model: FakeLeMoNADe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_results(tmp_path, model, nwb=True)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    model.activations_ = model.activations_ * 0.5
    with pytest.raises(StorageError, match="space"):
        write_results(tmp_path, model, nwb=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_that_cannot_be_made_is_said(model: FakeLeMoNADe, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"\(got"):
        write_results(tmp_path / "file" / "out", model)


@pytest.mark.parametrize("suffix", [".ome.tif", ".ome.zarr", ".h5"])
def test_a_simulation_is_written_with_its_truth(tmp_path: Path, suffix: str) -> None:
    parameters = SimulationParameters(**SMALL, dtype="uint16", random_state=3)
    expected = simulate_video(**SMALL, dtype="uint16", random_state=3)
    written = simulate_to_files(
        tmp_path, parameters, name="mouse", suffix=suffix, spacing=(2, 2), units="micrometer"
    )
    assert {path.name for path in written} == names(tmp_path)
    with open_image(tmp_path / f"mouse{suffix}") as opened:
        np.testing.assert_array_equal(opened.array[:], expected.video)
        assert (opened.axes, opened.spacing) == ("TYX", (2.0, 2.0))
        assert opened.time_interval == pytest.approx(1 / 20)
    with open_image(tmp_path / "mouse_cells.ome.tif") as opened:
        np.testing.assert_array_equal(opened.array[:], expected.cells)
        assert opened.labels
    with open_image(tmp_path / "mouse_truth_motif_2.ome.tif") as opened:
        np.testing.assert_array_equal(opened.array[:], expected.motifs[1])
    table = rows(tmp_path / "mouse_truth_activations.csv")
    starts = [int(row["frame"]) for row in table if float(row["motif_3"])]
    assert starts == np.flatnonzero(expected.activations[2]).tolist()
    members = rows(tmp_path / "mouse_truth_cells.csv")
    offsets = np.full_like(expected.offsets, -1)
    for row in members:
        offsets[int(row["motif"]) - 1, int(row["cell"]) - 1] = int(row["frame"])
    np.testing.assert_array_equal(offsets, expected.offsets)
    frames = [int(row["frame"]) for row in members if row["motif"] == "1"]
    assert frames == sorted(frames)
    made = SimulationParameters(**json.loads((tmp_path / "mouse_truth.json").read_text("utf-8")))
    assert made == parameters
