from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import yaml
from export_models import said_by, untrained
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_segmotif.errors import ModelFileError
from napari_segmotif.unet import model_file
from napari_segmotif.unet.exchange.export_bioimageio import scale_range
from napari_segmotif.unet.exchange.exported_description import describe_export
from napari_segmotif.unet.exchange.import_bioimageio import import_bioimageio
from napari_segmotif.unet.exchange.torch_export import export_arguments

Members = dict[str, bytes]


class Bomb:
    """What a pickle can do: here it only leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self._trace = trace

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return (Path.touch, (self._trace,))


def foreign(tmp_path: Path) -> tuple[dict[str, Any], Members]:
    """A package of PyTorch weights whose files would all leave a trace if they were run."""
    trace = tmp_path / "trace"
    description = {
        "type": "model",
        "weights": {
            "pytorch_state_dict": {
                "source": "weights.pt",
                "architecture": {"source": "network.py", "callable": "Network", "kwargs": {}},
            }
        },
    }
    members = {
        "weights.pt": pickle.dumps(Bomb(trace)),
        "network.py": f"from pathlib import Path\nPath({str(trace)!r}).touch()\n".encode(),
    }
    return description, members


def ours(tmp_path: Path) -> tuple[dict[str, Any], Members]:
    """What the export writes, as far as it is read again."""
    path = model_file.save(untrained(), tmp_path / "model")
    description = {"type": "model", "attachments": [{"source": "model.segmotif"}]}
    return description, {"model.segmotif": path.read_bytes()}


def with_safetensors(tmp_path: Path, seed: int = 0) -> tuple[dict[str, Any], Members]:
    """A package of ours whose weights were converted, with a program that must not be run."""
    model = untrained()
    description, members = foreign(tmp_path)
    entry = description["weights"]["pytorch_state_dict"]
    entry["source"] = "weights.safetensors"
    entry["architecture"]["kwargs"] = export_arguments(model)
    description["config"] = {"segmotif": describe_export(model)}
    weights = untrained(seed=seed).network.state_dict().items()
    members["weights.safetensors"] = safetensors.numpy.save({f"network.{k}": v.numpy() for k, v in weights})
    image = np.random.default_rng(0).gamma(2.0, 50.0, (1, 1, 32, 32)).astype(np.float32)
    for name, array in (("input", image), ("output", said_by(model, scale_range(image[0])[None]))):
        file = io.BytesIO()
        np.save(file, array, allow_pickle=False)
        members[f"test_{name}.npy"] = file.getvalue()
    return description, members


def write(path: Path, description: object, members: Members) -> Path:
    text = description if isinstance(description, str) else yaml.safe_dump(description)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {"rdf.yaml": text.encode(), **members}.items():
            archive.writestr(name, data)
    return path


def test_our_own_package_comes_back(tmp_path: Path) -> None:
    model = import_bioimageio(write(tmp_path / "package.zip", *ours(tmp_path)))
    images = np.random.default_rng(0).random((1, 1, 32, 32)).astype(np.float32)
    np.testing.assert_array_equal(said_by(model, images), said_by(untrained(), images))
    assert model.decoder == untrained().decoder


def test_safetensors_for_our_network_are_used_without_running_the_package(tmp_path: Path) -> None:
    model = import_bioimageio(write(tmp_path / "package.zip", *with_safetensors(tmp_path)))
    images = np.random.default_rng(0).random((1, 1, 32, 32)).astype(np.float32)
    np.testing.assert_array_equal(said_by(model, images), said_by(untrained(), images))
    expected = untrained()
    for field in ("heads", "decoder", "class_names", "channel_names", "spacing", "n_channels", "annotation"):
        assert getattr(model, field) == getattr(expected, field)
    assert model.configuration.total_stride == expected.configuration.total_stride
    assert not (tmp_path / "trace").exists()


def test_a_network_that_computes_something_else_is_noticed_by_the_example(tmp_path: Path) -> None:
    package = write(tmp_path / "package.zip", *with_safetensors(tmp_path, seed=1))
    with pytest.raises(ModelFileError, match=r"computes something else.*\(got a difference of"):
        import_bioimageio(package)


def set_widths(kwargs: dict[str, Any]) -> None:
    kwargs["widths"] = [8192, 8192, 8192]  # terabytes, if it were made


def drop_widths(kwargs: dict[str, Any]) -> None:
    del kwargs["widths"]


def add_something(kwargs: dict[str, Any]) -> None:
    kwargs["callback"] = "print"


@pytest.mark.parametrize("change", [set_widths, drop_widths, add_something])
def test_sizes_that_do_not_fit_the_weights_are_refused(
    change: Callable[[dict[str, Any]], None], tmp_path: Path
) -> None:
    description, members = with_safetensors(tmp_path)
    change(description["weights"]["pytorch_state_dict"]["architecture"]["kwargs"])
    with pytest.raises(ModelFileError, match=r"\(got"):
        import_bioimageio(write(tmp_path / "package.zip", description, members))


def test_other_intensities_are_refused(tmp_path: Path) -> None:
    description, members = with_safetensors(tmp_path)
    description["config"]["segmotif"]["percentiles"] = [5.0, 95.0]
    with pytest.raises(ModelFileError, match="prepares images in another way"):
        import_bioimageio(write(tmp_path / "package.zip", description, members))


def test_pickled_weights_and_programs_are_refused_and_not_opened(tmp_path: Path) -> None:
    package = write(tmp_path / "package.zip", *foreign(tmp_path))
    with pytest.raises(ModelFileError, match=r"are a pickle.*train a network here \(got 'weights.pt'\)"):
        import_bioimageio(package)
    assert not (tmp_path / "trace").exists()
    pickle.loads(foreign(tmp_path)[1]["weights.pt"])  # noqa: S301 - the trace would have been left
    assert (tmp_path / "trace").exists()


def test_a_foreign_network_is_refused_even_with_safetensors(tmp_path: Path) -> None:
    description, members = foreign(tmp_path)
    description["weights"]["pytorch_state_dict"]["source"] = "weights.safetensors"
    with pytest.raises(ModelFileError, match="a program of its own, which is not run"):
        import_bioimageio(write(tmp_path / "package.zip", description, members))
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("kinds", [["onnx"], ["keras_hdf5", "tensorflow_js"], []])
def test_packages_without_pytorch_weights_are_refused(kinds: list[str], tmp_path: Path) -> None:
    description = {"type": "model", "weights": {kind: {"source": "w"} for kind in kinds}}
    got = ", ".join(kinds) or "none"
    with pytest.raises(ModelFileError, match=rf"no PyTorch weights.*\(got weights of the kinds {got}\)"):
        import_bioimageio(write(tmp_path / "package.zip", description, {}))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("type: dataset", "describes no model"),
        ("- 1\n- 2", "no list of fields"),
        ("a: &a [1, 2]\nb: [*a, *a]", "refers to itself"),
        ("a: !!python/object/apply:os.system ['true']", "damaged or no bioimage.io package"),
        ("a: [", "damaged or no bioimage.io package"),
        ("type: model\nweights: 3\nconfig: 4\nattachments: 5", "no PyTorch weights"),
        ("#" * (1 << 20) + "##", "too large"),
    ],
    ids=range(7),
)
def test_odd_descriptions_are_refused(text: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=rf"{complaint}.*\(got"):
        import_bioimageio(write(tmp_path / "package.zip", text, {}))


def test_a_model_that_is_packed_as_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    description, _ = ours(tmp_path)
    package = write(tmp_path / "package.zip", description, {"model.segmotif": bytes(40 << 20)})
    with pytest.raises(ModelFileError, match=r"'model.segmotif' is encrypted or too large.*\(got"):
        import_bioimageio(package)


def test_what_is_no_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="no package of that name"):
        import_bioimageio(tmp_path / "nowhere.zip")
    other = tmp_path / "other.zip"
    other.write_bytes(b"not a zip")
    with pytest.raises(ModelFileError, match="is damaged or no"):
        import_bioimageio(other)
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("letter.txt", "hello")
    with pytest.raises(ModelFileError, match=r"an rdf.yaml in it \(got \['letter.txt'\]\)"):
        import_bioimageio(other)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_gives_a_model_file_error_or_nothing_at_all(data: st.DataObject, tmp_path: Path) -> None:
    kind = data.draw(st.sampled_from([ours, with_safetensors]))
    whole = write(tmp_path / "package.zip", *kind(tmp_path)).read_bytes()
    if data.draw(st.booleans()):
        damaged = whole[: data.draw(st.integers(0, len(whole) - 1))]
    else:
        place = data.draw(st.integers(0, len(whole) - 1))
        damaged = whole[:place] + bytes([whole[place] ^ data.draw(st.integers(1, 255))]) + whole[place + 1 :]
    path = tmp_path / "damaged.zip"
    path.write_bytes(damaged)
    images = np.random.default_rng(0).random((1, 1, 32, 32)).astype(np.float32)
    try:
        model = import_bioimageio(path)
    except ModelFileError:
        return
    np.testing.assert_array_equal(said_by(model, images), said_by(untrained(), images))
