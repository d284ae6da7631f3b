"""A saved object classifier is the same classifier; a damaged file is refused and nothing else happens."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_segmotif.common.model_files import read_model, write_model
from napari_segmotif.errors import ModelFileError, ModelMismatchError, NotFittedError
from napari_segmotif.explore.classifying.object_classifier import ObjectClassifier
from napari_segmotif.explore.table_simulation import simulate_blobs
from napari_segmotif.explore.tables import TableInfo, with_info

INFO = TableInfo(
    dimensions=2, spacing=(0.5, 0.5), unit="micrometer", channels=("DAPI",), properties=("shape",)
)
METHODS = ("random_forest", "logistic_regression")


@pytest.fixture(scope="module")
def table():
    found, _ = simulate_blobs(80, 4, 3, separation=4, n_images=2, random_state=3)
    found = found.assign(feature_002=np.exp(found["feature_002"]), track_id=np.arange(80))
    found.loc[::9, "feature_003"] = np.nan
    return with_info(found, INFO)


@pytest.fixture(scope="module")
def truth():
    return simulate_blobs(80, 4, 3, separation=4, n_images=2, random_state=3)[1]


@pytest.fixture(scope="module", params=METHODS)
def saved(request, table, truth, tmp_path_factory):
    classes = np.where(np.arange(80) % 4 > 0, truth, 0)
    classifier = ObjectClassifier(
        request.param, n_estimators=6, max_depth=4, max_features=0.7, class_weight=None, random_state=9
    ).fit(
        table,
        classes,
        class_names={1: "round", 2: "Spindelförmig", 3: "mitotic"},
        class_colors={1: "#ff0000", 3: "#00ff00"},
        from_clusters=True,
    )
    return classifier, classifier.save(tmp_path_factory.mktemp("model") / "model")


def test_everything_comes_back(saved, table) -> None:
    classifier, path = saved
    loaded = ObjectClassifier.load(path)
    assert path.suffix == ".segmotif"
    for name in (
        "parameters", "columns_", "class_names_", "class_colors_", "info_", "from_clusters_", "messages_",
    ):  # fmt: skip
        assert getattr(loaded, name) == getattr(classifier, name), name
    np.testing.assert_array_equal(loaded.classes_, classifier.classes_)
    np.testing.assert_array_equal(loaded.predict_proba(table), classifier.predict_proba(table))
    np.testing.assert_array_equal(loaded.feature_importances_, classifier.feature_importances_)
    np.testing.assert_array_equal(loaded.suggest(table, 5), classifier.suggest(table, 5))
    assert loaded.settings() == classifier.settings()


def test_a_loaded_classifier_is_validated_as_the_first_and_still_refuses(saved, table) -> None:
    classifier, path = saved
    loaded = ObjectClassifier.load(path)
    one, two = classifier.validate(n_splits=2, n_shuffles=20), loaded.validate(n_splits=2, n_shuffles=20)
    assert one.summary() == two.summary()
    np.testing.assert_array_equal(one.predicted, two.predicted)
    with pytest.raises(ModelMismatchError, match="3D"):
        loaded.predict(with_info(table.copy(), INFO.model_copy(update={"dimensions": 3})))


def test_the_same_classifier_makes_the_same_file(saved, tmp_path) -> None:
    _, path = saved
    again = ObjectClassifier.load(path).save(tmp_path / "again")
    assert again.read_bytes() == path.read_bytes()


def test_an_untrained_classifier_is_not_saved(tmp_path) -> None:
    with pytest.raises(NotFittedError):
        ObjectClassifier().save(tmp_path / "model")
    assert not list(tmp_path.iterdir())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_truncated_or_flipped_file_is_refused(saved, table, tmp_path, data) -> None:
    classifier, path = saved
    whole = path.read_bytes()
    damaged = bytearray(whole)
    if data.draw(st.booleans(), "truncate"):
        damaged = damaged[: data.draw(st.integers(0, len(whole) - 1))]
    else:
        damaged[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    hurt = tmp_path / "hurt.segmotif"
    hurt.write_bytes(damaged)
    try:
        loaded = ObjectClassifier.load(hurt)
    except ModelFileError:
        return
    # A bit that means nothing (a time in the zip's directory): then nothing changed.
    np.testing.assert_array_equal(loaded.predict_proba(table), classifier.predict_proba(table))


def _set(name: str, place: Any, value: Any):
    def change(metadata, arrays) -> None:
        arrays[name] = arrays[name].copy()
        arrays[name][place] = value

    return change


def _drop(name: str):
    return lambda metadata, arrays: arrays.pop(name)


def _say(name: str, value: Any):
    return lambda metadata, arrays: metadata.__setitem__(name, value)


def _zero_spread(metadata, arrays) -> None:
    described = dict(metadata["preparation"])
    metadata["preparation"] = described | {"spread": [0.0] * len(described["spread"])}


def _retype(name: str, dtype: Any):
    return lambda metadata, arrays: arrays.__setitem__(name, arrays[name].astype(dtype))


COMMON = {
    "classes missing": _drop("classes"),
    "classes not ascending": _set("classes", 0, 9),
    "classes of text size": _retype("classes", np.int64),
    "class 0": _set("classes", 0, 0),
    "another class in the objects": _set("training.y", 0, 77),
    "an image that is not there": _set("training.roi", 0, 99),
    "infinite values": _set("training.values", (0, 0), np.inf),
    "other columns": _say("columns", ["a", "b"]),
    "no columns": _say("columns", []),
    "names of other classes": _say("class_names", {"5": "x"}),
    "colors of other classes": _say("class_colors", {"5": "#000000"}),
    "more than known": _say("surprise", 1),
    "no preparation": _say("preparation", {}),
    "preparation of text": _say("preparation", {"scale": "robust", "log_skewed": True, "missing": "median"}),
    "a scale of 0": _zero_spread,
    "another method": _say("parameters", {"method": "neural"}),
    "too many trees": _say("parameters", {"n_estimators": 10**9}),
}
FOREST = {
    "a node that leads back": _set("model.right", 0, 0),
    "a node that leads out": _set("model.right", 0, 10**9),
    "a feature that is not there": _set("model.feature", 0, 50),
    "a negative feature": _set("model.feature", 0, -7),
    "a last node that asks": _set("model.feature", -1, 0),
    "a root outside": _set("model.roots", -1, 10**9),
    "a root that does not begin": _set("model.roots", 0, 1),
    "leaves of other numbers": _set("model.leaves", 0, 2.0),
    "leaves that are not numbers": _set("model.leaves", 0, np.nan),
    "thresholds that are not numbers": _set("model.threshold", 0, np.nan),
    "thresholds of another type": _retype("model.threshold", np.float64),
    "no importances": _drop("model.importances"),
    "no roots": _drop("model.roots"),
}
LOGISTIC = {
    "no weights": _drop("model.weights"),
    "weights that are not numbers": _set("model.weights", (0, 0), np.nan),
    "weights of another type": _retype("model.weights", np.float32),
}


@pytest.mark.parametrize("saved", METHODS, indirect=True)
def test_files_that_contradict_themselves_are_refused(saved, tmp_path) -> None:
    classifier, path = saved
    own = FOREST if classifier.parameters.method == "random_forest" else LOGISTIC
    refused = []
    for name, change in (COMMON | own).items():
        contents = read_model(path, "objects")
        metadata, arrays = dict(contents.metadata), dict(contents.arrays)
        change(metadata, arrays)
        hostile = write_model(tmp_path / "hostile", "objects", metadata, arrays)
        with pytest.raises(ModelFileError, match="got"):
            ObjectClassifier.load(hostile)
        refused.append(name)
    assert len(refused) == len(COMMON | own)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_set("training.values", (0, 0), np.inf), "got infinite values of features"),
        (_set("training.y", 0, 77), "77.* instead of"),
        (_set("training.roi", 0, 99), "got numbers of images that are not from 0 to 1"),
    ],
)
@pytest.mark.parametrize("saved", METHODS[:1], indirect=True)
def test_a_damaged_file_says_what_is_damaged(saved, tmp_path, change, words) -> None:
    contents = read_model(saved[1], "objects")
    metadata, arrays = dict(contents.metadata), dict(contents.arrays)
    change(metadata, arrays)
    with pytest.raises(ModelFileError, match=words):
        ObjectClassifier.load(write_model(tmp_path / "hostile", "objects", metadata, arrays))


def test_a_model_of_another_tool_or_no_model_is_refused(saved, tmp_path) -> None:
    contents = read_model(saved[1], "objects")
    other = write_model(tmp_path / "other", "pixel", contents.metadata, contents.arrays)
    with pytest.raises(ModelFileError, match="another tool"):
        ObjectClassifier.load(other)
    with pytest.raises(ModelFileError, match="no model file"):
        ObjectClassifier.load(tmp_path / "nothing.segmotif")
