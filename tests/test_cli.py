from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_segmotif import PixelClassifier, PixelFeatures, open_image, write_image
from napari_segmotif.cli import main

SPACING = (0.5, 0.25)


def two_textures(shape: tuple[int, int] = (96, 130), seed: int = 0) -> np.ndarray:
    """Left half dark, right half bright, with noise."""
    rng = np.random.default_rng(seed)
    image = rng.normal(60, 12, shape)
    image[:, shape[1] // 2 :] += 90
    return image.clip(0, 255).astype(np.uint8)


def strokes(shape: tuple[int, int] = (96, 130)) -> np.ndarray:
    """Two strokes each of the classes 1 and 3."""
    annotation = np.zeros(shape, np.uint8)
    for top in (10, 60):
        annotation[top : top + 3, 5:40] = 1
        annotation[top : top + 3, -40:-5] = 3
    return annotation


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with image.tif, strokes.tif and other.tif, with pixel sizes."""
    kept: dict[str, Any] = {"axes": "YX", "spacing": SPACING, "units": "micrometer"}
    write_image(tmp_path / "image.tif", two_textures(), **kept)
    write_image(tmp_path / "other.tif", two_textures(seed=1), **kept)
    write_image(tmp_path / "strokes.tif", strokes(), labels=True, **kept)
    return tmp_path


def train(folder: Path, *more: str) -> Path:
    model = folder / "model.segmotif"
    pair = ["--image", str(folder / "image.tif"), "--annotation", str(folder / "strokes.tif")]
    small = ["--sigmas", "0.7,1.6", "--families", "gaussian,hessian_eigenvalues", "--trees", "12"]
    assert main(["pixel", "train", *pair, *small, "--model", str(model), *more]) == 0
    return model


def same_classifier() -> PixelClassifier:
    features = PixelFeatures(families=("gaussian", "hessian_eigenvalues"), sigmas=(0.7, 1.6))
    return PixelClassifier(features, n_estimators=12).fit(two_textures(), strokes(), spacing=SPACING)


def read(path: Path) -> np.ndarray:
    with open_image(path) as opened:
        return np.asarray(opened.array[:])


def test_command_line_and_python_give_the_same_numbers(files: Path) -> None:
    model = train(files)
    wanted = ["--outputs", "labels", "probabilities", "uncertainty"]
    assert (
        main(["pixel", "predict", str(model), str(files / "other.tif"), "-o", str(files / "out"), *wanted])
        == 0
    )
    expected = same_classifier()
    other = two_textures(seed=1)
    np.testing.assert_array_equal(read(files / "out/other_labels.ome.tif"), expected.predict(other))
    np.testing.assert_array_equal(
        read(files / "out/other_probabilities.ome.tif"), expected.predict_proba(other)
    )
    np.testing.assert_array_equal(
        read(files / "out/other_uncertainty.ome.tif"), expected.predict_uncertainty(other)
    )


def test_labels_are_right_and_keep_their_gaps(files: Path) -> None:
    model = train(files)
    assert main(["pixel", "predict", str(model), str(files / "other.tif"), "-o", str(files / "out")]) == 0
    labels = read(files / "out/other_labels.ome.tif")
    assert set(np.unique(labels)) == {1, 3}
    assert (labels[:, :60] == 1).mean() > 0.97
    assert (labels[:, -60:] == 3).mean() > 0.97


@pytest.mark.parametrize(("format_", "suffix"), [("tif", ".ome.tif"), ("zarr", ".ome.zarr"), ("h5", ".h5")])
def test_pixel_size_and_unit_go_from_input_to_output(files: Path, format_: str, suffix: str) -> None:
    model = train(files)
    arguments = ["pixel", "predict", str(model), str(files / "other.tif"), "-o", str(files / "out")]
    assert main([*arguments, "--format", format_]) == 0
    with open_image(files / f"out/other_labels{suffix}") as opened:
        assert opened.axes == "YX"
        assert opened.spacing == pytest.approx(SPACING)
        assert opened.units == ("micrometer", "micrometer")
        np.testing.assert_array_equal(opened.array[:], same_classifier().predict(two_textures(seed=1)))


def test_class_names_travel_with_the_model(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = train(files, "--class-names", "1=background,3=cells")
    assert PixelClassifier.load(model).class_names_ == {1: "background", 3: "cells"}
    said = capsys.readouterr().out
    assert "background: 210 pixels in 2 strokes" in said
    assert "3 cells" in said


def test_class_names_in_the_annotation_file_are_taken(files: Path) -> None:
    names = {"class_names": {"1": "sky", "3": "sea"}}
    write_image(files / "strokes.tif", strokes(), axes="YX", labels=True, metadata=names)
    assert PixelClassifier.load(train(files)).class_names_ == {1: "sky", 3: "sea"}
    assert PixelClassifier.load(train(files, "--class-names", "3=land")).class_names_ == {1: "sky", 3: "land"}


def test_folders_are_matched_by_name(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images, annotations = files / "images", files / "annotations"
    images.mkdir()
    annotations.mkdir()
    for number in (1, 2, 10):
        write_image(images / f"cells{number}.tif", two_textures(seed=number), axes="YX")
    for number in (10, 2):
        write_image(annotations / f"cells{number}_scribbles.tif", strokes(), axes="YX", labels=True)
    model = files / "two.segmotif"
    arguments = ["pixel", "train", "--image", str(images), "--annotation", str(annotations)]
    assert main([*arguments, "--model", str(model), "--sigmas", "1", "--trees", "5"]) == 0
    assert "cells1.tif: has no annotation" in capsys.readouterr().err
    expected = PixelClassifier(PixelFeatures(sigmas=(1.0,)), n_estimators=5)
    expected.fit([two_textures(seed=2), two_textures(seed=10)], [strokes(), strokes()])
    probe = two_textures(seed=3)
    np.testing.assert_array_equal(PixelClassifier.load(model).predict(probe), expected.predict(probe))


def test_one_bad_file_does_not_stop_the_others(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = train(files)
    folder = files / "many"
    folder.mkdir()
    write_image(folder / "a.tif", two_textures(), axes="YX")
    (folder / "broken.tif").write_bytes(b"II*\0 this is no image at all")
    write_image(folder / "rgb.tif", np.zeros((20, 20, 3), np.uint8), axes="YXC")
    write_image(folder / "z.tif", two_textures(seed=1), axes="YX")
    capsys.readouterr()
    missing = str(files / "missing.tif")
    assert main(["pixel", "predict", str(model), str(folder), missing, "-o", str(files / "out")]) == 1
    assert sorted(p.name for p in (files / "out").iterdir()) == [
        "a_labels.ome.tif", "recipe.json", "z_labels.ome.tif",
    ]  # fmt: skip
    said = capsys.readouterr()
    last = said.err.strip().splitlines()[-1]
    assert last.startswith("segmotif: error: 3 of 5 images failed: ")
    assert all(name in last for name in ("broken.tif", "rgb.tif", "missing.tif"))
    assert "a_labels.ome.tif" in said.out
    assert "Traceback" not in said.err


def test_failures_are_one_line(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (files / "not_a_model.segmotif").write_bytes(b"x" * 100)
    cases = [
        ["pixel", "predict", str(files / "none.segmotif"), str(files / "image.tif"), "-o", str(files)],
        ["pixel", "validate", str(files / "not_a_model.segmotif")],
        ["pixel", "train", "--image", str(files / "image.tif"), "--annotation", str(files / "image.tif"),
         "--model", str(files / "no" / "folder.segmotif"), "--sigmas", "500"],
        ["run", str(files / "none.json"), str(files / "image.tif"), "-o", str(files)],
    ]  # fmt: skip
    for arguments in cases:
        assert main(arguments) == 1
        said = capsys.readouterr().err
        assert said.startswith("segmotif: error: ")
        assert said.count("\n") == 1
        assert "(got" in said


def test_debug_shows_where_it_failed(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pixel", "validate", str(files / "none.segmotif"), "--debug"]) == 1
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert said.strip().splitlines()[-1].startswith("segmotif: error: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["pixel", "train", "--image", "a.tif"],
        ["pixel", "trian"],
        ["pixel", "train", "--image", "a", "--annotation", "b", "--model", "m", "--class-names", "cells"],
        ["pixel", "train", "--image", "a", "--annotation", "b", "--model", "m", "--trees", "0"],
        ["pixel", "predict", "m", "a", "-o", "out", "--spacing", "wide"],
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
    assert "--help" in said


def test_an_output_must_be_known(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = train(files)
    arguments = ["pixel", "predict", str(model), str(files / "other.tif"), "-o", str(files / "out")]
    assert main([*arguments, "--outputs", "labels,heatmap"]) == 1
    assert "heatmap" in capsys.readouterr().err


def test_run_repeats_with_the_same_numbers(files: Path) -> None:
    model = train(files)
    first = ["pixel", "predict", str(model), str(files / "image.tif"), "-o", str(files / "out")]
    assert main([*first, "--outputs", "labels", "uncertainty"]) == 0
    for number, recipe in enumerate(("recipe.json", "image_labels.ome.tif")):
        again = files / f"again{number}"
        assert main(["run", str(files / "out" / recipe), str(files / "image.tif"), "-o", str(again)]) == 0
        for name in ("image_labels.ome.tif", "image_uncertainty.ome.tif"):
            np.testing.assert_array_equal(read(again / name), read(files / "out" / name))


def test_run_refuses_a_model_that_was_changed(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = train(files)
    assert main(["pixel", "predict", str(model), str(files / "image.tif"), "-o", str(files / "out")]) == 0
    train(files, "--seed", "1")
    again = ["run", str(files / "out/recipe.json"), str(files / "image.tif"), "-o", str(files / "again")]
    assert main(again) == 1
    assert "changed since" in capsys.readouterr().err
    assert not (files / "again").exists()
    assert main([*again, "--model", str(model)]) == 0


def test_skip_existing_goes_on_with_a_broken_off_run(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = train(files)
    arguments = ["pixel", "predict", str(model), "--skip-existing", "-o", str(files / "out")]
    assert main([*arguments, str(files / "image.tif")]) == 0
    kept = files / "out/image_labels.ome.tif"
    before = kept.stat().st_mtime_ns
    capsys.readouterr()
    assert main([*arguments, str(files / "image.tif"), str(files / "other.tif")]) == 0
    assert kept.stat().st_mtime_ns == before
    assert "was there already" in capsys.readouterr().out
    assert (files / "out/other_labels.ome.tif").exists()


def test_validate_prints_scores_and_calls_out_of_bag_optimistic(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = train(files, "--class-names", "1=dark,3=bright")
    capsys.readouterr()
    assert main(["pixel", "validate", str(model)]) == 0
    said = capsys.readouterr().out
    assert "optimistic" in said
    assert "Jaccard" in said
    assert "painted as" in said
    assert main(["pixel", "validate", str(model), "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    report = PixelClassifier.load(model).validate()
    assert scores["accuracy"] == pytest.approx(report.scores.accuracy)
    assert scores["confusion"] == report.scores.confusion.tolist()
    assert [row["name"] for row in scores["classes"]] == ["dark", "bright"]
    assert [row["strokes"] for row in scores["classes"]] == [2, 2]


def test_a_class_that_cannot_be_judged_is_null_in_json(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = train(files)
    capsys.readouterr()
    assert main(["pixel", "validate", str(model), "--method", "image", "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["accuracy"] is None
    assert not any(row["judged"] for row in scores["classes"])


def test_progress_goes_to_stderr_only_where_asked(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(files)
    assert capsys.readouterr().err == ""
    train(files, "--progress")
    said = capsys.readouterr()
    assert "train: 100%" in said.err
    assert "train:" not in said.out


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, wanted in (
        (["--version"], "napari-segmotif "),
        (["--help"], "examples:"),
        (["pixel", "train", "--help"], "--class-names"),
        (["pixel", "predict", "--help"], "segmotif pixel predict cells.segmotif"),
        (["run", "--help"], "recipe.json"),
        (["demo", "--help"], "--no-window"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
        assert wanted in capsys.readouterr().out


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from napari_segmotif.cli import main\n"
        "try: main(['pixel', 'predict', '--help'])\nexcept SystemExit: pass\n"
        "print({'numpy', 'torch', 'sklearn', 'numba', 'napari', 'qtpy'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "set()"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupting_leaves_nothing_half_written(files: Path, number: int, code: int) -> None:
    model = train(files)
    large = np.lib.format.open_memmap(files / "large.npy", "w+", np.uint8, (20_000, 20_000))
    large.flush()
    out = files / "out"
    arguments = ["pixel", "predict", str(model), str(files / "large.npy"), "-o", str(out), "--progress"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    start = "import sys; from napari_segmotif.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", start, *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment) as running:
        assert running.stderr is not None
        said = b""
        while b"large.npy" not in said:  # a tile is done: it is in the middle of writing
            said += running.stderr.read(64)
        running.send_signal(number)
        rest = running.stderr.read().decode()
    assert running.returncode == code
    assert rest.strip().splitlines()[-1].endswith("nothing is half-written")
    assert "Traceback" not in rest
    assert list(out.iterdir()) == []


def test_the_folder_of_the_model_is_made(files: Path) -> None:
    train(files, "--model", str(files / "new/folder/cells"))
    model = PixelClassifier.load(files / "new/folder/cells.segmotif")
    np.testing.assert_array_equal(model.predict(two_textures()), same_classifier().predict(two_textures()))


def test_a_model_that_cannot_be_written_is_told_before_training(
    files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(PixelClassifier, "fit_iter", lambda *_args, **_more: pytest.fail("it trained"))
    pair = ["--image", str(files / "image.tif"), "--annotation", str(files / "strokes.tif")]
    assert main(["pixel", "train", *pair, "--model", str(files / "image.tif/cells.segmotif")]) == 1
    assert "its folder is a file" in capsys.readouterr().err


# ------------------------------------------------------------------------------- output that is not UTF-8


def on_windows(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command with the output of a pipe on a Western European Windows."""
    start = "import sys; from napari_segmotif.cli import main; sys.exit(main())"
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
    command = [sys.executable, "-c", start, *arguments]
    return subprocess.run(command, capture_output=True, env=environment, encoding="cp1252", check=False)


def test_names_that_the_output_cannot_show_are_written_differently(files: Path) -> None:
    model = train(files)
    (files / "image.tif").rename(files / "zellen_\u03b2.tif")
    done = on_windows(
        "pixel", "predict", str(model), str(files / "zellen_\u03b2.tif"), "-o", str(files / "out")
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert r"zellen_\u03b2_labels.ome.tif" in done.stdout
    assert (files / "out/zellen_\u03b2_labels.ome.tif").exists()


def test_help_is_shown_where_its_signs_cannot_be() -> None:
    done = on_windows("motifs", "find", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "F/F" in done.stdout
