"""A saved motif detector is the same one; a damaged file is refused and nothing else happens."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_segmotif.common.model_files import read_model, write_model
from napari_segmotif.errors import ModelFileError, StorageError
from napari_segmotif.motifs.model_file import state_from_file, to_file
from napari_segmotif.motifs.simulating.simulation import simulate_video

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fake_motifs import FakeLeMoNADe, fitted


@pytest.fixture(scope="module")
def model() -> FakeLeMoNADe:
    sample = simulate_video((16, 20), 120, motif_length=10, n_cells=8, cell_radius=2, activation_rate=0.6)
    model = fitted(sample, init="random", cell_size=4.5)
    model.shifts_ = np.random.default_rng(0).normal(size=(120, 2)).astype(np.float32)
    return model


def same(one: Any, two: Any) -> bool:
    if isinstance(one, np.ndarray):
        return one.dtype == two.dtype and np.array_equal(one, two, equal_nan=True)
    return type(one) is type(two) and one == two


def test_everything_comes_back(model: FakeLeMoNADe, tmp_path: Path) -> None:
    state = state_from_file(to_file(tmp_path / "model", model))
    assert set(state) == {name for name in vars(model) if name == "parameters" or name.endswith("_")}
    for name, value in state.items():
        assert same(value, getattr(model, name)), name


def test_no_motifs_and_no_shifts_come_back(tmp_path: Path) -> None:
    sample = simulate_video((16, 20), 60, motif_length=10, n_cells=4, cell_radius=2)
    model = fitted(sample)
    model.become(sample.motifs[:0], sample.activations[:0], sample.baseline)
    state = state_from_file(to_file(tmp_path / "model", model))
    assert state["motifs_"].shape == (0, 10, 16, 20)
    assert state["occurrences_"] == ()
    assert state["shifts_"] is None


def test_a_p_value_that_is_not_known_comes_back(model: FakeLeMoNADe, tmp_path: Path) -> None:
    sample = simulate_video((16, 20), 60, motif_length=10, n_cells=4, cell_radius=2)
    stopped = fitted(sample)
    stopped.p_values_[1] = np.nan
    assert np.isnan(state_from_file(to_file(tmp_path / "model", stopped))["p_values_"][1])


def test_the_same_model_makes_the_same_file(model: FakeLeMoNADe, tmp_path: Path) -> None:
    one, two = to_file(tmp_path / "one", model), to_file(tmp_path / "two", model)
    assert one.read_bytes() == two.read_bytes()
    assert one.suffix == ".segmotif"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_truncated_or_flipped_file_is_refused(model: FakeLeMoNADe, tmp_path: Path, data: Any) -> None:
    path = tmp_path / "model.segmotif"
    whole = (path if path.exists() else to_file(path, model)).read_bytes()
    damaged = bytearray(whole)
    if data.draw(st.booleans(), "truncate"):
        damaged = damaged[: data.draw(st.integers(0, len(whole) - 1))]
    else:
        damaged[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    hurt = tmp_path / "hurt.segmotif"
    hurt.write_bytes(damaged)
    try:
        state = state_from_file(hurt)
    except ModelFileError:
        return
    np.testing.assert_array_equal(state["motifs_"], model.motifs_)  # a byte that no reader looks at


Change = Callable[[dict[str, Any], dict[str, Any]], object]


def put(name: str, value: Callable[[Any], Any]) -> Change:
    return lambda metadata, arrays: arrays.__setitem__(name, value(arrays[name]))


def say(name: str, value: Any) -> Change:
    return lambda metadata, arrays: metadata.__setitem__(name, value)


@pytest.mark.parametrize(
    "change",
    [
        put("motifs", lambda a: a[:, :, :-1].copy()),
        put("motifs", lambda a: a[:, :0].copy()),
        put("motifs", lambda a: np.full_like(a, np.nan)),
        put("motifs", lambda a: a.astype(np.int32)),
        put("motifs", lambda a: a[:1].copy()),
        put("activations", lambda a: a[:, :-1].copy()),
        put("activations", lambda a: a + 1),
        put("activations", lambda a: -a),
        put("p_values", lambda a: a - 1),
        put("p_values", lambda a: a[:1].copy()),
        put("significant", lambda a: a.astype(np.int32)),
        put("baseline", lambda a: a.T.copy()),
        put("bleaching", lambda a: a[1:].copy()),
        put("bleaching", lambda a: a * np.inf),
        put("shifts", lambda a: a[:, :1].copy()),
        put("loss_curve", lambda a: a[None].copy()),
        put("occurrences.motif", lambda a: a + 3),
        put("occurrences.motif", lambda a: a - 1),
        put("occurrences.motif", lambda a: a[1:].copy()),
        put("occurrences.frame", lambda a: a + 120),
        put("occurrences.frame", lambda a: -a - 1),
        put("occurrences.time", lambda a: a * np.nan),
        put("occurrences.amplitude", lambda a: a.astype(np.float32)),
        say("n_frames", 0),
        say("n_frames", 121),
        say("frame_shape", [16]),
        say("frame_shape", [20, 16]),
        say("parameters", {"n_motifs": 0}),
        say("parameters", {"unknown": 1}),
        say("messages", "words"),
        say("suggested_motif_length", -1),
        say("suggested_n_motifs", -1),
        say("unknown", 1),
        lambda metadata, arrays: metadata.pop("parameters"),
        lambda metadata, arrays: arrays.pop("activations"),
        lambda metadata, arrays: arrays.pop("occurrences.time"),
    ],
)
def test_contradictions_are_refused(model: FakeLeMoNADe, tmp_path: Path, change: Change) -> None:
    contents = read_model(to_file(tmp_path / "model", model), "motifs")
    metadata, arrays = contents.metadata, dict(contents.arrays)
    change(metadata, arrays)
    path = write_model(tmp_path / "hostile", "motifs", metadata, arrays)
    with pytest.raises(ModelFileError, match=r"\(got"):
        state_from_file(path)


def test_a_file_of_another_tool_or_none_is_refused(model: FakeLeMoNADe, tmp_path: Path) -> None:
    contents = read_model(to_file(tmp_path / "model", model), "motifs")
    other = write_model(tmp_path / "pixel", "pixel", contents.metadata, contents.arrays)
    with pytest.raises(ModelFileError, match=r"another tool.*\(got"):
        state_from_file(other)
    with pytest.raises(ModelFileError, match=r"no model file.*\(got"):
        state_from_file(tmp_path / "none.segmotif")


def test_no_space_leaves_the_old_model(
    model: FakeLeMoNADe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = to_file(tmp_path / "model.segmotif", model)
    before = path.read_bytes()

    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="space"):
        to_file(path, model)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.segmotif"]
