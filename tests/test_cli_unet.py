"""`segmotif unet …`, and `segmotif run` with a recipe of a network."""

from __future__ import annotations

import csv
import json
import math
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_segmotif import open_image, simulate_nuclei_2d, write_image
from napari_segmotif.batch.unet_recipe import UNetRecipe
from napari_segmotif.cli import main
from napari_segmotif.cli.progress import ProgressBar
from napari_segmotif.unet.parameters import UNetParameters
from napari_segmotif.unet.segmenter import UNetSegmenter

SPACING = (0.5, 0.25)
N_EPOCHS = 5
SETTINGS = {
    "n_epochs": N_EPOCHS, "steps_per_epoch": 4, "batch_size": 2, "patch_size": 32, "width": 8, "depth": 2,
    "learning_rate": 0.01, "random_state": 3, "dropout": 0.1,
}  # fmt: skip
SMALL = [
    "--epochs", str(N_EPOCHS), "--set", "steps_per_epoch=4", "--batch-size", "2", "--patch-size", "32",
    "--width", "8", "--depth", "2", "--set", "learning_rate=0.01", "--seed", "3", "--set", "dropout=0.1",
]  # fmt: skip


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders `images` and `labels` with three pairs each, with pixel sizes."""
    root = tmp_path_factory.mktemp("nuclei")
    kept: dict[str, Any] = {"axes": "YX", "spacing": SPACING, "units": "micrometer"}
    for name in ("images", "labels"):
        (root / name).mkdir()
    for number in range(3):
        sample = simulate_nuclei_2d(shape=(96, 112), random_state=number)
        write_image(root / f"images/n{number}.tif", sample.image, **kept)
        write_image(root / f"labels/n{number}_objects.tif", sample.labels, labels=True, **kept)
    return root


@pytest.fixture(scope="module")
def model(folders: Path) -> Path:
    """A model that was trained without a break, and its history."""
    path = folders / "model.segmotif"
    assert train(folders, path, "--history", "--keep-every", "0") == 0
    return path


def train(folders: Path, path: Path, *more: str, settings: list[str] = SMALL) -> int:
    pairs = [str(folders / "images"), str(folders / "labels")]
    return main(["unet", "train", *pairs, "-o", str(path), "--device", "cpu", *settings, *more])


def read(path: Path) -> np.ndarray:
    with open_image(path) as opened:
        return np.asarray(opened.array[:])


def weights(path: Path) -> dict[str, np.ndarray]:
    network = UNetSegmenter.load(path).model_.network
    return {name: value.numpy() for name, value in network.state_dict().items()}


def assert_same_network(one: Path, other: Path) -> None:
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name], err_msg=name)


def press_once_learning(monkeypatch: pytest.MonkeyPatch, number: int, times: int = 1, epoch: int = 2) -> None:
    """Send a signal to this process once an epoch is over."""

    def say(_bar: ProgressBar, line: str) -> None:
        if line.startswith(f"epoch {epoch} "):
            for _ in range(times):
                signal.raise_signal(number)

    monkeypatch.setattr(ProgressBar, "say", say)


# ------------------------------------------------------------------------------------------------- training


def test_command_line_and_python_give_the_same_numbers(folders: Path, model: Path) -> None:
    images = [read(folders / f"images/n{n}.tif") for n in range(3)]
    labels = [read(folders / f"labels/n{n}_objects.tif") for n in range(3)]
    python = UNetSegmenter(device="cpu", **SETTINGS).fit(images, labels, "instances", spacing=SPACING)
    for name, value in python.model_.network.state_dict().items():
        np.testing.assert_array_equal(weights(model)[name], value.numpy(), err_msg=name)
    loaded = UNetSegmenter.load(model)
    assert loaded.decoder_ == python.decoder_
    assert loaded.spacing_ == SPACING
    assert [r.validation_loss for r in loaded.history_] == [r.validation_loss for r in python.history_]
    out = folders / "same"
    image = str(folders / "images/n0.tif")
    wanted = ["--outputs", "labels,instances", "probabilities", "uncertainty", "--device", "cpu"]
    assert main(["unet", "predict", str(model), image, "-o", str(out), *wanted]) == 0
    np.testing.assert_array_equal(read(out / "n0_labels.ome.tif"), python.predict(images[0]))
    np.testing.assert_array_equal(read(out / "n0_instances.ome.tif"), python.predict_instances(images[0]))
    np.testing.assert_array_equal(read(out / "n0_probabilities.ome.tif"), python.predict_proba(images[0]))
    np.testing.assert_array_equal(read(out / "n0_uncertainty.ome.tif"), python.predict_uncertainty(images[0]))


def test_training_says_what_came_out(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = ["--epochs", "1", *SMALL[2:]]
    validation = ["--validation-images", str(folders / "images/n0.tif")]
    validation += ["--validation-labels", str(folders / "labels/n0_objects.tif")]
    path = tmp_path / "quick.segmotif"
    assert train(folders, path, *validation, "--history", "--progress", settings=one) == 0
    said = capsys.readouterr()
    assert "labels are taken for instances (the first image has" in said.err
    assert "epoch 1 of 1: loss " in said.err
    assert f"{path}: 1 of 1 epochs" in said.out
    assert "patch: 32 × 32" in said.out
    assert "average precision" in said.out
    table = UNetSegmenter.load(path).validation_
    assert table is not None
    assert table.n_samples == 1
    assert UNetSegmenter.load(path).card_["images"] == ["n0.tif", "n1.tif", "n2.tif"]
    assert str(tmp_path / "quick_history.csv") in said.out


def test_the_folder_of_the_model_is_made_before_training(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn, there = UNetSegmenter.fit_job, []

    def fit_job(*given: Any, **more: Any) -> Any:
        there.append((tmp_path / "new/folder").is_dir())
        return learn(*given, **more)

    monkeypatch.setattr(UNetSegmenter, "fit_job", fit_job)
    assert train(folders, tmp_path / "new/folder/v1.2", settings=["--epochs", "1", *SMALL[2:]]) == 0
    assert there == [True]
    assert len(UNetSegmenter.load(tmp_path / "new/folder/v1.2.segmotif").history_) == 1


def test_a_model_that_cannot_be_written_is_told_before_training(
    folders: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(UNetSegmenter, "fit_job", lambda *_args, **_more: pytest.fail("it trained"))
    assert train(folders, folders / "images/n0.tif/nuclei.segmotif") == 1
    assert "its folder is a file" in capsys.readouterr().err


def test_the_history_is_a_table_of_epochs(model: Path) -> None:
    with open(model.with_name("model_history.csv"), newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    history = UNetSegmenter.load(model).history_
    assert [int(row["epoch"]) for row in rows] == list(range(1, N_EPOCHS + 1))
    for row, report in zip(rows, history, strict=True):
        for name, value in report.as_row().items():
            assert (math.nan if row[name] == "" else float(row[name])) == pytest.approx(value, nan_ok=True)


def test_every_kind_of_option_reaches_the_parameters(folders: Path, tmp_path: Path) -> None:
    own = ["--epochs", "1", "--minutes", "2", "--width", "4", "--depth", "1", "--patch-size", "16"]
    own += ["--batch-size", "1", "--seed", "9", "--set", "steps_per_epoch=1", "--set", "flip=False"]
    own += ["--set", "optimizer=sgd", "--set", "elastic=0", "--set", "class_loss=ce", "--set", "blur=0.5"]
    path = tmp_path / "all.segmotif"
    named = ["--class-names", "0=nothing,1=nuclei", "--annotation", "instances"]
    assert train(folders, path, *named, settings=own) == 0
    loaded = UNetSegmenter.load(path)
    wanted = UNetParameters(
        n_epochs=1, max_minutes=2, width=4, depth=1, patch_size=16, batch_size=1, random_state=9,
        steps_per_epoch=1, flip=False, optimizer="sgd", elastic=0, class_loss="ce", blur=0.5,
    )  # fmt: skip
    assert loaded.parameters == wanted
    assert loaded.class_names_ == {0: "nothing", 1: "nuclei"}


def test_ctrl_c_keeps_the_best_and_resume_goes_on_to_the_same_bits(
    folders: Path,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "stopped.segmotif"
    press_once_learning(monkeypatch, signal.SIGINT)
    assert train(folders, path) == 0
    assert f"--resume {path} goes on from here" in capsys.readouterr().err
    stopped = UNetSegmenter.load(path)
    assert stopped.can_resume
    assert len(stopped.history_) == 2
    monkeypatch.undo()
    assert train(folders, path, "--resume", str(path), settings=[]) == 0
    assert_same_network(path, model)
    assert not UNetSegmenter.load(path).can_resume


def test_what_is_kept_between_epochs_survives_being_killed(
    folders: Path,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Two Ctrl-C leave at once, as a power cut would; what was kept by then is gone on with."""
    path, kept = tmp_path / "cut.segmotif", tmp_path / "cut.unfinished.segmotif"
    press_once_learning(monkeypatch, signal.SIGINT, times=2, epoch=3)
    assert train(folders, path, "--keep-every", "0.00001") == 130
    assert f"--resume {kept} goes on from what was kept" in capsys.readouterr().err
    assert not path.exists()
    assert len(UNetSegmenter.load(kept).history_) == 2
    monkeypatch.undo()
    assert train(folders, path, "--resume", str(kept), "--keep-every", "0.00001", settings=[]) == 0
    assert_same_network(path, model)
    assert UNetSegmenter.load(path).decoder_ == UNetSegmenter.load(model).decoder_
    assert not UNetSegmenter.load(path).stopped_


def test_sigterm_keeps_the_best_too_but_is_no_success(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ended.segmotif"
    before = signal.getsignal(signal.SIGTERM)
    press_once_learning(monkeypatch, signal.SIGTERM, epoch=1)
    assert train(folders, path) == 143
    assert UNetSegmenter.load(path).can_resume
    assert signal.getsignal(signal.SIGTERM) == before


def test_fine_tuning_begins_with_the_weights(folders: Path, model: Path, tmp_path: Path) -> None:
    path = tmp_path / "tuned.segmotif"
    slow = ["--epochs", "1", "--set", "learning_rate=1e-9", "--set", "steps_per_epoch=1"]
    assert train(folders, path, "--fine-tune", str(model), settings=slow) == 0
    tuned = UNetSegmenter.load(path)
    assert tuned.parameters.learning_rate == 1e-9
    assert len(tuned.history_) == 1
    first, second = weights(model), weights(path)
    for name, value in first.items():
        if name.endswith("weight"):
            np.testing.assert_allclose(second[name], value, atol=1e-5, err_msg=name)


def test_semantic_labels_bring_their_names(folders: Path, tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    for number in range(3):
        mask = (read(folders / f"labels/n{number}_objects.tif") > 0).astype(np.uint8)
        names = {"class_names": {"0": "sky", "1": "sea"}}
        write_image(tmp_path / f"masks/n{number}.tif", mask, axes="YX", labels=True, metadata=names)
    path = tmp_path / "semantic.segmotif"
    arguments = ["unet", "train", str(folders / "images"), str(tmp_path / "masks"), "-o", str(path)]
    quick = ["--annotation", "semantic", "--epochs", "1", *SMALL[2:], "--device", "cpu"]
    assert main([*arguments, *quick]) == 0
    assert UNetSegmenter.load(path).class_names_ == {0: "sky", 1: "sea"}
    image = str(folders / "images/n0.tif")
    assert main(["unet", "predict", str(path), image, "-o", str(tmp_path / "out")]) == 0
    assert [p.name for p in sorted((tmp_path / "out").iterdir())] == ["n0_labels.ome.tif", "recipe.json"]


# --------------------------------------------------------------------------- prediction, recipes, evaluation


@pytest.mark.parametrize(("format_", "suffix"), [("tif", ".ome.tif"), ("zarr", ".ome.zarr"), ("npy", ".npy")])
def test_objects_are_written_with_their_pixel_size(
    folders: Path, model: Path, tmp_path: Path, format_: str, suffix: str
) -> None:
    image = str(folders / "images/n1.tif")
    arguments = ["unet", "predict", str(model), image, "-o", str(tmp_path), "--format", format_]
    assert main(arguments) == 0
    with open_image(tmp_path / f"n1_instances{suffix}") as opened:
        objects = np.asarray(opened.array[:])
        if format_ != "npy":
            assert opened.spacing == pytest.approx(SPACING)
    np.testing.assert_array_equal(objects, UNetSegmenter.load(model).predict_instances(read(Path(image))))


def test_objects_can_be_made_another_way(folders: Path, model: Path, tmp_path: Path) -> None:
    image = str(folders / "images/n0.tif")
    segmenter = UNetSegmenter.load(model, device="cpu")
    wanted = segmenter.decoder_.model_copy(update={"foreground_threshold": 0.35, "minimum_size": 60})
    changes = ["--foreground-threshold", "0.35", "--decoder", "minimum_size=60"]
    assert main(["unet", "predict", str(model), image, "-o", str(tmp_path), "--device", "cpu", *changes]) == 0
    found = read(tmp_path / "n0_instances.ome.tif")
    expected = segmenter.predict_instances(open_image(image).array[:], decoder=wanted)
    np.testing.assert_array_equal(found, expected)
    recipe = UNetRecipe.load(tmp_path / "n0_instances.ome.tif")
    assert recipe.parameters.decoder == wanted


def test_one_bad_file_does_not_stop_the_others(
    folders: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.tif").write_bytes(b"II*\0 this is no image at all")
    write_image(tmp_path / "rgb.tif", np.zeros((40, 40, 3), np.uint8), axes="YXC")
    write_image(tmp_path / "z.tif", read(folders / "images/n2.tif"), axes="YX")
    out = tmp_path / "out"
    assert main(["unet", "predict", str(model), str(tmp_path / "*.tif"), "-o", str(out)]) == 1
    assert sorted(path.name for path in out.iterdir()) == ["recipe.json", "z_instances.ome.tif"]
    said = capsys.readouterr()
    last = said.err.strip().splitlines()[-1]
    assert last.startswith("segmotif: error: 2 of 3 images failed: ")
    assert "1 channel" in said.err
    assert "Traceback" not in said.err
    again = ["unet", "predict", str(model), str(tmp_path / "z.tif"), "-o", str(out), "--skip-existing"]
    assert main(again) == 0
    assert "was there already" in capsys.readouterr().out


def test_run_repeats_to_the_same_files(folders: Path, model: Path, tmp_path: Path) -> None:
    image = str(folders / "images/n0.tif")
    first = ["unet", "predict", str(model), image, "-o", str(tmp_path / "out"), "--device", "cpu"]
    wanted = [
        "--outputs",
        "instances,uncertainty",
        "--augment",
        "--uncertainty",
        "dropout",
        "--format",
        "zarr",
    ]
    assert main([*first, *wanted]) == 0
    recipe = json.loads((tmp_path / "out/recipe.json").read_text("utf-8"))
    assert recipe["tool"] == "unet"
    assert recipe["parameters"] == {
        "outputs": ["instances", "uncertainty"], "augment": True, "uncertainty": "dropout",
    }  # fmt: skip
    for number, source in enumerate(("recipe.json", "n0_instances.ome.zarr")):
        again = tmp_path / f"again{number}"
        arguments = ["run", str(tmp_path / "out" / source), image, "-o", str(again), "--format", "zarr"]
        assert main([*arguments, "--device", "cpu"]) == 0
        for name in ("n0_instances.ome.zarr", "n0_uncertainty.ome.zarr"):
            assert_same_files(again / name, tmp_path / "out" / name)


def assert_same_files(one: Path, other: Path) -> None:
    found = {p.relative_to(one): p.read_bytes() for p in one.rglob("*") if p.is_file()}
    expected = {p.relative_to(other): p.read_bytes() for p in other.rglob("*") if p.is_file()}
    assert found.keys() == expected.keys()
    assert [str(name) for name in found if found[name] != expected[name]] == []


def test_run_refuses_a_model_that_was_changed(
    folders: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy, image = tmp_path / "copy.segmotif", str(folders / "images/n0.tif")
    copy.write_bytes(model.read_bytes())
    assert main(["unet", "predict", str(copy), image, "-o", str(tmp_path / "out")]) == 0
    loaded = UNetSegmenter.load(copy)
    loaded.model_.class_names[1] = "others"  # type: ignore[index]
    loaded.save(copy)
    again = ["run", str(tmp_path / "out/recipe.json"), image, "-o", str(tmp_path / "again")]
    assert main(again) == 1
    assert "changed since" in capsys.readouterr().err
    assert main([*again, "--jobs", "2", "--model", str(model)]) == 1
    assert "--jobs" in capsys.readouterr().err
    assert main([*again, "--model", str(model)]) == 0


def test_evaluating_against_its_own_objects_finds_all_of_them(
    folders: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predicted = ["unet", "predict", str(model), str(folders / "images"), "-o", str(tmp_path)]
    assert main(predicted) == 0
    n_objects = sum(int(read(path).max()) for path in tmp_path.glob("*_instances.ome.tif"))
    assert n_objects > 0
    capsys.readouterr()
    arguments = ["unet", "evaluate", str(model), str(folders / "images"), str(tmp_path / "*.tif")]
    assert main([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["objects"]["n_true"] == found["objects"]["n_found"] == n_objects
    assert found["objects"]["mean_average_precision"] == 1.0
    assert found["mean_of_images"] == [1.0] * 5
    assert [image["error"] for image in found["images"]] == [None] * 3
    assert main(arguments) == 0
    said = capsys.readouterr()
    assert f"{n_objects} objects in the labels, {n_objects} found" in said.out
    assert "the network was trained on images of these names" in said.err


def test_json_of_scores_is_plain_ascii(
    folders: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What reads it need not know in which encoding the pipe was."""
    name = "m\u00e4use_\U0001f42d"
    (tmp_path / f"{name}.tif").write_bytes((folders / "images/n0.tif").read_bytes())
    (tmp_path / f"{name}_objects.tif").write_bytes((folders / "labels/n0_objects.tif").read_bytes())
    pair = [str(tmp_path / f"{name}.tif"), str(tmp_path / f"{name}_objects.tif")]
    assert main(["unet", "evaluate", str(model), *pair, "--json", "--device", "cpu"]) == 0
    said = capsys.readouterr().out
    assert said.isascii()
    assert json.loads(said)["images"][0]["image"] == pair[0]


# ---------------------------------------------------------------------------------------- export, settings


def test_onnx_is_written(model: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    assert main(["unet", "export", str(model), "-o", str(tmp_path / "n.onnx")]) == 0
    assert (tmp_path / "n.onnx").stat().st_size > 1000


@pytest.mark.parametrize("name", ["n.onnx", "n.zip"])
def test_export_without_its_extra_is_refused(
    model: Path,
    tmp_path: Path,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["unet", "export", str(model), "-o", str(tmp_path / name)]) == 1
    assert "napari-segmotif[export]" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_settings_lists_every_one(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["unet", "settings"]) == 0
    said = capsys.readouterr().out
    for name, field in UNetParameters.model_fields.items():
        assert (f"\n{name} = " in f"\n{said}") == (name != "device")
        assert name == "device" or str(field.description) in said
    assert "batch_size = none (--batch-size): Batch, from 1 to 1024, or none." in said
    assert "gradient_clip = 5.0: Gradient clip, more than 0 to 1e+06." in said
    assert "class_loss = dice+ce: Loss of classes, one of dice+ce, ce, dice, focal." in said
    assert main(["unet", "settings", str(model)]) == 0
    assert "batch_size = 2 (--batch-size)" in capsys.readouterr().out


# --------------------------------------------------------------------------------------------- what is wrong


def test_failures_are_one_line(
    folders: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, labels, out = str(folders / "images"), str(folders / "labels"), str(tmp_path / "m.segmotif")
    (tmp_path / "empty").mkdir()
    cut = tmp_path / "cut.segmotif"
    cut.write_bytes(model.read_bytes()[:-200])
    training = ["unet", "train", images, labels, "-o", out]
    cases = {
        "did you mean elastic": [*training, "--set", "elastik=3"],
        "two for 'n_epochs'": [*training, "--epochs", "3", "--set", "n_epochs=4"],
        "dropout": [*training, "--set", "dropout=2"],
        "belong together": [*training, "--validation-images", images],
        "goes on with the settings": [*training, "--resume", str(model), "--epochs", "9"],
        "was finished": [*training, "--resume", str(model)],
        "keeps its shape": [*training, "--fine-tune", str(model), "--width", "16"],
        "no model file": [*training, "--fine-tune", str(tmp_path / "none.segmotif")],
        "cut.segmotif": ["unet", "predict", str(cut), images, "-o", str(tmp_path / "out")],
        "heatmap": [
            "unet",
            "predict",
            str(model),
            images,
            "-o",
            str(tmp_path / "out"),
            "--outputs",
            "heatmap",
        ],
        "--format": ["unet", "export", str(model), "-o", str(tmp_path / "model.pt")],
        "replace the model": ["unet", "export", str(model), "-o", str(model), "--format", "onnx"],
        "no image": ["unet", "train", str(tmp_path / "empty"), labels, "-o", out],
    }
    for wanted, arguments in cases.items():
        capsys.readouterr()
        assert main(arguments) == 1, arguments
        said = capsys.readouterr().err
        assert said.startswith("segmotif: error: "), said
        assert said.count("\n") == 1, said
        assert wanted in said
        assert "(got" in said, said
    assert not (tmp_path / "m.segmotif").exists()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["unet", "trian"],
        ["unet", "train", "images", "-o", "m"],
        ["unet", "train", "images", "labels", "-o", "m", "--set", "elastic"],
        ["unet", "train", "images", "labels", "-o", "m", "--resume", "a", "--fine-tune", "b"],
        ["unet", "train", "images", "labels", "-o", "m", "--epochs", "0"],
        ["unet", "export", "m", "-o", "out", "--format", "keras"],
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


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from napari_segmotif.cli import main\n"
        "try: main(['unet', 'train', '--help'])\nexcept SystemExit: pass\n"
        "print({'numpy', 'torch', 'scipy', 'numba', 'napari', 'onnx'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "set()"
    assert "segmotif unet train images/ labels/" in done.stdout
