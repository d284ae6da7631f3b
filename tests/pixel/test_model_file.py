"""A saved classifier is the same classifier; a damaged file is refused and nothing else happens."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pixel_images import painted, two_halves

from napari_segmotif import PixelClassifier, PixelFeatures
from napari_segmotif.common.model_files import read_model, write_model
from napari_segmotif.errors import ModelFileError, StorageError


@pytest.fixture
def described(classifier: PixelClassifier) -> PixelClassifier:
    return classifier.fit(
        np.stack([two_halves(), two_halves(seed=1)]),
        painted(left=1, right=3),
        axes="CYX",
        spacing=(0.5, 0.5),
        class_names={1: "lumen", 3: "Drüse"},
        class_colors={1: "#ff0000", 3: "#00ff00"},
        channel_names=("DAPI", "GFP"),
    )


def test_everything_comes_back(described: PixelClassifier, tmp_path) -> None:
    path = described.save(tmp_path / "model.segmotif")
    loaded = PixelClassifier.load(path)
    for name in (
        "features", "parameters", "axes_", "spacing_", "n_channels_", "channel_names_", "feature_names_",
        "class_names_", "class_colors_", "oob_accuracy_",
    ):  # fmt: skip
        assert getattr(loaded, name) == getattr(described, name), name
    image = np.stack([two_halves(seed=5), two_halves(seed=6)])
    np.testing.assert_array_equal(loaded.predict_proba(image), described.predict_proba(image))
    np.testing.assert_array_equal(loaded.training_.stroke, described.training_.stroke)
    assert loaded.validate().scores.accuracy == described.validate().scores.accuracy
    assert loaded.select_features(4).feature_names_ == described.select_features(4).feature_names_


def test_the_same_classifier_makes_the_same_file(described: PixelClassifier, tmp_path) -> None:
    one, two = described.save(tmp_path / "one"), described.save(tmp_path / "two")
    assert one.read_bytes() == two.read_bytes()
    again = PixelClassifier.load(one).save(tmp_path / "three")
    assert again.read_bytes() == one.read_bytes()


def test_forests_with_mixed_leaves_and_settings_come_back(tmp_path) -> None:
    classifier = PixelClassifier(
        PixelFeatures(pairs=(("gaussian", 1.0), ("gradient_magnitude", 2.0))),
        n_estimators=7, class_weight="balanced", max_depth=3, min_samples_leaf=4, max_features=0.5,
    ).fit(two_halves(), painted())  # fmt: skip
    loaded = PixelClassifier.load(classifier.save(tmp_path / "model"))
    assert loaded.settings() == classifier.settings()
    np.testing.assert_array_equal(loaded.predict_proba(two_halves()), classifier.predict_proba(two_halves()))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_truncated_or_flipped_file_is_refused(described: PixelClassifier, tmp_path, data) -> None:
    path = tmp_path / "model.segmotif"
    if not path.exists():
        described.save(path)
        (tmp_path / "whole").write_bytes(path.read_bytes())
    whole = (tmp_path / "whole").read_bytes()
    damaged = bytearray(whole)
    if data.draw(st.booleans(), "truncate"):
        damaged = damaged[: data.draw(st.integers(0, len(whole) - 1))]
    else:
        damaged[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    hurt = tmp_path / "hurt.segmotif"
    hurt.write_bytes(damaged)
    try:
        loaded = PixelClassifier.load(hurt)
    except ModelFileError:
        return
    np.testing.assert_array_equal(loaded.forest_.threshold, described.forest_.threshold)


def hostile(change):
    """A well-formed file of the right tool whose content `change` makes contradictory."""

    def make(classifier: PixelClassifier, folder):
        contents = read_model(classifier.save(folder / "model"), "pixel")
        metadata, arrays = contents.metadata, dict(contents.arrays)
        change(metadata, arrays)
        return write_model(folder / "hostile", "pixel", metadata, arrays)

    return make


def put(name, value):
    return hostile(lambda metadata, arrays: arrays.__setitem__(name, value(arrays[name])))


def say(name, value):
    return hostile(lambda metadata, arrays: metadata.__setitem__(name, value))


@pytest.mark.parametrize(
    "make",
    [
        put("forest.right", lambda a: a + np.uint32(10**9)),
        put("forest.feature", lambda a: a * np.uint16(0)),
        put("forest.roots", lambda a: a[::-1].copy()),
        put("X", lambda a: a[:, :-1].copy()),
        put("X", lambda a: np.full_like(a, np.nan)),
        put("y", lambda a: a + 1),
        put("y", lambda a: a.astype(np.int64)),
        put("image", lambda a: a + 1),
        put("position", lambda a: a + 10**9),
        put("position", lambda a: -a - 1),
        put("classes", lambda a: a[::-1].copy()),
        put("classes", lambda a: a[:1].copy()),
        put("feature_importances", lambda a: a[:-1].copy()),
        say("axes", "QYX"),
        say("axes", "YX" * 20),
        say("spacing", [0.0, 1.0]),
        say("spacing", [1.0]),
        say("n_channels", 10**9),
        say("n_channels", -1),
        say("channel_names", ["DAPI"]),
        say("feature_names", ["gaussian σ=1"]),
        say("features", {"sigmas": [1e9]}),
        say("forest", {"n_estimators": 10**9}),
        say("class_names", {"1": "lumen"}),
        say("shapes", [[]]),
        say("unknown", 1),
        hostile(lambda metadata, arrays: metadata.pop("axes")),
        hostile(lambda metadata, arrays: arrays.pop("X")),
        hostile(lambda metadata, arrays: arrays.pop("forest.right")),
    ],
)
def test_contradictions_are_refused(described: PixelClassifier, tmp_path, make) -> None:
    path = make(described, tmp_path)
    with pytest.raises(ModelFileError, match=r"\(got"):
        PixelClassifier.load(path)


def test_the_description_is_readable(described: PixelClassifier, tmp_path) -> None:
    import zipfile

    with zipfile.ZipFile(described.save(tmp_path / "model")) as archive:
        text = json.loads(archive.read("model.json"))
    assert text["tool"] == "pixel"
    assert "Drüse" in json.dumps(text, ensure_ascii=False)


@pytest.mark.skipif(os.name != "posix", reason="needs a device that is always full")
def test_no_space_leaves_the_old_model(described: PixelClassifier, tmp_path, monkeypatch) -> None:
    path = described.save(tmp_path / "model.segmotif")
    before = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="space"):
        described.save(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.segmotif"]
