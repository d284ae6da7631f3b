"""HDF5 files as ilastik, Fiji and people's own scripts write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from napari_segmotif.common.image_io import open_image, write_image
from napari_segmotif.errors import AxesError, ImageFileError

ARRAY = np.random.default_rng(0).integers(0, 2**16, (2, 3, 4, 16, 20), dtype=np.uint16)


def _tags(axes: str) -> str:
    return json.dumps(
        {"axes": [{"key": a, "typeFlags": 2, "resolution": 0, "description": ""} for a in axes]}
    )


def _file(path: Path, **datasets: Any) -> Path:
    with h5py.File(path, "w") as file:
        for name, data in datasets.items():
            file[name.replace("__", "/")] = data
    return path


def test_ilastiks_axistags_are_understood(tmp_path: Path) -> None:
    path = _file(tmp_path / "a.h5", exported_data=ARRAY[0, 0])
    with h5py.File(path, "a") as file:
        file["exported_data"].attrs["axistags"] = _tags("tyx")
    with open_image(path) as image:
        assert image.axes == "TYX"
        np.testing.assert_array_equal(image.array[...], ARRAY[0, 0])


def test_axes_in_ilastiks_older_order_are_arranged(tmp_path: Path) -> None:
    path = _file(tmp_path / "a.h5", volume__data=ARRAY.transpose(0, 4, 3, 2, 1))
    with h5py.File(path, "a") as file:
        file["volume/data"].attrs["axistags"] = _tags("txyzc")
        file["volume/data"].attrs["element_size_um"] = (2.0, 0.5, 0.25)  # always Z, Y, X
    with open_image(path) as image:
        assert (image.axes, image.spacing) == ("TZYXC", (2.0, 0.5, 0.25))
        assert image.units == ("micrometer",) * 3
        np.testing.assert_array_equal(np.asarray(image.array[...]), ARRAY.transpose(0, 2, 3, 4, 1))


def test_element_size_and_dimension_labels_are_understood(tmp_path: Path) -> None:
    path = _file(tmp_path / "a.hdf5", t0=ARRAY[0, 0, 0], other=np.arange(3))
    with h5py.File(path, "a") as file:
        file["t0"].attrs["element_size_um"] = [1.0, 0.5, 0.25]
        for dimension, label in zip(file["t0"].dims, "yx", strict=True):
            dimension.label = label
    with open_image(path) as image:
        assert (image.axes, image.spacing, image.name) == ("YX", (0.5, 0.25), "a_t0")


def test_what_says_nothing_is_guessed_as_any_array(tmp_path: Path) -> None:
    with open_image(_file(tmp_path / "a.h5", x=ARRAY[0, 0])) as image:
        assert (image.axes, image.spacing, image.units) == ("ZYX", None, None)
    path = _file(tmp_path / "b.h5", x=ARRAY)
    with pytest.raises(AxesError, match="pass axes"):
        open_image(path)
    with open_image(path, axes="TCZYX") as image:
        assert image.axes == "TCZYX"
    path.unlink()  # not locked by the refusal before


@pytest.mark.parametrize("tags", ["{", "[]", _tags("yy"), _tags("qyx"), _tags("zyxc")])
def test_tags_that_do_not_fit_are_ignored_or_refused(tmp_path: Path, tags: str) -> None:
    path = _file(tmp_path / "a.h5", x=ARRAY[0, 0])
    with h5py.File(path, "a") as file:
        file["x"].attrs["axistags"] = tags
    try:
        with open_image(path) as image:
            assert image.axes == "ZYX"
    except ImageFileError:
        assert tags in ("{", "[]")


def test_several_datasets_are_listed_and_one_is_named_in_the_path(tmp_path: Path) -> None:
    path = _file(tmp_path / "a.h5", raw=ARRAY[0, 0], seg__labels=ARRAY[0, 1], table=np.arange(5))
    with pytest.raises(ImageFileError, match=r"several images: name one.*got /raw, /seg/labels"):
        open_image(path)
    for name in ("/seg/labels", "seg/labels"):
        with open_image(f"{path}:{name}") as image:
            np.testing.assert_array_equal(image.array[...], ARRAY[0, 1])
    with open_image(path, scene="raw") as image:
        np.testing.assert_array_equal(image.array[...], ARRAY[0, 0])
    for name in ("absent", "table", "seg"):
        with pytest.raises(ImageFileError, match=r"no image dataset of that name.*raw"):
            open_image(path, scene=name)
    with pytest.raises(ImageFileError, match="by its path"):
        open_image(path, scene=0)
    with pytest.raises(ImageFileError, match="name the dataset once"):
        open_image(f"{path}:raw", scene="raw")


def test_a_file_without_images_is_refused(tmp_path: Path) -> None:
    path = _file(
        tmp_path / "a.h5",
        table=np.arange(5),
        text="hello",
        empty=np.zeros((0, 3)),
        mixed=np.zeros((2, 2), "f4,i4"),
    )
    with pytest.raises(ImageFileError, match="holds no image"):
        open_image(path)


def test_a_filter_that_is_not_there_names_the_package(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_chunk((4, 5))
        properties.set_filter(32_999, h5py.h5z.FLAG_OPTIONAL)
        space = h5py.h5s.create_simple((4, 5))
        h5py.h5d.create(file.id, b"x", h5py.h5t.NATIVE_UINT8, space, properties)
    with pytest.raises(ImageFileError, match=r"pip install hdf5plugin.*got filter 32999"):
        open_image(path)


def test_what_is_written_carries_what_ilastik_and_fiji_read(tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.h5", ARRAY[0, 0], axes="ZYX", spacing=(2, 0.5, 0.25), units="micrometer")
    with h5py.File(path) as file:
        dataset = file["data"]
        assert [axis["key"] for axis in json.loads(dataset.attrs["axistags"])["axes"]] == ["z", "y", "x"]
        assert list(dataset.attrs["element_size_um"]) == [2, 0.5, 0.25]
        assert [dimension.label for dimension in dataset.dims] == ["z", "y", "x"]
        assert dataset.chunks is not None


def test_a_dataset_path_is_not_for_writing(tmp_path: Path) -> None:
    with pytest.raises(ImageFileError, match="file of their own"):
        write_image(f"{tmp_path}/a.h5:/labels", ARRAY[0, 0], axes="ZYX")


def test_metadata_larger_than_an_attribute_may_be_comes_back(tmp_path: Path) -> None:
    metadata = {"positions": list(range(50_000))}
    with open_image(write_image(tmp_path / "a.h5", ARRAY[0, 0], axes="ZYX", metadata=metadata)) as image:
        assert image.metadata == metadata
