from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import numpy as np
import pytest

from napari_segmotif import CancelToken, open_image, run_job, write_image
from napari_segmotif.batch.motif_files import (
    MotifTask,
    find_motifs_in_file_iter,
    find_motifs_in_files_iter,
    frame_rate_of,
    plan_motifs,
    settings_for,
)
from napari_segmotif.batch.motif_recipe import MotifJobParameters, MotifRecipe
from napari_segmotif.batch.recipe import load_recipe
from napari_segmotif.errors import AxesError, InputError, JobCancelled
from napari_segmotif.motifs.model_file import state_from_file
from napari_segmotif.motifs.parameters import MotifParameters

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fake_motifs import FakeLeMoNADe

SETTINGS = MotifParameters(n_motifs=2, motif_length=6)


@pytest.fixture(autouse=True)
def quick_estimator(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("napari_segmotif.motifs.lemonade")
    module.LeMoNADe = FakeLeMoNADe  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)


def video(seed: int = 0, shape: tuple[int, ...] = (40, 9, 12)) -> np.ndarray:
    return np.random.default_rng(seed).poisson(20, shape).astype(np.uint16)


def recipe(**changes: Any) -> MotifRecipe:
    return MotifRecipe.of(MotifJobParameters(**{"settings": SETTINGS, **changes}), [])


def expected(frames: np.ndarray, **settings: Any) -> FakeLeMoNADe:
    return run_job(FakeLeMoNADe(n_motifs=2, motif_length=6, **settings).fit_iter(frames))


def run_one(path: Path, out: Path, asked: MotifRecipe | None = None, cells: Path | None = None) -> Any:
    return run_job(find_motifs_in_file_iter(MotifTask(path, out, cells), asked or recipe()))


def write_video(path: Path, frames: np.ndarray, **more: Any) -> Path:
    if path.suffix == ".npy":
        np.save(path, frames)
        return path
    return write_image(path, frames, axes="TYX", **more)


@pytest.mark.parametrize("name", ["a.tif", "a.zarr", "a.h5", "a.npy"])
def test_every_format_gives_what_python_gives(tmp_path: Path, name: str) -> None:
    path = write_video(tmp_path / name, video())
    run_one(path, tmp_path / "out")
    state = state_from_file(tmp_path / "out/model.segmotif")
    np.testing.assert_array_equal(state["motifs_"], expected(video()).motifs_)
    with open_image(tmp_path / "out/motif_2.ome.tif") as opened:
        np.testing.assert_array_equal(opened.array[:], expected(video()).motifs_[1])


def test_a_plain_stack_is_a_video(tmp_path: Path) -> None:
    import tifffile

    tifffile.imwrite(tmp_path / "stack.tif", video(), photometric="minisblack")
    run_one(tmp_path / "stack.tif", tmp_path / "out")
    found = state_from_file(tmp_path / "out/model.segmotif")["motifs_"]
    np.testing.assert_array_equal(found, expected(video()).motifs_)


def test_one_dataset_of_several_is_taken(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "many.h5", "w") as file:
        file["green"], file["red"] = video(1), video(2)
    tasks = plan_motifs([Path(f"{tmp_path}/many.h5:/red")], tmp_path / "out")
    run_one(tasks[0].video, tasks[0].folder)
    state = state_from_file(tmp_path / "out/many_red/model.segmotif")
    np.testing.assert_array_equal(state["motifs_"], expected(video(2)).motifs_)


@pytest.mark.parametrize(
    ("shape", "axes", "word"),
    [((20, 3, 9, 12), "TZYX", "plane"), ((20, 2, 9, 12), "TCYX", "channel"), ((9, 12, 3), "YXC", "channel")],
)
def test_volumes_and_colours_are_refused(
    tmp_path: Path, shape: tuple[int, ...], axes: str, word: str
) -> None:
    path = write_image(tmp_path / "a.tif", video(shape=shape).astype(np.uint8), axes=axes)
    with pytest.raises(AxesError, match=rf"{word}.*\(got"):
        run_one(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_axes_are_named_where_a_file_says_them_wrongly(tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.tif", video(shape=(40, 1, 9, 12)), axes="ZCYX", spacing=(1, 2, 3))
    run_one(path, tmp_path / "out", recipe(axes="CTYX"))
    with open_image(tmp_path / "out/motif_1.ome.tif") as opened:
        assert opened.spacing == (2.0, 3.0)


def test_frame_rate_and_pixel_size_come_from_the_file(tmp_path: Path) -> None:
    place = {"spacing": (0.5, 0.25), "units": "micrometer", "time_interval": 1 / 12}
    path = write_video(tmp_path / "a.tif", video(), **place)
    result = run_one(path, tmp_path / "out", recipe(frame_rate_from_file=True))
    assert result.notes == ("12 frames per second, as the file says",)
    assert state_from_file(tmp_path / "out/model.segmotif")["parameters"].frame_rate == 12.0
    with open_image(tmp_path / "out/motif_1.ome.tif") as opened:
        assert opened.spacing == (0.5, 0.25)
        assert opened.units == ("micrometer", "micrometer")
        assert opened.time_interval == pytest.approx(1 / 12)
    kept = load_recipe(tmp_path / "out/recipe.json")
    assert isinstance(kept, MotifRecipe)
    assert kept.parameters.settings.frame_rate == 12.0
    assert kept.inputs == (str(path),)
    run_one(path, tmp_path / "other", recipe(spacing=(3, 4)))
    with open_image(tmp_path / "other/motif_1.ome.tif") as opened:
        assert opened.spacing == (3.0, 4.0)


@pytest.mark.parametrize(
    ("from_file", "interval", "rate", "said"),
    [
        (True, 0.1, 10.0, "as the file says"),
        (True, None, 30.0, "assumed"),
        (False, 0.1, 30.0, "where the file says 10"),
        (False, 1 / 30.001, 30.0, None),
        (False, None, 30.0, None),
    ],
)
def test_where_the_frame_rate_is_from_is_said(
    from_file: bool, interval: float | None, rate: float, said: str | None
) -> None:
    settings, note = settings_for(MotifJobParameters(frame_rate_from_file=from_file), interval)
    assert settings.frame_rate == rate
    assert (note is None) if said is None else (said in (note or ""))


def test_impossible_intervals_are_refused() -> None:
    with pytest.raises(InputError, match=r"impossible.*\(got 1e-09 s"):
        settings_for(MotifJobParameters(frame_rate_from_file=True), 1e-9)


@pytest.mark.parametrize("rate", [0.1, 1.0, 7.5, 15.0, 20.0, 29.97, 30.0, 31.25, 100.0, 1000.0])
def test_usual_frame_rates_come_back_exactly(rate: float) -> None:
    assert frame_rate_of(1 / rate) == rate


def test_cells_are_ordered_and_written(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.tif", video())
    labels = np.zeros((9, 12), np.uint8)
    labels[1:4, 1:4], labels[5:8, 6:10] = 4, 9
    cells = write_image(tmp_path / "cells.tif", labels, axes="YX", labels=True)
    run_one(path, tmp_path / "out", cells=cells)
    lines = (tmp_path / "out/cells.csv").read_text().splitlines()
    assert lines[0].startswith("motif,order,cell")
    assert {line.split(",")[2] for line in lines[1:]} <= {"4", "9"}


def test_cells_of_another_frame_are_refused_before_the_search(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.tif", video())
    cells = write_image(tmp_path / "cells.tif", np.ones((9, 11), np.uint8), axes="YX", labels=True)
    job = find_motifs_in_file_iter(MotifTask(path, tmp_path / "out", cells), recipe())
    with pytest.raises(InputError, match=r"shape of a frame.*\(got \(9, 11\)"):
        next(job)


def test_labels_without_cells_are_refused_before_the_search(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.tif", video())
    for labels, word in ((np.zeros((9, 12), np.uint8), "no cell"), (np.ones((9, 12), np.float32), "labels")):
        cells = write_image(tmp_path / "cells.tif", labels, axes="YX")
        job = find_motifs_in_file_iter(MotifTask(path, tmp_path / "out", cells), recipe())
        with pytest.raises(InputError, match=rf"{word}.*\(got"):
            next(job)


def test_cancelling_leaves_nothing(tmp_path: Path) -> None:
    token = CancelToken()
    tasks = plan_motifs([write_video(tmp_path / "a.tif", video())], tmp_path / "out")
    job = find_motifs_in_files_iter(tasks, recipe(), cancel=token)
    next(job)
    token.cancel()
    with pytest.raises(JobCancelled):
        next(job)
    assert not (tmp_path / "out").exists()


def test_one_bad_video_does_not_stop_the_others(tmp_path: Path) -> None:
    good = [write_video(tmp_path / f"{name}.tif", video(i)) for i, name in enumerate("ac")]
    short = write_video(tmp_path / "b.tif", video(shape=(6, 9, 12)))
    tasks = plan_motifs([good[0], short, good[1]], tmp_path / "out")
    seen: list[float] = []
    results = run_job(
        find_motifs_in_files_iter(tasks, recipe()), lambda progress: seen.append(progress.fraction)
    )
    assert [result.error is None for result in results] == [True, False, True]
    assert "longer than a motif" in (results[1].error or "")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a", "c"]
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_skip_existing_goes_on(tmp_path: Path) -> None:
    paths = [write_video(tmp_path / f"{name}.tif", video(i)) for i, name in enumerate("ab")]
    run_job(find_motifs_in_files_iter(plan_motifs(paths[:1], tmp_path / "out"), recipe()))
    before = (tmp_path / "out/a/summary.json").stat().st_mtime_ns
    results = run_job(
        find_motifs_in_files_iter(plan_motifs(paths, tmp_path / "out"), recipe(), skip_existing=True)
    )
    assert [result.skipped for result in results] == [True, False]
    assert (tmp_path / "out/a/summary.json").stat().st_mtime_ns == before
    assert (tmp_path / "out/b/summary.json").exists()


def test_results_never_collide(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"same results.*\(got"):
        plan_motifs([Path("a/mouse.tif"), Path("b/mouse.h5")], tmp_path)
    with pytest.raises(InputError, match=r"folder.*\(got"):
        plan_motifs([Path("a.tif")], tmp_path / "out.tif")
    with pytest.raises(InputError, match=r"where a video lies.*\(got"):
        plan_motifs([tmp_path / "mouse" / "mouse.tif"], tmp_path)
