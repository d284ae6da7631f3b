from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from napari_segmotif.common.atomic import check_folder, make_ready, storage_error, write_atomically
from napari_segmotif.errors import StorageError


def _folder(path: Path, content: str) -> None:
    path.mkdir()
    (path / "zarr.json").write_text(content)
    (path / "c").mkdir()
    (path / "c" / "0").write_text(content * 2)


def test_a_new_file_appears_with_its_content_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "table.csv"
    with write_atomically(target) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".csv"
        temporary.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"
    assert os.listdir(tmp_path) == ["table.csv"]


def test_an_old_file_is_replaced_and_keeps_its_permissions(tmp_path: Path) -> None:
    target = tmp_path / "model"
    target.write_text("old")
    target.chmod(0o664)
    with write_atomically(target) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    if os.name == "posix":
        assert target.stat().st_mode & 0o777 == 0o664


def test_a_folder_takes_the_place_of_another_one(tmp_path: Path) -> None:
    target = tmp_path / "image.zarr"
    _folder(target, "old")
    (target / "left over").write_text("of the old one")
    with write_atomically(target) as temporary:
        _folder(temporary, "new")
    assert sorted(p.name for p in target.iterdir()) == ["c", "zarr.json"]
    assert (target / "c" / "0").read_text() == "newnew"
    assert os.listdir(tmp_path) == ["image.zarr"]


def test_a_folder_takes_the_place_of_a_file(tmp_path: Path) -> None:
    target = tmp_path / "image.zarr"
    target.write_text("a file")
    with write_atomically(target) as temporary:
        _folder(temporary, "new")
    assert (target / "zarr.json").read_text() == "new"
    assert os.listdir(tmp_path) == ["image.zarr"]


def test_a_symbolic_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    real = tmp_path / "elsewhere" / "real.bin"
    real.write_text("old")
    link = tmp_path / "link.bin"
    try:
        link.symlink_to(real)
    except OSError:
        pytest.skip("symbolic links are not permitted here")
    with write_atomically(link) as temporary:
        temporary.write_text("new")
    assert link.is_symlink()
    assert real.read_text() == "new"


@pytest.mark.parametrize("error", [RuntimeError("mine"), KeyboardInterrupt(), StorageError("said already")])
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_any_exception_leaves_the_old_one_and_no_temporary(
    tmp_path: Path, error: BaseException, kind: str
) -> None:
    target = tmp_path / "image.zarr"
    target.write_text("old")
    write = (lambda p: p.write_text("half")) if kind == "file" else (lambda p: _folder(p, "half"))

    def half_of_the_work() -> None:
        with write_atomically(target) as temporary:
            write(temporary)
            raise error

    with pytest.raises(type(error)) as caught:
        half_of_the_work()
    assert caught.value is error
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["image.zarr"]


def test_a_write_that_the_system_refuses_partway_keeps_the_old_file(tmp_path: Path, file_size_limit) -> None:
    target = tmp_path / "model.segmotif"
    target.write_bytes(b"old" * 1000)

    def write_a_megabyte() -> None:
        with write_atomically(target) as temporary, open(temporary, "wb") as file:
            for _ in range(100):
                file.write(bytes(10_000))

    with (
        file_size_limit(64_000),
        pytest.raises(StorageError, match=r"model\.segmotif could not be written.*\(got: "),
    ):
        write_a_megabyte()
    assert os.listdir(tmp_path) == ["model.segmotif"]
    assert target.read_bytes() == b"old" * 1000


@pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="/dev/full, an always full disk, is a Linux device"
)
def test_a_full_disk_is_named_as_such(tmp_path: Path) -> None:
    target = tmp_path / "table.csv"
    target.write_text("old")

    def write_to_a_full_disk() -> None:
        with write_atomically(target) as temporary:
            temporary.symlink_to("/dev/full")
            temporary.write_text("does not fit")

    with pytest.raises(StorageError, match=r"no space left.*free some space"):
        write_to_a_full_disk()
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["table.csv"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_an_error_of_the_last_steps_keeps_the_old_file(tmp_path: Path, monkeypatch, step: str) -> None:
    target = tmp_path / "table.csv"
    target.write_text("old")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, step, refuse)
    with pytest.raises(StorageError, match="no space"), write_atomically(target) as temporary:
        temporary.write_text("new")
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["table.csv"]


def test_a_folder_that_cannot_be_renamed_brings_the_old_one_back(tmp_path: Path, monkeypatch) -> None:
    target = tmp_path / "image.zarr"
    _folder(target, "old")
    rename, calls = os.rename, []

    def refuse_second(source: Path, destination: Path) -> None:
        calls.append(destination)
        if len(calls) == 2:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        rename(source, destination)

    monkeypatch.setattr(os, "rename", refuse_second)
    with pytest.raises(StorageError, match="not permitted"), write_atomically(target) as temporary:
        _folder(temporary, "new")
    assert len(calls) == 3
    assert (target / "c" / "0").read_text() == "oldold"
    assert os.listdir(tmp_path) == ["image.zarr"]


def test_a_process_that_dies_while_writing_leaves_the_old_file_whole(tmp_path: Path) -> None:
    target = tmp_path / "model.segmotif"
    target.write_text("old")
    code = (
        "import os, sys\n"
        "from napari_segmotif.common.atomic import write_atomically\n"
        "with write_atomically(sys.argv[1]) as temporary:\n"
        "    temporary.write_text('half')\n"
        "    os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(target)], check=False).returncode == 9
    assert target.read_text() == "old"


def test_a_missing_folder_is_said_before_the_work_is_done(tmp_path: Path) -> None:
    target = tmp_path / "absent" / "a.csv"
    with pytest.raises(StorageError, match="does not exist: create it"), write_atomically(target):
        pytest.fail("must not be entered")


def test_a_file_in_place_of_the_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="its folder is a file"), write_atomically(tmp_path / "file" / "a"):
        pytest.fail("must not be entered")


def test_a_folder_is_never_replaced_by_a_file(tmp_path: Path) -> None:
    target = tmp_path / "results"
    _folder(target, "old")
    with pytest.raises(StorageError, match="a folder of that name"), write_atomically(target) as temporary:
        temporary.write_text("new")
    assert (target / "zarr.json").read_text() == "old"
    assert os.listdir(tmp_path) == ["results"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_file_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "precious.csv"
    target.write_text("old")
    target.chmod(0o444)
    with pytest.raises(StorageError, match="not permitted"), write_atomically(target):
        pytest.fail("must not be entered")
    assert target.read_text() == "old"


def test_the_number_hidden_in_an_hdf5_message_is_understood() -> None:
    error = OSError("Can't write data (file write failed: errno = 28, error message = 'No space left')")
    assert "no space left for it" in str(storage_error(error, "a.h5"))
    assert "refused" in str(storage_error(OSError("something else"), "a.h5"))


def test_the_folder_of_a_file_is_made_before_the_work(tmp_path: Path) -> None:
    make_ready(tmp_path / "new/folder/model.segmotif")
    assert list((tmp_path / "new/folder").iterdir()) == []
    make_ready(tmp_path / "new/folder/model.segmotif")  # nor does it mind that it is there


def test_a_place_where_nothing_can_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "folder.csv").mkdir()
    for name, advice in (
        ("file/a.csv", "its folder is a file"),
        ("file/deeper/a.csv", "its folder is a file"),
        ("folder.csv", "a folder of that name stands there"),
    ):
        with pytest.raises(StorageError, match=rf"{name} could not be written: {advice}.*\(got: "):
            make_ready(tmp_path / name)
    with pytest.raises(StorageError, match="its folder is a file"):
        check_folder(tmp_path / "file/results")
    check_folder(tmp_path / "new/results")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.csv"]


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is read-only for an administrator"
)
def test_a_read_only_folder_is_told_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o555)
    with pytest.raises(StorageError, match="not permitted"):
        make_ready(tmp_path / "locked/new/a.csv")
    with pytest.raises(StorageError, match="not permitted"):
        check_folder(tmp_path / "locked/new")
