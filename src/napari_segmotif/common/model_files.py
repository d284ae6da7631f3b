"""Model files: one .segmotif zip of JSON and plain arrays, from which nothing but numbers can come.

    model.json            format, tool, versions, parameters; shape, type and SHA-256 of every array
    arrays.npz            NumPy arrays, read without pickle
    weights.safetensors   the weights of a network, if there is one

A file is checked before it is believed: names, sizes and compression ratios before anything is unpacked,
headers before anything is allocated, checksums before anything is returned.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import json
import math
import platform
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, ModelFileError
from .atomic import write_atomically

SUFFIX = ".segmotif"
FORMAT = "napari-segmotif model"
FORMAT_VERSION = 1

Arrays = dict[str, NDArray[Any]]

_MODEL, _ARRAYS, _WEIGHTS = "model.json", "arrays.npz", "weights.safetensors"
_SIZE_CAPS = {_MODEL: 32 * 2**20, _ARRAYS: 2 * 2**30, _WEIGHTS: 8 * 2**30}
_MAX_ARRAYS = 10_000
_NPY_HEADER_CAP = 4096
# Data shrinks to 1/200 at most in a file of ours; up to 16 MB it may shrink as it likes, as it does no harm.
_MAX_RATIO = 200
_FREE_SIZE = 16 * 2**20
_KINDS = "buif"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,199}")
_EPOCH = (1980, 1, 1, 0, 0, 0)
_LEVEL = 6


@dataclass(frozen=True)
class ModelContents:
    """What a model file holds: `metadata` as it was written, `arrays` and `weights` by name."""

    metadata: dict[str, Any]
    arrays: Arrays
    weights: Arrays | None

    def array(self, name: str, dtypes: Any, shape: tuple[int | None, ...]) -> NDArray[Any]:
        """One of the arrays, of this type (or one of these) and shape; None in the shape is any length.

        Raises
        ------
        ModelFileError
            If it is not there, or another one.
        """
        found = self.arrays.get(name)
        if (
            found is None
            or found.dtype not in (dtypes if isinstance(dtypes, tuple) else (dtypes,))
            or found.ndim != len(shape)
            or any(wanted is not None and wanted != n for wanted, n in zip(shape, found.shape, strict=True))
        ):
            got = "nothing" if found is None else f"{found.dtype} {found.shape}"
            raise ModelFileError(
                f"the array {name!r} in this model file is damaged: save it again (got {got})"
            )
        return found


def write_model(
    path: str | Path,
    tool: str,
    metadata: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    weights: Mapping[str, NDArray[Any]] | None = None,
) -> Path:
    """Write a model file; the same content gives the same bytes, and an older file stays whole on an error.

    Parameters
    ----------
    path
        Where to write; ".segmotif" is added to a name without it.
    tool
        The tool that made the model ("pixel"); only it reads the file again.
    metadata
        Anything that JSON holds, without NaN and infinity. As in any JSON, keys come back as text and tuples
        as lists.
    arrays, weights
        Arrays of booleans, integers or real numbers of up to 64 bits, by name (letters, digits, "_", "." and
        "-").

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    InputError
        If something cannot be stored.
    StorageError
        If the disk is full, the folder is missing or writing is not permitted.
    """
    path = Path(path)
    if path.suffix.lower() != SUFFIX:
        path = path.with_name(path.name + SUFFIX)
    plain = {name: _plain_array(name, array) for name, array in arrays.items()}
    plain_weights = None if weights is None else {n: _plain_array(n, w) for n, w in weights.items()}
    model = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "tool": tool,
        "created_with": _versions(),
        "metadata": dict(metadata),
        "arrays": {name: _fingerprint(array) for name, array in plain.items()},
        "weights": None if plain_weights is None else {n: _fingerprint(w) for n, w in plain_weights.items()},
    }
    members = {_MODEL: _to_json(model), _ARRAYS: _npz(plain)}
    if plain_weights is not None:
        import safetensors.numpy

        members[_WEIGHTS] = safetensors.numpy.save(plain_weights)
    for name, data in members.items():
        if len(data) > _SIZE_CAPS[name]:
            raise InputError(f"the model is too large for one file: {name} (got {len(data)} bytes)")
    with write_atomically(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, data in members.items():
            _add(archive, name, data, deflate=name == _MODEL and _is_worth_deflating(data, len(data)))
    return path


def read_model(path: str | Path, tool: str) -> ModelContents:
    """Read a model file that `tool` wrote.

    Raises
    ------
    ModelFileError
        For everything that can be wrong with it: missing, truncated, altered, hostile, of another tool, or
        written by a newer version.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = _checked_members(archive)
            model = _from_json(_read(archive, _MODEL))
            _check_model(model, tool, has_weights=_WEIGHTS in names)
            arrays = _read_npz(_read(archive, _ARRAYS), model["arrays"])
            weights = None
            if _WEIGHTS in names:
                weights = _read_weights(_read(archive, _WEIGHTS), model["weights"])
    except ModelFileError as error:
        raise ModelFileError(f"{path} cannot be used as a model: {error}") from error
    except FileNotFoundError as error:
        raise ModelFileError(f"there is no model file of that name: check its folder (got {path})") from error
    except OSError as error:
        raise ModelFileError(
            f"{path} cannot be read: check the disk and permissions (got {error})"
        ) from error
    except Exception as error:
        # What a zip, JSON, NumPy or safetensors reader raises on damaged bytes is not a closed list.
        raise ModelFileError(
            f"{path} is damaged or no model file: copy or save it again (got {type(error).__name__}: {error})"
        ) from error
    return ModelContents(model["metadata"], arrays, weights)


# -------------------------------------------------------------------------------------------------- writing


def _plain_array(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """Return a little-endian, C-ordered array of numbers, or raise InputError."""
    if not _NAME.fullmatch(name):
        raise InputError(f"names of arrays are letters, digits, '_', '.' and '-' (got {name!r})")
    array = np.asarray(array)
    if array.dtype.kind not in _KINDS or array.dtype.itemsize > 8:
        raise InputError(f"a model file holds numbers only, not the array {name!r} (got dtype {array.dtype})")
    return np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")


def _fingerprint(array: NDArray[Any]) -> dict[str, Any]:
    return {"shape": list(array.shape), "dtype": array.dtype.str, "sha256": _sha256(array)}


def _sha256(array: NDArray[Any]) -> str:
    return hashlib.sha256(array.reshape(-1).view(np.uint8).data).hexdigest()


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in ("napari-segmotif", "numpy", "scikit-learn"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "unknown"
    return versions


def _to_json(model: dict[str, Any]) -> bytes:
    try:
        return json.dumps(model, allow_nan=False, ensure_ascii=False, indent=1).encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(
            f"a model's metadata is plain JSON without NaN and infinity (got: {error})"
        ) from error


def _npz(arrays: Arrays) -> bytes:
    buffer = io.BytesIO()
    total = sum(array.nbytes for array in arrays.values())
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, array, version=(1, 0), allow_pickle=False)
            data = member.getvalue()
            _add(archive, f"{name}.npy", data, deflate=_is_worth_deflating(data, total))
    return buffer.getvalue()


def _is_worth_deflating(data: bytes, total: int) -> bool:
    """Whether to compress a member of an archive of `total` bytes: not where a reader would fear a bomb."""
    if total <= _FREE_SIZE // 2:
        return True
    return len(zlib.compress(data, _LEVEL)) * _MAX_RATIO // 2 > len(data)


def _add(archive: zipfile.ZipFile, name: str, data: bytes, *, deflate: bool) -> None:
    """Add a member with a fixed time and fixed rights, so that equal content gives equal bytes."""
    entry = zipfile.ZipInfo(name, date_time=_EPOCH)
    entry.create_system, entry.external_attr = 3, 0o644 << 16
    method = zipfile.ZIP_DEFLATED if deflate else zipfile.ZIP_STORED
    archive.writestr(entry, data, method, compresslevel=_LEVEL)


# -------------------------------------------------------------------------------------------------- reading


def _checked_members(archive: zipfile.ZipFile) -> set[str]:
    """Check the table of contents; nothing is unpacked yet."""
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if len(set(names)) != len(names) or not {_MODEL, _ARRAYS} <= set(names) <= set(_SIZE_CAPS):
        raise ModelFileError(f"it must hold {_MODEL}, {_ARRAYS} and maybe {_WEIGHTS} (got {names[:5]})")
    for entry in entries:
        _check_sizes([entry], _SIZE_CAPS[entry.filename])
    return set(names)


def _check_sizes(entries: list[zipfile.ZipInfo], cap: int) -> None:
    """Check what members would take together, unpacked, against `cap` and against their packed size."""
    for entry in entries:
        if entry.flag_bits & 0x1:
            raise ModelFileError(f"encrypted files are not read (got {entry.filename!r})")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ModelFileError(f"its compression is not one of ours (got method {entry.compress_type})")
    unpacked, packed = sum(e.file_size for e in entries), sum(e.compress_size for e in entries)
    if unpacked > cap:
        raise ModelFileError(f"it is larger than allowed (got {unpacked} bytes, where {cap} are)")
    if unpacked > max(_FREE_SIZE, _MAX_RATIO * packed):
        raise ModelFileError(
            f"it is packed implausibly tightly, as bombs are (got {unpacked} from {packed} bytes)"
        )


def _read(archive: zipfile.ZipFile, name: str) -> bytes:
    """Unpack a member whose entry was checked; zipfile reads no more than its size and compares the CRC."""
    entry = archive.getinfo(name)
    with archive.open(entry) as member:
        data = member.read(entry.file_size + 1)
    if len(data) != entry.file_size:
        raise ModelFileError(f"{name!r} is cut off (got {len(data)} of {entry.file_size} bytes)")
    return data


def _from_json(data: bytes) -> dict[str, Any]:
    def refuse_constant(name: str) -> NoReturn:
        raise ModelFileError(f"{_MODEL} holds a number that is none (got {name})")

    def finite(text: str) -> float:
        value = float(text)
        return value if math.isfinite(value) else refuse_constant(text)

    def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) != len(pairs):
            raise ModelFileError(f"{_MODEL} names something twice (got {[key for key, _ in pairs][:5]})")
        return dict(pairs)

    model = json.loads(
        data.decode("utf-8"),
        parse_constant=refuse_constant,
        parse_float=finite,
        object_pairs_hook=without_duplicates,
    )
    if not isinstance(model, dict):
        raise ModelFileError(f"{_MODEL} must be an object (got {type(model).__name__})")
    return model


def _check_model(model: dict[str, Any], tool: str, *, has_weights: bool) -> None:
    if model.get("format") != FORMAT:
        raise ModelFileError(f"it is of another program (got format {str(model.get('format'))[:50]!r})")
    version = model.get("format_version")
    if type(version) is not int or version < 1:
        raise ModelFileError(f"its format version is no positive number (got {str(version)[:50]})")
    if version > FORMAT_VERSION:
        raise ModelFileError(f"a newer napari-segmotif wrote it: update yours (got format version {version})")
    if model.get("tool") != tool:
        raise ModelFileError(
            f"it belongs to another tool than {tool!r} (got {str(model.get('tool'))[:50]!r})"
        )
    if not isinstance(model.get("metadata"), dict) or not isinstance(model.get("arrays"), dict):
        raise ModelFileError(f"{_MODEL} lacks its metadata or its list of arrays (got {sorted(model)[:10]})")
    if has_weights != isinstance(model.get("weights"), dict):
        raise ModelFileError(f"{_MODEL} and {_WEIGHTS} do not belong together (got weights: {has_weights})")
    for table in (model["arrays"], model["weights"] if has_weights else {}):
        if len(table) > _MAX_ARRAYS:
            raise ModelFileError(f"it lists more arrays than allowed (got {len(table)})")
        for name, entry in table.items():
            _check_fingerprint(name, entry)


def _check_fingerprint(name: str, entry: Any) -> None:
    """Check name, shape and type of an array as model.json states them, before anything trusts them."""
    shape, dtype = (entry.get("shape"), entry.get("dtype")) if isinstance(entry, dict) else (None, None)
    if not _NAME.fullmatch(name) or not isinstance(shape, list) or not isinstance(dtype, str):
        raise ModelFileError(f"an array is not described as it should be (got {name[:50]!r})")
    if len(shape) > 32 or not all(type(n) is int and 0 <= n < 2**48 for n in shape):
        raise ModelFileError(f"the array {name!r} has an impossible shape (got {str(shape)[:80]})")
    if not re.fullmatch(rf"[<|][{_KINDS}]\d{{1,2}}", dtype):
        raise ModelFileError(f"the array {name!r} does not hold plain numbers (got dtype {dtype[:50]!r})")


def _read_npz(data: bytes, expected: dict[str, Any]) -> Arrays:
    arrays: Arrays = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        if sorted(e.filename for e in entries) != sorted(f"{name}.npy" for name in expected):
            raise ModelFileError(f"{_ARRAYS} does not hold what {_MODEL} lists (got {len(entries)} arrays)")
        for entry in entries:
            name, size = entry.filename.removesuffix(".npy"), entry.file_size
            if not _n_bytes(expected[name]) < size <= _n_bytes(expected[name]) + _NPY_HEADER_CAP:
                raise ModelFileError(f"the array {name!r} has not the stated size (got {size} bytes)")
        _check_sizes(entries, _SIZE_CAPS[_ARRAYS])
        for name in expected:
            arrays[name] = _read_npy(_read(archive, f"{name}.npy"), name, expected[name])
    return arrays


def _n_bytes(entry: dict[str, Any]) -> int:
    return int(math.prod(entry["shape"])) * int(np.dtype(entry["dtype"]).itemsize)


def _read_npy(data: bytes, name: str, expected: dict[str, Any]) -> NDArray[Any]:
    """Read one array; its header must say what model.json says, so the shape cannot surprise."""
    stream = io.BytesIO(data)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ModelFileError(f"the array {name!r} is of another npy version than ours (got {data[6:8]!r})")
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream, max_header_size=_NPY_HEADER_CAP)
    if fortran_order or dtype.hasobject:
        raise ModelFileError(f"the array {name!r} is not stored as plain numbers (got dtype {dtype})")
    _compare(name, tuple(shape), dtype, expected)
    body = data[stream.tell() :]
    if len(body) != _n_bytes(expected):
        raise ModelFileError(f"the array {name!r} has not the stated length (got {len(body)} bytes)")
    array: NDArray[Any] = np.frombuffer(bytearray(body), dtype=dtype).reshape(shape)
    _compare_checksum(name, array, expected)
    return array


def _read_weights(data: bytes, expected: dict[str, Any]) -> Arrays:
    import safetensors.numpy

    weights = safetensors.numpy.load(data)
    if weights.keys() != expected.keys():
        raise ModelFileError(f"{_WEIGHTS} does not hold what {_MODEL} lists (got {len(weights)} arrays)")
    for name in expected:
        _compare(name, weights[name].shape, weights[name].dtype, expected[name])
        _compare_checksum(name, np.ascontiguousarray(weights[name]), expected[name])
    return {name: weights[name] for name in expected}


def _compare(name: str, shape: tuple[int, ...], dtype: np.dtype[Any], expected: dict[str, Any]) -> None:
    if list(shape) != expected["shape"] or dtype.str != expected["dtype"]:
        raise ModelFileError(f"the array {name!r} is not the one {_MODEL} describes (got {shape} {dtype})")


def _compare_checksum(name: str, array: NDArray[Any], expected: dict[str, Any]) -> None:
    if _sha256(array) != expected.get("sha256"):
        raise ModelFileError(f"the array {name!r} was altered (got another SHA-256 than {_MODEL} states)")
