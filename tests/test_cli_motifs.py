"""`segmotif motifs simulate | find` and `segmotif run` with a recipe of motifs."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from napari_segmotif import open_image, run_job, write_image
from napari_segmotif.cli import main
from napari_segmotif.motifs.results.similarity import motif_similarity
from napari_segmotif.motifs.simulating.simulation import simulate_video

sys.path.insert(0, str(Path(__file__).parent))

from fake_motifs import FakeLeMoNADe

SMALL = ["--shape", "24", "32", "--frames", "150", "--length", "10", "--cells", "12"]
RESULTS = {
    "motif_1.ome.tif", "motif_2.ome.tif", "activations.csv", "occurrences.csv", "loss.csv", "recipe.json",
    "summary.txt", "summary.json", "model.segmotif",
}  # fmt: skip


@pytest.fixture
def quick_estimator(monkeypatch: pytest.MonkeyPatch) -> None:
    """Something quick in the place of the real search: it is tested elsewhere."""
    module = ModuleType("napari_segmotif.motifs.lemonade")
    module.LeMoNADe = FakeLeMoNADe  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.fixture
def simulated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A folder with a simulated video of 20 frames per second."""
    arguments = ["motifs", "simulate", "-o", str(tmp_path), *SMALL, "--frame-rate", "20"]
    assert main(arguments) == 0
    capsys.readouterr()
    return tmp_path


def find(folder: Path, *more: str, out: str = "out") -> int:
    video = str(folder / "video.ome.tif")
    return main(["motifs", "find", video, "--motifs", "2", "--length", "9", "-o", str(folder / out), *more])


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def read(path: Path) -> np.ndarray:
    with open_image(path) as opened:
        return np.asarray(opened.array[:])


def test_simulate_writes_the_video_that_python_makes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["motifs", "simulate", "-o", str(tmp_path / "new"), *SMALL, "--spurious", "0.4"]
    assert main([*arguments, "--noise", "0.3", "--motifs", "2", "--seed", "5", "--name", "mouse"]) == 0
    truth = simulate_video(
        (24, 32), 150, 2, 10, n_cells=12, spurious=0.4, noise=0.3, random_state=5, dtype="uint16"
    )
    np.testing.assert_array_equal(read(tmp_path / "new/mouse.ome.tif"), truth.video)
    np.testing.assert_array_equal(read(tmp_path / "new/mouse_truth_motif_2.ome.tif"), truth.motifs[1])
    said = capsys.readouterr().out.split()
    assert {Path(line).name for line in said} == names(tmp_path / "new")


@pytest.mark.usefixtures("quick_estimator")
def test_find_writes_everything_and_says_what_it_found(
    simulated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert find(simulated) == 0
    assert names(simulated / "out/video") == RESULTS
    said = capsys.readouterr()
    assert "2 of 2 motifs are significant" in said.out
    assert str(simulated / "out/video") in said.out
    assert "20 frames per second, as the file says" in said.err
    expected = FakeLeMoNADe(n_motifs=2, motif_length=9, frame_rate=20)
    run_job(expected.fit_iter(read(simulated / "video.ome.tif")))
    np.testing.assert_array_equal(read(simulated / "out/video/motif_1.ome.tif"), expected.motifs_[0])


@pytest.mark.usefixtures("quick_estimator")
def test_every_option_reaches_the_search(simulated: Path) -> None:
    options = [
        "--frame-rate", "25", "--seed", "7", "--motion", "rigid", "--dff", "--no-bleaching", "--cell-size",
        "8", "--restarts", "3", "--init", "random", "--steps", "11", "--significance", "0.01",
        "--surrogates", "99", "--device", "cpu",
    ]  # fmt: skip
    assert find(simulated, *options) == 0
    given = json.loads((simulated / "out/video/summary.json").read_text("utf-8"))["parameters"]
    wanted = {
        "frame_rate": 25.0, "random_state": 7, "motion": "rigid", "normalization": "dff", "bleaching": False,
        "cell_size": 8.0, "n_restarts": 3, "init": "random", "n_steps": 11, "significance_level": 0.01,
        "n_surrogates": 99, "device": "cpu", "n_motifs": 2, "motif_length": 9,
    }  # fmt: skip
    assert {name: given[name] for name in wanted} == wanted


@pytest.mark.usefixtures("quick_estimator")
def test_cells_nwb_and_pixel_size(simulated: Path) -> None:
    more = ["--cells", str(simulated / "video_cells.ome.tif"), "--nwb", "--spacing", "2,3"]
    assert find(simulated, *more) == 0
    assert names(simulated / "out/video") == RESULTS | {"cells.csv", "motifs.nwb"}
    with open(simulated / "out/video/cells.csv", newline="", encoding="utf-8") as file:
        cells = {int(row["cell"]) for row in csv.DictReader(file)}
    assert cells <= set(range(1, 13))
    with open_image(simulated / "out/video/motif_1.ome.tif") as opened:
        assert opened.spacing == (2.0, 3.0)


@pytest.mark.usefixtures("quick_estimator")
def test_json_is_for_programs(simulated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = simulated / "broken.tif"
    broken.write_bytes(b"II*\0 this is no image at all")
    videos = [str(simulated / "video.ome.tif"), str(broken)]
    out = str(simulated / "out")
    assert main(["motifs", "find", *videos, "--motifs", "2", "--length", "9", "-o", out, "--json"]) == 1
    said = capsys.readouterr()
    good, bad = json.loads(said.out)
    assert good["n_significant"] == 2
    assert good["error"] is None
    assert [motif["motif"] for motif in good["motifs"]] == [1, 2]
    assert bad["video"] == str(broken)
    assert bad["error"]
    assert said.err.strip().splitlines()[-1].startswith("segmotif: error: 1 of 2 videos failed")


@pytest.mark.usefixtures("quick_estimator")
def test_run_repeats_with_the_same_numbers_and_on_other_videos(
    simulated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert find(simulated, "--seed", "4") == 0
    first = simulated / "out/video"
    video = str(simulated / "video.ome.tif")
    np.save(simulated / "other.npy", read(simulated / "video.ome.tif")[10:])
    for number, recipe in enumerate(("recipe.json", "motif_1.ome.tif")):
        again = simulated / f"again{number}"
        assert main(["run", str(first / recipe), video, str(simulated / "other.npy"), "-o", str(again)]) == 0
        assert names(again) == {"video", "other"}
        for name in RESULTS - {"recipe.json", "motif_1.ome.tif", "motif_2.ome.tif"}:
            assert (again / "video" / name).read_bytes() == (first / name).read_bytes(), name
        np.testing.assert_array_equal(read(again / "video/motif_2.ome.tif"), read(first / "motif_2.ome.tif"))
        summary = json.loads((again / "other/summary.json").read_text("utf-8"))
        assert summary["frame_rate"] == 20.0  # that of the first video, as a .npy says none
    assert "20 frames per second are assumed" in capsys.readouterr().err


@pytest.mark.usefixtures("quick_estimator")
def test_run_refuses_what_motifs_do_not_have(simulated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert find(simulated) == 0
    again = ["run", str(simulated / "out/video/recipe.json"), "video.tif", "-o", str(simulated / "again")]
    for more in (["--model", "m.segmotif"], ["--format", "zarr"]):
        capsys.readouterr()
        assert main([*again, *more]) == 1
        said = capsys.readouterr().err
        assert said.startswith("segmotif: error: ")
        assert "(got" in said
    assert not (simulated / "again").exists()


@pytest.mark.usefixtures("quick_estimator")
def test_skip_existing_goes_on(simulated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert find(simulated) == 0
    before = (simulated / "out/video/summary.json").stat().st_mtime_ns
    capsys.readouterr()
    assert find(simulated, "--skip-existing") == 0
    assert "was there already" in capsys.readouterr().out
    assert (simulated / "out/video/summary.json").stat().st_mtime_ns == before


@pytest.mark.usefixtures("quick_estimator")
def test_failures_are_one_line(simulated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video, out = str(simulated / "video.ome.tif"), str(simulated / "out")
    rgb = str(write_image(simulated / "rgb.tif", np.zeros((20, 20, 3), np.uint8), axes="YXC"))
    cells = str(write_image(simulated / "few.tif", np.zeros((4, 4), np.uint8), axes="YX", labels=True))
    cases = [
        ["motifs", "find", video, "--motifs", "0", "-o", out],
        ["motifs", "find", video, "--length", "150", "-o", out],
        ["motifs", "find", video, "--significance", "2", "-o", out],
        ["motifs", "find", video, "--spacing", "1,2,3", "-o", out],
        ["motifs", "find", video, "--dataset", "/movie", "-o", out],
        ["motifs", "find", video, "--cells", cells, "-o", out],
        ["motifs", "find", video, "-o", video],
        ["motifs", "find", rgb, "-o", out],
        ["motifs", "find", str(simulated / "none.tif"), "-o", out],
        ["motifs", "simulate", "-o", out, "--spurious", "1.5"],
        ["motifs", "simulate", "-o", out, "--name", "../video"],
        ["motifs", "simulate", "-o", video],
    ]
    for arguments in cases:
        assert main(arguments) == 1, arguments
        said = capsys.readouterr().err
        assert said.splitlines()[-1].startswith("segmotif: error: "), arguments
        assert "(got" in said.splitlines()[-1], arguments
        assert "Traceback" not in said
    assert not (simulated / "out").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["motifs", "fnid"],
        ["motifs", "find", "video.tif"],
        ["motifs", "find", "video.tif", "-o", "out", "--motifs", "many"],
        ["motifs", "find", "video.tif", "-o", "out", "--init", "zeros"],
        ["motifs", "simulate", "-o", "out", "--shape", "64"],
    ],
)
def test_wrong_command_lines_end_with_2_and_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("segmotif: error: ")
    assert said.count("\n") == 1


@pytest.mark.usefixtures("quick_estimator")
def test_progress_goes_to_stderr_only_where_asked(
    simulated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert find(simulated, "--frame-rate", "20") == 0
    assert capsys.readouterr().err == ""
    assert find(simulated, "--progress") == 0
    said = capsys.readouterr()
    assert "find motifs: 100%" in said.err
    assert "find motifs:" not in said.out


def test_without_pynwb_the_extra_is_named(
    simulated: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert find(simulated, "--nwb") == 1
    assert "napari-segmotif[nwb]" in capsys.readouterr().err
    assert not (simulated / "out").exists()


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from napari_segmotif.cli import main\n"
        "try: main(['motifs', 'find', '--help'])\nexcept SystemExit: pass\n"
        "print({'numpy', 'torch', 'scipy', 'numba', 'napari', 'pynwb'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "set()"
    assert "segmotif motifs find video.tif" in done.stdout


def test_the_real_search_gives_the_same_as_python(simulated: Path) -> None:
    from napari_segmotif.motifs.lemonade import LeMoNADe

    quick = ["--restarts", "2", "--steps", "5", "--surrogates", "19", "--seed", "3"]
    assert find(simulated, *quick) == 0
    model = LeMoNADe(2, 9, n_restarts=2, n_steps=5, n_surrogates=19, random_state=3, frame_rate=20.0).fit(
        read(simulated / "video.ome.tif")
    )
    loaded = LeMoNADe.load(simulated / "out/video/model.segmotif")
    for name in ("motifs_", "activations_", "p_values_", "baseline_"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(model, name), err_msg=name)
    assert loaded.occurrences_ == model.occurrences_


def test_the_packaged_sample_is_found(tmp_path: Path) -> None:
    """Its three assemblies, none more where more are asked for, and its cells in the true order."""
    sample = Path(__file__).resolve().parents[1] / "sample_data"
    cells = ["--cells", str(sample / "assemblies_cells.ome.tif")]
    video = str(sample / "assemblies.ome.tif")
    assert (
        main(["motifs", "find", video, "--motifs", "5", "--length", "31", *cells, "-o", str(tmp_path)]) == 0
    )
    summary = json.loads((tmp_path / "assemblies/summary.json").read_text("utf-8"))
    assert summary["n_significant"] == 3
    found = [read(tmp_path / f"assemblies/motif_{m}.ome.tif") for m in (1, 2, 3)]
    truth = [read(sample / f"assemblies_truth_motif_{m}.ome.tif") for m in (1, 2, 3)]
    match = motif_similarity(np.stack(found), np.stack(truth))
    assert match.recall == 1.0
    assert match.similarity > 0.9
    true_cells = members(sample / "assemblies_truth_cells.csv")
    found_cells = members(tmp_path / "assemblies/cells.csv")
    for pair in match.pairs:
        one, other = set(found_cells[pair.found + 1]), set(true_cells[pair.truth + 1])
        assert len(one & other) >= 0.8 * len(one | other)


def members(table: Path) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    with open(table, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found.setdefault(int(row["motif"]), []).append(int(row["cell"]))
    return found


@pytest.mark.usefixtures("quick_estimator")
def test_a_folder_that_cannot_be_made_is_told_before_the_search(
    simulated: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(FakeLeMoNADe, "fit_iter", lambda *_args, **_more: pytest.fail("it searched"))
    assert find(simulated, out="video.ome.tif/results") == 1
    assert "its folder is a file" in capsys.readouterr().err


@pytest.mark.usefixtures("quick_estimator")
def test_json_is_plain_ascii_whatever_the_videos_are_called(
    simulated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What reads it need not know in which encoding the pipe was."""
    video = (simulated / "video.ome.tif").rename(simulated / "m\u00e4use_\U0001f42d.ome.tif")
    arguments = ["motifs", "find", str(video), "--motifs", "2", "--length", "9", "-o", str(simulated / "out")]
    assert main([*arguments, "--json"]) == 0
    said = capsys.readouterr().out
    assert said.isascii()
    assert json.loads(said)[0]["video"] == str(video)
