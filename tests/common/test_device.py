"""The choice of a device, what counts as out of memory, and the ladder down from it."""

from __future__ import annotations

import gc
import subprocess
import sys
import types
import weakref
from typing import Any

import pytest

from napari_segmotif.common import device as device_module
from napari_segmotif.common.device import is_out_of_memory, resolve_device, with_memory_ladder
from napari_segmotif.errors import DeviceMemoryError, InputError


def fake_torch(cuda: bool, mps: bool) -> types.ModuleType:
    """As much of PyTorch as the choice of a device looks at."""
    torch: Any = types.ModuleType("torch")
    torch.cuda = types.SimpleNamespace(is_available=lambda: cuda, empty_cache=lambda: emptied.append("cuda"))
    torch.backends = types.SimpleNamespace(mps=types.SimpleNamespace(is_available=lambda: mps))
    torch.mps = types.SimpleNamespace(empty_cache=lambda: emptied.append("mps"))
    emptied: list[str] = []
    torch.emptied = emptied
    module: types.ModuleType = torch
    return module


# --------------------------------------------------------------------------------------------- resolve_device


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_auto_takes_cuda_then_mps_then_the_cpu(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, expected: str
) -> None:
    monkeypatch.setitem(sys.modules, "torch", fake_torch(cuda, mps))
    assert resolve_device("auto") == expected
    assert resolve_device(expected) == expected


@pytest.mark.parametrize("wish", ["cuda", "mps"])
def test_a_device_that_does_not_exist_here_is_refused(monkeypatch: pytest.MonkeyPatch, wish: str) -> None:
    monkeypatch.setitem(sys.modules, "torch", fake_torch(cuda=False, mps=False))
    with pytest.raises(InputError, match=rf"no {wish} device.*take 'auto' or 'cpu' \(got '{wish}'\)"):
        resolve_device(wish)


@pytest.mark.parametrize("wish", ["gpu", "cuda:0", "CPU", ""])
def test_an_unknown_device_is_refused(wish: str) -> None:
    with pytest.raises(InputError, match=r"auto, cpu, cuda, mps \(got"):
        resolve_device(wish)


@pytest.mark.parametrize(
    ("platform", "library"), [("linux", "libcuda.so.1"), ("win32", "nvcuda.dll")], ids=["Linux", "Windows"]
)
def test_without_a_driver_torch_is_not_imported(platform: str, library: str) -> None:
    code = f"""
import ctypes, sys
asked = []
def absent(name, *args, **kwargs):
    asked.append(name)
    raise OSError(name)
ctypes.CDLL = absent
from napari_segmotif.common.device import resolve_device
sys.platform = {platform!r}
assert resolve_device("auto") == "cpu"
assert asked == [{library!r}], asked
assert resolve_device("cpu") == "cpu"
assert "torch" not in sys.modules
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(("platform", "driver"), [("darwin", False), ("linux", True)], ids=["Mac", "driver"])
def test_where_there_may_be_an_accelerator_torch_is_asked(
    monkeypatch: pytest.MonkeyPatch, platform: str, driver: bool
) -> None:
    def load(name: str) -> object:
        if driver:
            return object()
        raise OSError(name)

    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(device_module.ctypes, "CDLL", load)
    assert device_module._accelerator_is_possible()


# --------------------------------------------------------------------------------------------- out of memory


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 8.00 GiB total capacity)"),
        RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB)"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"),
    ],
    ids=lambda error: str(error)[:25] or "MemoryError",
)
def test_these_are_out_of_memory(error: BaseException) -> None:
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: device-side assert triggered"),
        RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
        ValueError("the student ran out of memory cards"),
        KeyboardInterrupt(),
    ],
    ids=lambda error: str(error)[:25] or "KeyboardInterrupt",
)
def test_these_are_not(error: BaseException) -> None:
    assert not is_out_of_memory(error)


def test_torchs_own_errors_are_known_whatever_they_say() -> None:
    torch = pytest.importorskip("torch")
    assert is_out_of_memory(torch.OutOfMemoryError("no room"))
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)


def test_a_torch_that_is_half_imported_or_old_does_not_get_in_the_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torch", types.ModuleType("torch"))
    assert is_out_of_memory(RuntimeError("CUDA out of memory"))
    assert not is_out_of_memory(RuntimeError("something else"))


# ------------------------------------------------------------------------------------------------ the ladder


def needs(memory: int) -> Any:
    """Work that fits only where a step is at most `memory`."""

    def attempt(step: int) -> str:
        if step > memory:
            raise MemoryError
        return f"done in steps of {step}"

    return attempt


@pytest.mark.parametrize(
    ("memory", "told"), [(100, []), (64, []), (40, [32]), (16, [32, 16]), (1, [32, 16, 1])]
)
def test_the_ladder_goes_down_until_it_fits_and_tells_each_step(memory: int, told: list[int]) -> None:
    heard: list[int] = []
    result = with_memory_ladder(needs(memory), [64, 32, 16, 1], heard.append)
    assert heard == told
    assert result == f"done in steps of {told[-1] if told else 64}"


def test_the_ladder_needs_no_listener() -> None:
    assert with_memory_ladder(needs(16), [64, 16]) == "done in steps of 16"


def test_below_the_last_step_there_is_an_error_that_says_what_to_do() -> None:
    heard: list[int] = []
    with pytest.raises(DeviceMemoryError, match=r"close other programs.*\[64, 32\]\)$"):
        with_memory_ladder(needs(0), [64, 32], heard.append)
    assert heard == [32]


@pytest.mark.parametrize("error", [RuntimeError("CUDA error: an illegal memory access"), KeyError("x")])
def test_any_other_error_passes_through_at_once(error: Exception) -> None:
    tried: list[int] = []

    def attempt(step: int) -> None:
        tried.append(step)
        raise error

    with pytest.raises(type(error)) as caught:
        with_memory_ladder(attempt, [2, 1])
    assert caught.value is error
    assert tried == [2]


@pytest.mark.parametrize(("cuda", "mps"), [(True, False), (False, True)], ids=["cuda", "mps"])
def test_what_a_failed_attempt_held_is_free_before_the_next(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool
) -> None:
    """A traceback keeps every local of the attempt alive, and with them the memory that is missing."""

    class Tensor:
        pass

    torch: Any = fake_torch(cuda, mps)
    monkeypatch.setitem(sys.modules, "torch", torch)
    alive: list[weakref.ref[Tensor]] = []
    alive_when_emptied: list[bool] = []

    def empty_cache() -> None:
        alive_when_emptied.append(alive[0]() is not None)

    (torch.cuda if cuda else torch.mps).empty_cache = empty_cache

    def attempt(step: int) -> int:
        if step > 1:
            held = Tensor()
            alive.append(weakref.ref(held))
            raise MemoryError
        return step

    gc.disable()
    try:
        assert with_memory_ladder(attempt, [2, 1]) == 1
    finally:
        gc.enable()
    assert alive_when_emptied == [False]
