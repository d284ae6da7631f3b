from __future__ import annotations

import hashlib
import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_segmotif.common import model_files
from napari_segmotif.common.model_files import ModelContents, read_model, write_model
from napari_segmotif.errors import InputError, ModelFileError, StorageError

METADATA = {"classes": [1, 3], "names": {"1": "Zellkern é"}, "sigma": 0.3, "none": None, "deep": [[{}]]}
ARRAYS = {
    "X": np.random.default_rng(0).random((4, 3), dtype=np.float32),
    "y": np.array([1, 3], np.int32),
    "empty": np.zeros((0, 2)),
    "scalar": np.array(True),
}
WEIGHTS = {"conv.weight": np.random.default_rng(1).random((2, 2), dtype=np.float32), "n": np.array(7)}


FINITE = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | FINITE | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
NUMBERS = (
    hnp.boolean_dtypes()
    | hnp.integer_dtypes()
    | hnp.unsigned_integer_dtypes()
    | hnp.floating_dtypes(sizes=(16, 32, 64))
)
NAMED_ARRAYS = st.dictionaries(
    st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,12}", fullmatch=True),
    hnp.arrays(NUMBERS, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)),
    max_size=3,
)


def _is_original(contents: ModelContents) -> bool:
    return (
        contents.metadata == METADATA
        and _equal(contents.arrays, ARRAYS)
        and contents.weights is not None
        and _equal(contents.weights, WEIGHTS)
    )


def _equal(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return list(a) == list(b) and all(
        a[n].dtype == b[n].dtype and a[n].shape == b[n].shape and np.array_equal(a[n], b[n]) for n in a
    )


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model.segmotif", "pixel", METADATA, ARRAYS, WEIGHTS)


# ------------------------------------------------------------------------------------------ what comes back


def test_what_was_written_comes_back(model: Path) -> None:
    contents = read_model(model, "pixel")
    assert _is_original(contents)
    assert all(array.flags.writeable for array in contents.arrays.values())


def test_weights_are_optional_and_the_suffix_is_added(tmp_path: Path) -> None:
    path = write_model(tmp_path / "my.model", "pixel", {}, {})
    assert path == tmp_path / "my.model.segmotif"
    assert read_model(path, "pixel") == ModelContents({}, {}, None)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(metadata=st.dictionaries(st.text(max_size=8), JSON, max_size=4), arrays=NAMED_ARRAYS)
def test_any_json_and_any_numbers_come_back(tmp_path: Path, metadata: Any, arrays: Any) -> None:
    path = write_model(tmp_path / "any.segmotif", "unet", metadata, arrays)
    contents = read_model(path, "unet")
    assert contents.metadata == metadata
    assert list(contents.arrays) == list(arrays)
    for name, array in arrays.items():
        assert contents.arrays[name].dtype == array.dtype.newbyteorder("<")
        np.testing.assert_array_equal(contents.arrays[name], array)
        assert (
            contents.arrays[name].tobytes()
            == np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
        )


def test_arrays_in_any_memory_layout_come_back(tmp_path: Path) -> None:
    base = np.arange(24.0).reshape(4, 6)
    arrays = {
        "fortran": np.asfortranarray(base),
        "strided": base[::2, ::-3],
        "broadcast": np.broadcast_to(1, (3, 2)),
    }
    path = write_model(tmp_path / "m", "pixel", {}, arrays, dict(arrays))
    contents = read_model(path, "pixel")
    for name, array in arrays.items():
        np.testing.assert_array_equal(contents.arrays[name], array)
        np.testing.assert_array_equal((contents.weights or {})[name], array)


def test_equal_content_gives_equal_bytes(tmp_path: Path, model: Path) -> None:
    again = write_model(tmp_path / "again.segmotif", "pixel", METADATA, ARRAYS, WEIGHTS)
    assert again.read_bytes() == model.read_bytes()


def test_large_arrays_that_shrink_well_can_be_read_again(tmp_path: Path) -> None:
    arrays = {
        "zeros": np.zeros(20 * 2**20, np.uint8),
        "more": np.zeros((3, 10**6)),
        "ramp": np.arange(2 * 10**6),
    }
    path = write_model(tmp_path / "m", "pixel", {"text": "a" * 20 * 2**20}, arrays)
    assert _equal(read_model(path, "pixel").arrays, arrays)


@pytest.mark.parametrize(
    ("metadata", "arrays", "message"),
    [
        ({"x": float("nan")}, {}, "plain JSON"),
        ({"x": float("inf")}, {}, "plain JSON"),
        ({"x": np.float32(1)}, {}, "plain JSON"),
        ({"x": "\ud800"}, {}, "plain JSON"),
        ({}, {"x": np.array([None])}, "numbers only"),
        ({}, {"x": np.array(["a"])}, "numbers only"),
        ({}, {"x": np.zeros(2, [("a", "f4")])}, "numbers only"),
        ({}, {"x": np.zeros(2, "datetime64[s]")}, "numbers only"),
        ({}, {"../x": np.zeros(2)}, "names of arrays"),
        ({}, {"": np.zeros(2)}, "names of arrays"),
    ],
)
def test_what_cannot_be_stored_is_refused_and_nothing_is_written(
    tmp_path: Path, metadata: Any, arrays: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        write_model(tmp_path / "m.segmotif", "pixel", metadata, arrays)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_runs_full_keeps_the_old_model(model: Path, file_size_limit) -> None:
    noise = {"noise": np.random.default_rng(0).random(100_000)}
    with file_size_limit(100_000), pytest.raises(StorageError, match="could not be written"):
        write_model(model, "pixel", {}, noise)
    assert _is_original(read_model(model, "pixel"))
    assert [p.name for p in model.parent.iterdir()] == ["model.segmotif"]


# ---------------------------------------------------------------------------------------- damaged by accident


def test_every_truncation_is_noticed(model: Path) -> None:
    data = model.read_bytes()
    for n_bytes in range(len(data)):
        model.write_bytes(data[:n_bytes])
        with pytest.raises(ModelFileError):
            read_model(model, "pixel")


def test_a_flipped_bit_in_any_byte_is_noticed_or_harmless(model: Path) -> None:
    data = model.read_bytes()
    noticed = 0
    for position in range(len(data)):
        flipped = bytearray(data)
        flipped[position] ^= 1 << position * 5 % 8
        model.write_bytes(flipped)
        try:
            assert _is_original(read_model(model, "pixel")), position
        except ModelFileError:
            noticed += 1
    assert noticed > 0.8 * len(data)  # the rest is dates, rights and versions that a zip does not use


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.tuples(st.floats(0, 1), st.floats(0, 1)), splice=st.binary(max_size=40))
def test_bytes_put_in_place_of_others_are_noticed_or_harmless(
    model: Path, cut: tuple[float, float], splice: bytes
) -> None:
    data = model.read_bytes()
    start, stop = sorted(int(part * len(data)) for part in cut)
    model.with_name("spliced").write_bytes(data[:start] + splice + data[stop:])
    try:
        assert _is_original(read_model(model.with_name("spliced"), "pixel"))
    except ModelFileError:
        event("noticed")


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_random_bytes_are_no_model(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "m.segmotif").write_bytes(data)
    with pytest.raises(ModelFileError):
        read_model(tmp_path / "m.segmotif", "pixel")


def test_missing_files_and_folders_are_no_models(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="no model file of that name"):
        read_model(tmp_path / "absent.segmotif", "pixel")
    with pytest.raises(ModelFileError, match="cannot be read"):
        read_model(tmp_path, "pixel")


# ------------------------------------------------------------------------------------------ made by an enemy


def _npy(array: np.ndarray[Any, Any], **header: Any) -> bytes:
    """An .npy file whose header says something else than its data."""
    stream = io.BytesIO()
    description = {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape} | header
    np.lib.format.write_array_header_1_0(stream, description)
    return stream.getvalue() + array.tobytes()


def _zip(members: list[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return stream.getvalue()


def _entry(array: np.ndarray[Any, Any], **changes: Any) -> dict[str, Any]:
    digest = hashlib.sha256(array.tobytes()).hexdigest()
    return {"shape": list(array.shape), "dtype": array.dtype.str, "sha256": digest} | changes


ONE = np.arange(3, dtype="<f4")


def _model_json(**changes: Any) -> dict[str, Any]:
    return {
        "format": "napari-segmotif model",
        "format_version": 1,
        "tool": "pixel",
        "created_with": {},
        "metadata": {},
        "arrays": {"x": _entry(ONE)},
        "weights": None,
    } | changes


def _crafted(
    model: Any = None, npz: bytes | None = None, extra: list[tuple[str, bytes]] | None = None
) -> bytes:
    text = (
        model if isinstance(model, bytes) else json.dumps(_model_json() if model is None else model).encode()
    )
    npz = _zip([("x.npy", _npy(ONE))]) if npz is None else npz
    return _zip([("model.json", text), ("arrays.npz", npz), *(extra or [])])


def _without(key: str) -> dict[str, Any]:
    return {k: v for k, v in _model_json().items() if k != key}


def _pickled() -> bytes:
    """An array of objects, as NumPy pickles them: loading it would run code."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.array([print, {}], dtype=object), allow_pickle=True)
    return stream.getvalue()


def _bomb(n_bytes: int) -> bytes:
    return _zip([("x.npy", _npy(np.zeros(n_bytes, np.uint8)))])


def _encrypted() -> bytes:
    data = bytearray(_crafted())
    for signature, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        data[data.index(signature) + offset] |= 1
    return bytes(data)


def _doubled(data: bytes, name: bytes, as_name: bytes) -> bytes:
    assert name in data
    return data.replace(name, as_name)


REPEATED_KEY = json.dumps(_model_json()).replace('"tool"', '"tool": "pixel", "tool"').encode()
OVERFLOW = json.dumps(_model_json()).replace("{}", '{"a": 1e999}', 1).encode()
TWO_ARRAYS = _zip([("x.npy", _npy(ONE)), ("y.npy", _npy(ONE))])


def _arrays(**changes: Any) -> dict[str, Any]:
    return _model_json(arrays={"x": _entry(ONE, **changes)})


def _with_header(**header: Any) -> bytes:
    return _crafted(npz=_zip([("x.npy", _npy(ONE, **header))]))


# What is wrong with a file, how it is made, and the message it must be refused with.
HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "another tool": (lambda: _crafted(_model_json(tool="unet")), r"another tool than 'pixel' \(got 'unet'\)"),
    "newer format": (lambda: _crafted(_model_json(format_version=2)), "newer .*: update yours"),
    "no version": (lambda: _crafted(_without("format_version")), "no positive number"),
    "version true": (lambda: _crafted(_model_json(format_version=True)), "no positive number"),
    "another program": (lambda: _crafted(_model_json(format="other")), "another program"),
    "no metadata": (lambda: _crafted(_without("metadata")), "lacks its metadata"),
    "metadata a list": (lambda: _crafted(_model_json(metadata=[])), "lacks its metadata"),
    "no arrays": (lambda: _crafted(_without("arrays")), "lacks its metadata or its list of arrays"),
    "arrays a list": (
        lambda: _crafted(_model_json(arrays=["x"])),
        "lacks its metadata or its list of arrays",
    ),
    "no weights file": (lambda: _crafted(_model_json(weights={"x": _entry(ONE)})), "do not belong together"),
    "weights not listed": (
        lambda: _crafted(extra=[("weights.safetensors", b"")]),
        "do not belong together",
    ),
    "weights garbage": (
        lambda: _crafted(_model_json(weights={}), extra=[("weights.safetensors", b"\xff" * 64)]),
        "SafetensorError",
    ),
    "weights of another shape": (
        lambda: _crafted(
            _model_json(weights={"x": _entry(ONE, shape=[3, 1])}),
            extra=[("weights.safetensors", safetensors.numpy.save({"x": ONE}))],
        ),
        "not the one model.json describes",
    ),
    "not JSON": (lambda: _crafted(b"{"), "JSONDecodeError"),
    "not UTF-8": (lambda: _crafted(b"\xff\xfe"), "UnicodeDecodeError"),
    "JSON a list": (lambda: _crafted(b"[]"), "must be an object"),
    "NaN": (lambda: _crafted(_model_json(metadata={"a": float("nan")})), "a number that is none"),
    "overflowing number": (lambda: _crafted(OVERFLOW), "a number that is none"),
    "repeated key": (lambda: _crafted(REPEATED_KEY), "names something twice"),
    "deep nesting": (lambda: _crafted(b"[" * 1_000_000), "RecursionError"),
    "endless integer": (lambda: _crafted(b"1" * 1_000_000), "Exceeds the limit"),
    "entry no object": (lambda: _crafted(_model_json(arrays={"x": 3})), "not described as it should be"),
    "shape text": (lambda: _crafted(_arrays(shape="3")), "not described as it should be"),
    "shape negative": (lambda: _crafted(_arrays(shape=[-3])), "impossible shape"),
    "shape fractional": (lambda: _crafted(_arrays(shape=[3.0])), "impossible shape"),
    "shape huge": (lambda: _crafted(_arrays(shape=[2**40, 2**40])), "not the stated size"),
    "shape long": (lambda: _crafted(_arrays(shape=[1] * 99 + [3])), "impossible shape"),
    "dtype object": (lambda: _crafted(_arrays(dtype="|O")), "plain numbers"),
    "dtype list": (lambda: _crafted(_arrays(dtype=["<f4"])), "not described as it should be"),
    "dtype text": (lambda: _crafted(_arrays(dtype="<U3")), "plain numbers"),
    "dtype unknown": (lambda: _crafted(_arrays(dtype="<f3")), "TypeError"),
    "no checksum": (lambda: _crafted(_arrays(sha256=None)), "SHA-256"),
    "wrong checksum": (lambda: _crafted(_arrays(sha256="0" * 64)), "SHA-256"),
    "array not listed": (lambda: _crafted(npz=TWO_ARRAYS), "does not hold what model.json lists"),
    "array missing": (lambda: _crafted(npz=_zip([])), "does not hold what model.json lists"),
    "array twice": (
        lambda: _crafted(npz=_doubled(TWO_ARRAYS, b"y.npy", b"x.npy")),
        "does not hold what model.json lists",
    ),
    "array path": (
        lambda: _crafted(_model_json(arrays={"../x": _entry(ONE)}), npz=_zip([("../x.npy", _npy(ONE))])),
        "not described as it should be",
    ),
    "array pickled": (lambda: _crafted(npz=_zip([("x.npy", _pickled())])), "dtype object"),
    "header pickled": (lambda: _with_header(descr="|O"), "dtype object"),
    "header huge": (lambda: _with_header(shape=(2**40,)), "not the one model.json describes"),
    "header negative": (lambda: _with_header(shape=(-3,)), "not the one model.json describes"),
    "header fortran": (lambda: _with_header(fortran_order=True), "not stored as plain numbers"),
    "header another type": (lambda: _with_header(descr="<i4"), "not the one model.json describes"),
    "data too short": (lambda: _crafted(npz=_zip([("x.npy", _npy(ONE)[:-1])])), "not the stated length"),
    "data too long": (lambda: _crafted(npz=_zip([("x.npy", _npy(ONE) + b"more")])), "not the stated length"),
    "npz is a pickle": (lambda: _crafted(npz=pickle.dumps([1, 2, 3])), "BadZipFile"),
    "npz is no zip": (lambda: _crafted(npz=b""), "BadZipFile"),
    "bomb in arrays": (
        lambda: _crafted(_model_json(arrays={"x": _entry(np.zeros(2**26, np.uint8))}), npz=_bomb(2**26)),
        "implausibly tightly",
    ),
    "bomb in json": (lambda: _crafted(b" " * 2**26), "larger than allowed"),
    "smaller bomb in json": (lambda: _crafted(b" " * 2**24 + b" "), "implausibly tightly"),
    "bomb unlisted": (lambda: _crafted(npz=_bomb(2**26)), "not the stated size"),
    "foreign member": (lambda: _crafted(extra=[("evil.py", b"")]), "it must hold .*evil.py"),
    "absolute path": (lambda: _crafted(extra=[("/etc/passwd", b"")]), "it must hold .*passwd"),
    "path upwards": (lambda: _crafted(extra=[("../model.json", b"")]), "it must hold"),
    "no model.json": (lambda: _zip([("arrays.npz", _zip([]))]), "it must hold"),
    "member twice": (
        lambda: _doubled(_crafted(extra=[("model.jsoN", b"{}")]), b"model.jsoN", b"model.json"),
        "it must hold",
    ),
    "bzip2": (lambda: _zip([("model.json", b"{}"), ("arrays.npz", b"")], zipfile.ZIP_BZIP2), "compression"),
    "encrypted": (_encrypted, "encrypted"),
}


def test_a_file_crafted_without_malice_is_read(tmp_path: Path) -> None:
    """What all hostile files below start from is fine: each is refused for its own fault."""
    (tmp_path / "m").write_bytes(_crafted())
    np.testing.assert_array_equal(read_model(tmp_path / "m", "pixel").arrays["x"], ONE)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused(tmp_path: Path, name: str, monkeypatch) -> None:
    def explode(*_: object, **__: object) -> None:
        pytest.fail("something was unpickled")

    make, message = HOSTILE[name]
    (tmp_path / "m.segmotif").write_bytes(make())
    monkeypatch.setattr(pickle, "loads", explode)
    monkeypatch.setattr(pickle, "load", explode)
    with pytest.raises(ModelFileError, match=message) as caught:
        read_model(tmp_path / "m.segmotif", "pixel")
    assert "(got" in str(caught.value)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch) -> None:
    unpacked: list[str] = []
    read = model_files._read

    def note(archive: zipfile.ZipFile, name: str) -> bytes:
        unpacked.append(name)
        return read(archive, name)

    monkeypatch.setattr(model_files, "_read", note)
    for name in ("bomb in json", "bomb in arrays"):
        (tmp_path / "m").write_bytes(HOSTILE[name][0]())
        with pytest.raises(ModelFileError):
            read_model(tmp_path / "m", "pixel")
    assert unpacked == ["model.json", "arrays.npz"]  # of the second file: its bomb, x.npy, lies inside
