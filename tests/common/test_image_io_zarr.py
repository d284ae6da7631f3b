"""OME-Zarr as other programs write it, and what we write against the specification."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from napari_segmotif.common.image_io import open_image, write_image
from napari_segmotif.errors import AxesError, ImageFileError

ARRAY = np.random.default_rng(0).integers(0, 2**16, (2, 3, 4, 16, 20), dtype=np.uint16)  # TCZYX
SPACE = [{"name": n, "type": "space", "unit": "micrometer"} for n in "zyx"]
TCZYX = [{"name": "t", "type": "time", "unit": "millisecond"}, {"name": "c", "type": "channel"}, *SPACE]


def _multiscales(axes: list[Any], scale: list[float], **more: Any) -> dict[str, Any]:
    """Two resolutions, the second of which must not be used."""
    levels = []
    for level, factor in enumerate((1, 2)):
        spatial = [s * (factor if i >= len(scale) - 2 else 1) for i, s in enumerate(scale)]
        transform = [
            {"type": "scale", "scale": spatial},
            {"type": "translation", "translation": [0.5] * len(scale)},
        ]
        levels.append({"path": str(level), "coordinateTransformations": transform})
    return {"axes": axes, "datasets": levels, "name": "cells", **more}


def _ome_zarr(
    path: Path, version: str, array: np.ndarray[Any, Any], multiscales: dict[str, Any], **ome: Any
) -> Path:
    """Write an image as the specification of that version says."""
    metadata = {"multiscales": [multiscales], **ome}
    if version == "0.5":
        group = zarr.create_group(path, zarr_format=3, attributes={"ome": {"version": "0.5", **metadata}})
    else:
        multiscales["version"] = version
        group = zarr.create_group(path, zarr_format=2, attributes=metadata)
    group.create_array("0", data=array, chunks=(1,) * (array.ndim - 2) + (8, 8))
    group.create_array("1", data=array[..., ::2, ::2])
    return path


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_an_image_of_either_version_keeps_everything(tmp_path: Path, version: str) -> None:
    channels = {"channels": [{"label": name, "color": "FF0000"} for name in ("a", "b", "c")]}
    path = _ome_zarr(
        tmp_path / "cells.ome.zarr",
        version,
        ARRAY,
        _multiscales(TCZYX, [250, 1, 2, 0.5, 0.25]),
        omero=channels,
    )
    with open_image(path) as image:
        assert image.axes == "TCZYX"
        assert image.spacing == (2, 0.5, 0.25)
        assert image.units == ("micrometer",) * 3
        assert image.time_interval == 0.25
        assert image.channel_names == ("a", "b", "c")
        assert image.name == "cells"
        assert not image.labels
        assert isinstance(image.array, zarr.Array)
        np.testing.assert_array_equal(image.array[...], ARRAY)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_the_scale_of_the_whole_pyramid_counts_too(tmp_path: Path, version: str) -> None:
    """The specification: transformations of a level first, then those of the multiscale."""
    multiscales = _multiscales(TCZYX, [1, 1, 2, 0.5, 0.5])
    multiscales["coordinateTransformations"] = [{"type": "scale", "scale": [100, 1, 3, 2, 4]}]
    with open_image(_ome_zarr(tmp_path / "a.zarr", version, ARRAY, multiscales)) as image:
        assert image.spacing == (6, 1, 2)
        assert image.time_interval == pytest.approx(0.1)


def test_units_that_differ_are_brought_together_and_missing_ones_stay_missing(tmp_path: Path) -> None:
    axes = [{"name": "z", "type": "space", "unit": "nanometer"}, *SPACE[1:]]
    with open_image(
        _ome_zarr(tmp_path / "a.zarr", "0.5", ARRAY[0, 0], _multiscales(axes, [900, 0.3, 0.3]))
    ) as image:
        assert image.spacing == pytest.approx((0.9, 0.3, 0.3))
        assert image.units == ("micrometer",) * 3
    bare = [{"name": name, "type": "space"} for name in "yx"]
    with open_image(
        _ome_zarr(tmp_path / "b.zarr", "0.4", ARRAY[0, 0, 0], _multiscales(bare, [2, 3]))
    ) as image:
        assert (image.spacing, image.units) == ((2, 3), (None, None))


def test_older_versions_name_their_axes_more_briefly_or_not_at_all(tmp_path: Path) -> None:
    brief = {"datasets": [{"path": "0"}], "axes": ["z", "y", "x"]}
    with open_image(_ome_zarr(tmp_path / "3.zarr", "0.3", ARRAY[0, 0], brief)) as image:
        assert (image.axes, image.spacing) == ("ZYX", None)
    with open_image(_ome_zarr(tmp_path / "1.zarr", "0.1", ARRAY, {"datasets": [{"path": "0"}]})) as image:
        assert image.axes == "TCZYX"


def test_a_collection_is_opened_by_number(tmp_path: Path) -> None:
    path = tmp_path / "collection.zarr"
    zarr.create_group(path, zarr_format=2, attributes={"bioformats2raw.layout": 3})
    for index in range(2):
        _ome_zarr(path / str(index), "0.4", ARRAY[index, 0], _multiscales(SPACE, [1, 1, 1 + index]))
    for scene in (None, 0, 1, "1"):
        with open_image(path, scene=scene) as image:
            np.testing.assert_array_equal(image.array[...], ARRAY[int(scene or 0), 0])
    with open_image(path / "1") as image:
        assert image.spacing == (1, 1, 2)
    with pytest.raises(ImageFileError, match=r"no such image.*got scene '7'"):
        open_image(path, scene=7)


def test_labels_inside_an_image_are_opened_by_their_path(tmp_path: Path) -> None:
    path = _ome_zarr(tmp_path / "a.zarr", "0.5", ARRAY[0, 0], _multiscales(SPACE, [1, 2, 2]))
    labels = (ARRAY[0, 0] % 5).astype(np.uint8)
    zarr.open_group(path, mode="a").create_group("labels", attributes={"ome": {"labels": ["nuclei"]}})
    _ome_zarr(
        path / "labels" / "nuclei", "0.5", labels, _multiscales(SPACE, [1, 2, 2]), **{"image-label": {}}
    )
    with open_image(path, scene="labels/nuclei") as image:
        assert image.labels
        np.testing.assert_array_equal(image.array[...], labels)
    with open_image(path) as image:
        assert not image.labels


def test_plain_arrays_are_images_too(tmp_path: Path) -> None:
    for zarr_format in (2, 3):
        path = tmp_path / f"{zarr_format}.zarr"
        zarr.create_array(path, data=ARRAY[0, 0], zarr_format=zarr_format)
        with open_image(path) as image:
            assert (image.axes, image.spacing, image.name) == ("ZYX", None, str(zarr_format))
    zarr.create_array(tmp_path / "named.zarr", data=ARRAY[:, 0, 0], dimension_names=["t", "y", "x"])
    with open_image(tmp_path / "named.zarr") as image:
        assert image.axes == "TYX"
    zarr.create_array(tmp_path / "5d.zarr", data=ARRAY)
    with pytest.raises(AxesError, match="pass axes"):
        open_image(tmp_path / "5d.zarr")
    with open_image(tmp_path / "5d.zarr", axes="TCZYX") as image:
        assert image.source.n_channels == 3


def test_axes_in_another_order_are_arranged_lazily(tmp_path: Path) -> None:
    axes = [SPACE[0], {"name": "t", "type": "time"}, *SPACE[1:]]
    path = _ome_zarr(tmp_path / "a.zarr", "0.4", ARRAY[0], _multiscales(axes, [3, 1, 2, 2]))
    with open_image(path) as image:
        assert (image.axes, image.spacing) == ("TZYX", (3, 2, 2))
        np.testing.assert_array_equal(np.asarray(image.array[...]), ARRAY[0].transpose(1, 0, 2, 3))


def test_what_is_no_image_is_refused_and_says_what_is_there(tmp_path: Path) -> None:
    group = zarr.create_group(tmp_path / "g.zarr")
    group.create_array("raw", data=ARRAY[0, 0])
    group.create_group("tables")
    with pytest.raises(ImageFileError, match=r"no OME-Zarr image.*got raw, tables"):
        open_image(tmp_path / "g.zarr")
    with open_image(tmp_path / "g.zarr", scene="raw") as image:
        assert image.axes == "ZYX"
    with pytest.raises(ImageFileError, match=r"got scene 'absent'"):
        open_image(tmp_path / "g.zarr", scene="absent")
    zarr.create_group(tmp_path / "plate.zarr", attributes={"ome": {"version": "0.5", "plate": {}}})
    with pytest.raises(ImageFileError, match=r"a plate: name one of its fields"):
        open_image(tmp_path / "plate.zarr")
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(ImageFileError, match="this folder is no zarr"):
        open_image(tmp_path / "empty.zarr")
    odd = _ome_zarr(
        tmp_path / "odd.zarr", "0.5", ARRAY[0, 0], _multiscales([{"name": "angle"}, *SPACE[1:]], [1, 1, 1])
    )
    with pytest.raises(ImageFileError, match=r"only the axes t, c, z, y and x.*ANGLE"):
        open_image(odd)
    with open_image(odd, axes="CYX") as image:
        assert image.axes == "CYX"


@pytest.mark.parametrize(
    "ome",
    [
        "not JSON",
        {"multiscales": [{}]},
        {"multiscales": [{"datasets": []}]},
        {"multiscales": [{"datasets": [{"path": "absent"}]}]},
        {"multiscales": "text"},
        {"multiscales": [3]},
        {"multiscales": [{"datasets": [{"path": "0"}], "axes": [3, 4, 5]}]},
    ],
)
def test_damaged_metadata_is_an_image_file_error(tmp_path: Path, ome: Any) -> None:
    path = write_image(tmp_path / "a.zarr", ARRAY[0, 0], axes="ZYX")
    document = json.loads((path / "zarr.json").read_text())
    document["attributes"]["ome"] = ome
    (path / "zarr.json").write_text("{" if ome == "not JSON" else json.dumps(document))
    with pytest.raises(ImageFileError):
        open_image(path)


@pytest.mark.parametrize("axes", ["YX", "ZYX", "TCZYX", "YXC"])
def test_what_is_written_follows_the_specification(tmp_path: Path, axes: str) -> None:
    """OME-Zarr 0.5, section by section, on the JSON that lies on the disk."""
    array = ARRAY[tuple(slice(None) if letter in axes else 0 for letter in "TCZYX")]
    array = np.moveaxis(array, 0, -1) if axes == "YXC" else array
    path = write_image(
        tmp_path / "a.ome.zarr",
        array,
        axes=axes,
        spacing=(2, 0.5, 0.25)[-sum(letter in "ZYX" for letter in axes) :],
        units="micrometer",
        time_interval=2.0,
        channel_names=["a", "b", "c"] if "C" in axes else (),
        labels="C" not in axes,
    )
    group = json.loads((path / "zarr.json").read_text())
    level = json.loads((path / "0" / "zarr.json").read_text())
    assert group["zarr_format"] == level["zarr_format"] == 3
    ome = group["attributes"]["ome"]
    assert ome["version"] == "0.5"
    (multiscale,) = ome["multiscales"]
    names = [axis["name"] for axis in multiscale["axes"]]
    kinds = [axis["type"] for axis in multiscale["axes"]]
    assert kinds == sorted(kinds, key=["time", "channel", "space"].index)
    assert 2 <= kinds.count("space") <= 3
    assert names[-2:] == ["y", "x"]
    assert level["dimension_names"] == names
    assert len(level["shape"]) == len(names)
    (dataset,) = multiscale["datasets"]
    assert dataset["path"] == "0"
    ((transform,),) = [dataset["coordinateTransformations"]]
    assert transform["type"] == "scale"
    assert len(transform["scale"]) == len(names)
    assert ("image-label" in ome) == ("C" not in axes)
    if "C" in axes:
        assert [channel["label"] for channel in ome["omero"]["channels"]] == ["a", "b", "c"]
        for channel in ome["omero"]["channels"]:
            assert len(channel["color"]) == 6
            assert channel["window"].keys() == {"min", "max", "start", "end"}
    with open_image(path) as image:
        np.testing.assert_array_equal(
            image.array[...], array.transpose([axes.index(name.upper()) for name in names])
        )
