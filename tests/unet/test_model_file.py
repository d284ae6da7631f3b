"""A saved U-Net is the same one; a damaged file is refused and nothing else happens."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from training_cases import assert_same_model, discs, stopped_after, tiny, weights_of

from napari_segmotif import UNetSegmenter
from napari_segmotif.common.model_files import read_model, write_model
from napari_segmotif.common.progress import run_job
from napari_segmotif.errors import ModelFileError, StorageError

IMAGES, LABELS = map(list, zip(*(discs(seed) for seed in range(3)), strict=True))


@pytest.fixture(scope="module")
def unet() -> UNetSegmenter:
    return tiny(n_epochs=2).fit(IMAGES, LABELS, spacing=(0.5, 0.25), class_colors={1: "#00ff00"})


@pytest.fixture(scope="module")
def stopped() -> UNetSegmenter:
    return stopped_after(tiny(), 6, IMAGES, LABELS)[0]


def test_everything_comes_back(unet: UNetSegmenter, tmp_path: Path) -> None:
    loaded = UNetSegmenter.load(unet.save(tmp_path / "model"), device="cpu")
    assert_same_model(unet, loaded)
    one, two = unet.model_, loaded.model_
    for name in ("heads", "configuration", "annotation", "n_channels", "axes", "spacing", "class_names"):
        assert getattr(one, name) == getattr(two, name), name
    for name in ("class_colors", "channel_names", "decoder", "messages", "stopped", "card"):
        assert getattr(one, name) == getattr(two, name), name
    assert one.network.offset_scale == two.network.offset_scale


@pytest.mark.parametrize("annotation", ["semantic", "scribbles"])
def test_models_without_objects_come_back(annotation: Any, tmp_path: Path) -> None:
    classes = [np.where(labels > 0, 7, 2) for labels in LABELS]
    unet = tiny(n_epochs=1).fit(IMAGES, classes, annotation)
    loaded = UNetSegmenter.load(unet.save(tmp_path / "model"), device="cpu")
    assert_same_model(unet, loaded)
    assert loaded.classes_.tolist() == [2, 7]
    assert loaded.annotation_ == annotation
    assert np.isnan(loaded.history_[0].validation_ap)


def test_where_training_stands_comes_back(stopped: UNetSegmenter, tmp_path: Path) -> None:
    path = stopped.save(tmp_path / "stopped")
    loaded = UNetSegmenter.load(path, device="cpu")
    assert loaded.can_resume
    assert loaded.validation_ is None
    assert_same_model(stopped, loaded)
    again = loaded.save(tmp_path / "again")
    assert again.read_bytes() == path.read_bytes()


def test_the_same_model_makes_the_same_file(unet: UNetSegmenter, tmp_path: Path) -> None:
    one, two = unet.save(tmp_path / "one"), unet.save(tmp_path / "two")
    assert one.suffix == ".segmotif"
    assert one.read_bytes() == two.read_bytes()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_truncated_or_flipped_file_is_refused(unet: UNetSegmenter, tmp_path: Path, data: Any) -> None:
    path = tmp_path / "model.segmotif"
    whole = (path if path.exists() else unet.save(path)).read_bytes()
    damaged = bytearray(whole)
    if data.draw(st.booleans(), "truncate"):
        damaged = damaged[: data.draw(st.integers(0, len(whole) - 1))]
    else:
        damaged[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    hurt = tmp_path / "hurt.segmotif"
    hurt.write_bytes(damaged)
    try:
        loaded = UNetSegmenter.load(hurt, device="cpu")
    except ModelFileError:
        return
    np.testing.assert_equal(weights_of(loaded), weights_of(unet))  # a byte that no reader looks at


Change = Callable[[dict[str, Any], dict[str, Any]], object]


def put(name: str, value: Callable[[Any], Any]) -> Change:
    return lambda metadata, weights: weights.__setitem__(name, value(weights[name]))


def say(name: str, value: Any) -> Change:
    return lambda metadata, weights: metadata.__setitem__(name, value)


def configure(name: str, value: Any) -> Change:
    return lambda metadata, weights: metadata["configuration"].__setitem__(name, value)


def judge(name: str, value: Any) -> Change:
    return lambda metadata, weights: metadata["validation"].__setitem__(name, value)


@pytest.mark.parametrize(
    "change",
    [
        put("network.head.weight", lambda w: w[:-1].copy()),
        put("network.head.weight", lambda w: np.full_like(w, np.nan)),
        put("network.down.0.conv1.weight", lambda w: w[:, :1].copy()),
        lambda metadata, weights: weights.pop("network.head.bias"),
        lambda metadata, weights: weights.__setitem__("network.more", np.zeros(3, np.float32)),
        say("parameters", {"n_epochs": 0}),
        say("parameters", {"unknown": 1}),
        say("annotation", "semantic"),
        say("annotation", "drawings"),
        say("classes", [0, 1, 2]),
        say("classes", [1, 0]),
        say("classes", []),
        say("classes", [0, 5]),
        say("n_channels", 2),
        say("n_channels", 0),
        say("n_channels", 10**9),
        say("channel_names", []),
        say("axes", "QX"),
        say("spacing", [1.0]),
        say("spacing", [0.0, -1.0]),
        say("decoder", {"method": "guess"}),
        say("history", [{"unknown": 1}]),
        say("messages", 3),
        say("card", "words"),
        say("unknown", 1),
        configure("depth", 2),
        configure("depth", -1),
        configure("widths", [4, 10**9]),
        configure("widths", [4]),
        configure("widths", []),
        configure("strides", [[0, 2]]),
        configure("strides", [[2]]),
        configure("strides", []),
        configure("kernels", [[3, 3]]),
        configure("kernels", [[5, 5], [3, 3]]),
        configure("patch", [32]),
        configure("patch", [32, 0]),
        configure("patch", [32, 31]),
        configure("batch_size", 0),
        configure("object_diameter", -5.0),
        judge("confusion", [[1, 2]]),
        judge("confusion", [[-1, 0], [0, 1]]),
        judge("objects", {"thresholds": [0.5]}),
        judge("unknown", 1),
        lambda metadata, weights: metadata.pop("parameters"),
        lambda metadata, weights: metadata.pop("card"),
    ],
)
def test_contradictions_are_refused(unet: UNetSegmenter, tmp_path: Path, change: Change) -> None:
    contents = read_model(unet.save(tmp_path / "model"), "unet")
    metadata, weights = contents.metadata, dict(contents.weights or {})
    change(metadata, weights)
    path = write_model(tmp_path / "hostile", "unet", metadata, {}, weights)
    with pytest.raises(ModelFileError, match=r"\(got"):
        UNetSegmenter.load(path)


def test_a_file_without_weights_is_refused(unet: UNetSegmenter, tmp_path: Path) -> None:
    contents = read_model(unet.save(tmp_path / "model"), "unet")
    with pytest.raises(ModelFileError, match=r"\(got"):
        UNetSegmenter.load(write_model(tmp_path / "hostile", "unet", contents.metadata, {}))


@pytest.mark.parametrize(
    "change",
    [
        lambda m, w: m["training"].pop("step"),
        lambda m, w: m["training"].__setitem__("step", "two"),
        lambda m, w: m["training"].__setitem__("losses", 3),
        lambda m, w: m["training"].__setitem__("history", [{"unknown": 1}]),
        lambda m, w: w.pop("training.trainer.network.head.bias"),
        put("training.trainer.averaged.head.bias", lambda a: a[:-1].copy()),
        put("training.trainer.optimiser.0.exp_avg", lambda a: a[:-1].copy()),
        lambda m, w: w.__setitem__("training.trainer.optimiser.x.exp_avg", np.zeros(3, np.float32)),
        lambda m, w: w.__setitem__("training.trainer.optimiser.900.exp_avg", np.zeros(3, np.float32)),
        put("training.best.head.bias", lambda a: a[:-1].copy()),
    ],
)
def test_a_damaged_stop_is_refused_and_the_model_still_predicts(
    stopped: UNetSegmenter, tmp_path: Path, change: Change
) -> None:
    contents = read_model(stopped.save(tmp_path / "stopped"), "unet")
    metadata, weights = contents.metadata, dict(contents.weights or {})
    change(metadata, weights)
    loaded = UNetSegmenter.load(write_model(tmp_path / "hostile", "unet", metadata, {}, weights), "cpu")
    model = loaded.model_
    with pytest.raises(ModelFileError, match=r"fine_tune_job \(got"):
        run_job(loaded.resume_job(IMAGES, LABELS))
    assert loaded.model_ is model
    np.testing.assert_equal(weights_of(loaded), weights_of(stopped))


def test_a_file_of_another_tool_or_none_is_refused(unet: UNetSegmenter, tmp_path: Path) -> None:
    contents = read_model(unet.save(tmp_path / "model"), "unet")
    other = write_model(tmp_path / "pixel", "pixel", contents.metadata, {}, contents.weights)
    with pytest.raises(ModelFileError, match=r"another tool.*\(got"):
        UNetSegmenter.load(other)
    with pytest.raises(ModelFileError, match=r"no model file.*\(got"):
        UNetSegmenter.load(tmp_path / "none.segmotif")


def test_no_space_leaves_the_old_model(
    unet: UNetSegmenter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = unet.save(tmp_path / "model.segmotif")
    before = path.read_bytes()

    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="space"):
        unet.save(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.segmotif"]
