"""Which device computes, and what is tried, in order, when its memory does not suffice."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Generic, Literal, TypeVar, get_args

from ..errors import DeviceMemoryError, InputError

Device = Literal["auto", "cpu", "cuda", "mps"]
_SAID_WITHOUT_MEMORY = ("out of memory", "_alloc_failed", "can't allocate memory")
"""PyTorch on a device, cuBLAS and cuDNN (CUBLAS_STATUS_ALLOC_FAILED), and PyTorch on the CPU."""
S = TypeVar("S")
R = TypeVar("R")


def resolve_device(device: str = "auto") -> str:
    """Turn a wish into a device that exists here.

    Parameters
    ----------
    device
        "auto" takes the first of cuda, mps and cpu that works.

    Returns
    -------
    str
        "cuda", "mps" or "cpu".

    Raises
    ------
    InputError
        If the device is unknown, or was asked for by name and does not exist here.
    """
    if device not in get_args(Device):
        raise InputError(f"device must be one of {', '.join(get_args(Device))} (got {device!r})")
    if device == "cpu" or (device == "auto" and not _accelerator_is_possible()):
        return "cpu"
    import torch

    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return next((name for name, works in available.items() if works), "cpu")
    if not available[device]:
        raise InputError(
            f"this machine has no {device} device that PyTorch can use: take 'auto' or 'cpu' (got {device!r})"
        )
    return device


def _accelerator_is_possible() -> bool:
    """Whether it is worth importing torch, which takes a second, just to ask it for an accelerator."""
    if "torch" in sys.modules or sys.platform == "darwin":
        return True
    library = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def free_memory(device: str) -> int | None:
    """Bytes that are free on a CUDA device; None for others, whose memory is not told apart."""
    if device != "cuda":
        return None
    import torch

    return int(torch.cuda.mem_get_info()[0])


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that a device's or the machine's memory did not suffice."""
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, getattr(sys.modules.get("torch"), "OutOfMemoryError", ())):
        return True
    message = str(error).lower()
    return isinstance(error, RuntimeError) and any(phrase in message for phrase in _SAID_WITHOUT_MEMORY)


def with_memory_ladder(
    attempt: Callable[[S], R],
    steps: Sequence[S],
    on_step: Callable[[S], object] | None = None,
) -> R:
    """Try settings from the most to the least hungry until one fits into memory.

    Parameters
    ----------
    attempt
        Does the work with one setting.
    steps
        The settings in the order in which to try them: smaller batches, then smaller tiles, then the CPU.
    on_step
        Told the next setting each time one did not fit, so that the user learns of it.

    Raises
    ------
    DeviceMemoryError
        If none fits. Any other error of `attempt` passes through untouched.
    """
    for number, step in enumerate(steps):
        try:
            return attempt(step)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        # Here, not above: the error's traceback held on to the tensors of the failed attempt.
        _release_cached_memory()
        if on_step is not None and number + 1 < len(steps):
            on_step(steps[number + 1])
    raise DeviceMemoryError(
        "the memory does not suffice even with the smallest setting: close other programs, or work on a "
        f"smaller image (got out of memory with all of {list(steps)})"
    )


class MemoryLadder(Generic[S]):
    """`with_memory_ladder` with a memory: a setting that did not fit is neither tried nor told again.

    Parameters
    ----------
    steps
        The settings in the order in which to try them.
    tell
        Told once of each setting that is gone on with.
    """

    def __init__(self, steps: Sequence[S], tell: Callable[[S], object]) -> None:
        self._steps = tuple(steps)
        self._tell = tell
        self._lock = threading.Lock()

    def run(self, attempt: Callable[[S], R]) -> R:
        """Do some work, beginning with the setting that fitted last; any thread may call this."""
        return with_memory_ladder(attempt, self._steps, self._step_down)

    def _step_down(self, step: S) -> None:
        """Go on with a less hungry setting from now on; several threads may find out at once."""
        with self._lock:
            remaining = self._steps[self._steps.index(step) :] if step in self._steps else ()
            if not remaining or remaining == self._steps:
                return
            self._steps = remaining
        self._tell(step)


def _release_cached_memory() -> None:
    torch = sys.modules.get("torch")
    if torch is None:
        return
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()
