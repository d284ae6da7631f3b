from __future__ import annotations

import errno
import io
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from export_models import said_by, untrained

from napari_segmotif.common.axes import ImageSource
from napari_segmotif.common.simulation import simulate_nuclei_2d
from napari_segmotif.errors import InputError, MissingExtraError, StorageError
from napari_segmotif.unet.exchange import export_bioimageio as module
from napari_segmotif.unet.exchange import import_bioimageio
from napari_segmotif.unet.exchange.export_bioimageio import export_bioimageio
from napari_segmotif.unet.objects.decoding import Decoder
from napari_segmotif.unet.trained import TrainedUNet
from napari_segmotif.unet.training_data.intensity import intensity_range

for name in ("onnx", "onnxruntime", "bioimageio.core"):
    pytest.importorskip(name)

# bioimageio leaves it to Python to close the files it has read.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture(scope="module")
def nuclei() -> np.ndarray:
    return simulate_nuclei_2d((96, 120), n_nuclei=9).image


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory, nuclei: np.ndarray) -> Path:
    """A two-dimensional network that tells objects apart."""
    return export_bioimageio(
        untrained(),
        tmp_path_factory.mktemp("package") / "nuclei",
        example=nuclei,
        name="Nuclei in tissue",
        description="Nuclei of a simulated tissue.",
        authors=["Ada Lovelace"],
        tags=["nuclei"],
    )


@pytest.fixture(scope="module")
def volume_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A three-dimensional network of classes that adapts to every tile."""
    model = untrained(dimensions=3, normalization="instance", annotation="scribbles", n_channels=2)
    return export_bioimageio(model, tmp_path_factory.mktemp("volumes") / "volumes.zip")


def description(package: Path) -> dict[str, Any]:
    with zipfile.ZipFile(package) as archive:
        return yaml.safe_load(archive.read("rdf.yaml"))


def member(package: Path, name: str) -> bytes:
    with zipfile.ZipFile(package) as archive:
        return archive.read(name)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["package", "volume_package"])
def test_the_test_of_bioimageio_core_passes_through_both_kinds_of_weights(
    which: str, request: pytest.FixtureRequest
) -> None:
    from bioimageio.core import test_model as run_test

    summary = run_test(request.getfixturevalue(which), devices=["cpu"])
    assert summary.status == "passed", summary.format()
    reproduced = [d.name for d in summary.details if d.name.startswith("Reproduce test outputs")]
    assert any("(onnx)" in name for name in reproduced)
    assert any("(pytorch_state_dict)" in name for name in reproduced)


@pytest.mark.parametrize("weights", ["onnx", "pytorch_state_dict"])
def test_others_get_from_a_raw_image_what_we_get(package: Path, nuclei: np.ndarray, weights: str) -> None:
    from bioimageio.core import create_prediction_pipeline, load_model_description
    from bioimageio.core.digest_spec import create_sample_for_model

    model = load_model_description(package)
    raw = nuclei[None, None, :92, :116].astype(np.float32)
    with create_prediction_pipeline(model, weight_format=weights, devices=["cpu"]) as pipeline:
        sample = create_sample_for_model(model, inputs={"image": raw})
        made = pipeline.predict_sample_without_blocking(
            sample, skip_input_padding=True, skip_output_cropping=True
        )
    maps = made.members["maps"].data.to_numpy()
    source = ImageSource(raw[0, 0], "YX", None)
    expected = said_by(untrained(), intensity_range(source, 0, None).apply(raw[0])[None])
    np.testing.assert_allclose(maps, expected, atol=1e-3, rtol=0)


def test_the_package_tells_all_that_is_needed_to_use_it(package: Path) -> None:
    model, described = untrained(), description(package)
    assert package.name == "nuclei.zip"
    assert described["name"] == "Nuclei in tissue"
    assert described["authors"] == [{"name": "Ada Lovelace"}]
    assert {"2d", "instance-segmentation", "unet", "nuclei"} <= set(described["tags"])
    assert described["license"] == "CC-BY-4.0"
    assert "Ronneberger" in described["cite"][0]["text"]
    image, maps = described["inputs"][0], described["outputs"][0]
    assert image["axes"][1]["channel_names"] == ["dye 1"]
    assert [axis["size"]["step"] for axis in image["axes"][2:]] == [4, 4]
    scaling = next(step for step in image["preprocessing"] if step["id"] == "scale_range")["kwargs"]
    assert (scaling["min_percentile"], scaling["max_percentile"], scaling["axes"]) == (1.0, 99.8, ["y", "x"])
    names = ["background", "nucleus", "boundary", "offset_y", "offset_x"]
    assert maps["axes"][1]["channel_names"] == names
    assert Decoder(**described["config"]["segmotif"]["decoder"]) == model.decoder
    page = member(package, "README.md").decode()
    assert "`foreground_threshold` = 0.4" in page
    assert "watershed" in page


def test_a_network_that_adapts_to_tiles_asks_for_those_of_the_training(volume_package: Path) -> None:
    described = description(volume_package)
    assert [axis["size"] for axis in described["inputs"][0]["axes"][2:]] == [8, 16, 24]
    assert described["outputs"][0]["axes"][1]["channel_names"] == ["dark", "bright", "bright 2"]


def test_the_example_is_the_image_that_was_given(package: Path, nuclei: np.ndarray) -> None:
    image = np.load(io.BytesIO(member(package, "test_input.npy")), allow_pickle=False)
    assert image.shape == (1, 1, 32, 40)
    np.testing.assert_array_equal(image[0, 0], nuclei[32:64, 40:80].astype(np.float32))


def test_the_weights_for_others_are_tensors_by_name_and_nothing_else(package: Path) -> None:
    state = torch.load(io.BytesIO(member(package, "weights.pt")), weights_only=True)
    expected = untrained().network.state_dict()
    assert {name.removeprefix("network.") for name in state} == set(expected)
    for name, value in expected.items():
        torch.testing.assert_close(state[f"network.{name}"], value, rtol=0, atol=0)


def test_our_own_package_comes_back_as_it_went(package: Path, nuclei: np.ndarray) -> None:
    model, back = untrained(), import_bioimageio.import_bioimageio(package)
    scaled = (nuclei[None, None, :64, :64] / nuclei.max()).astype(np.float32)
    np.testing.assert_array_equal(said_by(back, scaled), said_by(model, scaled))
    for field in ("heads", "decoder", "configuration", "class_names", "channel_names", "spacing", "axes"):
        assert getattr(back, field) == getattr(model, field)


@pytest.mark.parametrize(
    ("example", "complaint"),
    [
        (np.zeros((3, 40, 40)), r"1 channel\(s\) and 2 further axes"),
        (np.zeros(40), r"1 channel\(s\) and 2 further axes"),
        (np.zeros((0, 40)), "further axes"),
        (np.full((40, 40), np.nan), "finite real numbers"),
        (np.full((40, 40), "a"), "finite real numbers"),
    ],
)
def test_an_example_that_does_not_fit_is_refused(example: np.ndarray, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"{complaint}.*\(got"):
        export_bioimageio(untrained(), tmp_path / "model.zip", example=example)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "wrong", [{"name": "a/b?c.d"}, {"license": "finders-keepers"}, {"authors": ["a/b"]}], ids=str
)
def test_texts_that_bioimageio_does_not_allow_are_refused_by_name(
    wrong: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "onnx_content", lambda model: b"onnx")
    field = next(iter(wrong))
    with pytest.raises(InputError, match=rf"does not allow this as {field}.*\(got"):
        export_bioimageio(untrained(), tmp_path / "model.zip", **wrong)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["onnx", "onnxruntime", "bioimageio.core"])
def test_without_the_extra_it_is_named_before_anything_is_written(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=rf"napari-segmotif\[export\].*\(got no {name}\)"):
        export_bioimageio(untrained(), tmp_path / "model.zip")
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_told_before_the_work_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "write_files", lambda *_: pytest.fail("too late"))
    with pytest.raises(StorageError, match=r"folder does not exist.*\(got"):
        export_bioimageio(untrained(), tmp_path / "nowhere" / "model.zip")


def test_a_full_disk_leaves_the_older_package_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(package: object, path: Path) -> None:
        path.write_bytes(b"half of")
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "model.zip"
    path.write_bytes(b"older")
    monkeypatch.setattr(module, "onnx_content", lambda model: b"onnx")
    monkeypatch.setattr("napari_segmotif.unet.exchange.bioimageio_description.write_package", full)
    with pytest.raises(StorageError, match="no space"):
        export_bioimageio(untrained(), path)
    assert path.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [path]


def test_without_an_example_a_simulated_one_goes_along(volume_package: Path) -> None:
    image = np.load(io.BytesIO(member(volume_package, "test_input.npy")), allow_pickle=False)
    model: TrainedUNet = untrained(
        dimensions=3, normalization="instance", annotation="scribbles", n_channels=2
    )
    assert image.shape == (1, 2, *model.configuration.patch)
    assert np.ptp(image) > 0
