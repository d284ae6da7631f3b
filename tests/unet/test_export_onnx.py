from __future__ import annotations

import errno
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_models import PATCH, said_by, untrained
from ideal_maps import disks, ideal_maps

from napari_segmotif.common.object_metrics import match_objects
from napari_segmotif.errors import MissingExtraError, SegmotifError, StorageError
from napari_segmotif.unet.exchange import export_onnx as module
from napari_segmotif.unet.exchange.export_onnx import check_onnx, export_onnx, onnx_runner
from napari_segmotif.unet.exchange.torch_export import activated_network
from napari_segmotif.unet.network.heads import Heads
from napari_segmotif.unet.objects.decoding import Decoder

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_onnx(untrained(n_channels=2), tmp_path_factory.mktemp("onnx") / "nuclei")


@pytest.mark.parametrize(
    ("batch", "shape"), [(1, (8, 8)), (1, (32, 40)), (3, (4, 60)), (2, (100, 20))], ids=str
)
def test_onnx_says_what_the_network_says_for_any_batch_and_size(
    written: Path, batch: int, shape: tuple[int, int]
) -> None:
    images = np.random.default_rng(batch).normal(0.4, 0.5, (batch, 2, *shape)).astype(np.float32)
    maps = onnx_runner(written.read_bytes())(images)
    expected = said_by(untrained(n_channels=2), images)
    assert maps.dtype == np.float32
    np.testing.assert_allclose(maps, expected, atol=1e-3, rtol=0)
    assert np.ptp(expected[:, 1]) > 0.01  # or agreeing would mean nothing
    np.testing.assert_allclose(maps[:, :2].sum(axis=1), 1, atol=1e-5)


def test_the_file_says_how_images_are_prepared_and_how_objects_are_made(written: Path) -> None:
    assert written.name == "nuclei.onnx"
    model, file = untrained(n_channels=2), onnx.load(written)
    onnx.checker.check_model(file, full_check=True)
    described = json.loads({entry.key: entry.value for entry in file.metadata_props}["segmotif"])
    assert described["maps"] == ["background", "nucleus", "boundary", "offset_y", "offset_x"]
    assert described["channels"] == ["dye 1", "dye 2"]
    assert described["multiples_of"] == [4, 4]
    assert described["percentiles"] == [1.0, 99.8]
    assert described["spacing"] == [0.3, 0.3]
    assert Decoder(**described["decoder"]) == model.decoder
    assert [value.name for value in file.graph.input] == ["image"]
    assert [value.name for value in file.graph.output] == ["maps"]


def test_a_file_that_says_something_else_is_noticed(written: Path) -> None:
    model, other = untrained(n_channels=2), untrained(n_channels=2, seed=1)
    assert check_onnx(written.read_bytes(), activated_network(model), model) <= 1e-3
    with pytest.raises(SegmotifError, match=r"something else than the original.*\(got a difference of"):
        check_onnx(written.read_bytes(), activated_network(other), other)


def test_a_file_that_says_something_else_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = activated_network(untrained(seed=1))
    monkeypatch.setattr("napari_segmotif.unet.exchange.torch_export.activated_network", lambda model: other)
    path = tmp_path / "model.onnx"
    path.write_bytes(b"older")
    with pytest.raises(SegmotifError, match="something else than the original"):
        export_onnx(untrained(), path)
    assert path.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("annotation", ["instances", "scribbles"])
@pytest.mark.parametrize("normalization", ["batch", "instance"])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_every_kind_of_network_can_be_written(
    dimensions: int, normalization: str, annotation: str, residual: bool
) -> None:
    model = untrained(
        dimensions=dimensions, normalization=normalization, annotation=annotation, residual=residual
    )
    run = onnx_runner(module.onnx_content(model))
    images = np.random.default_rng(0).random((2, 1, *PATCH[dimensions])).astype(np.float32)
    np.testing.assert_allclose(run(images), said_by(model, images), atol=1e-3, rtol=0)


@pytest.mark.parametrize("name", ["onnx", "onnxruntime"])
def test_without_the_extra_it_is_named_before_anything_is_written(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=rf"napari-segmotif\[export\].*\(got no {name}\)"):
        export_onnx(untrained(), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_told_before_the_work_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "onnx_content", lambda model: pytest.fail("too late"))
    with pytest.raises(StorageError, match=r"folder does not exist.*\(got"):
        export_onnx(untrained(), tmp_path / "nowhere" / "model.onnx")


def test_a_full_disk_leaves_the_older_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "model.onnx"
    path.write_bytes(b"older")
    monkeypatch.setattr(module, "onnx_content", lambda model: b"newer")
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageError, match="no space"):
        export_onnx(untrained(), path)
    assert path.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [path]


def test_the_few_lines_in_the_docs_make_the_objects_of_the_decoder() -> None:
    page = Path(__file__).parents[2] / "docs" / "unet-files.md"
    blocks = re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    code = next(block for block in blocks if "def " in block)
    namespace: dict[str, Any] = {}
    exec(code, namespace)
    truth = disks((96, 96), 12, (7, 10), seed=3)
    maps, decoder = ideal_maps(truth), Decoder(method="seeds")
    described = {"decoder": decoder.model_dump(), "maps": ["background", "object", "boundary"]}
    described |= {"classes": [0, 1], "background": 0}
    made = namespace["objects_from_seeds"](maps, described)
    assert match_objects(truth, made).mean_average_precision > 0.85  # a sliver of an object has no core
    expected = decoder(maps, Heads((0, 1), True, 2))
    assert match_objects(expected, made).mean_average_precision > 0.95
