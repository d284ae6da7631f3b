"""Training of the U-Net step by step: optimiser, schedule, averaged weights, mixed precision, memory.

Importing this imports PyTorch.
"""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...common.device import MemoryLadder
from ..network.torch_network import UNet, activate
from ..parameters import UNetParameters
from ..training_data.targets import Targets
from .torch_losses import TargetTensors, UNetLoss

_log = logging.getLogger("napari_segmotif")

Batch = tuple[NDArray[np.float32], Targets]

_WARM_UP, _WARM_UP_SHARE = 100, 0.1
"""Steps, or the share of all if that is less, in which the learning rate rises to its highest."""
_LOWEST = 0.01
"""Share of the highest learning rate that is left at the end."""
_MEMORY_OF_AVERAGE = 400
"""Steps over which the weights are averaged at most: averaged weights are better than the last ones."""
_ON_CPU = 0
_STEPS_DOWN = (1, 2, 4, 8)


@dataclass(frozen=True)
class StepPlan:
    """Where training stands: the step to be made, of how many.

    Attributes
    ----------
    step
        Number of the step, from 0.
    progress
        Share of the training that is done, in [0, 1]: what the learning rate follows.
    """

    step: int
    progress: float


class Trainer:
    """Makes steps of training on a network; a pure function of the seed and the steps made.

    Parameters
    ----------
    network
        What to train, in place.
    batches
        Gives the patches and targets of a step, by its number; called in a thread, one step ahead.
    loss
        What is made small.
    parameters
        Of the segmenter.
    device
        "cuda", "mps" or "cpu".
    """

    def __init__(
        self,
        network: UNet,
        batches: Callable[[int], Batch],
        loss: UNetLoss,
        parameters: UNetParameters,
        device: str,
    ) -> None:
        self.network = network.to(memory_format=_layout(network.dimensions))
        self.averaged = copy.deepcopy(network).eval()
        self.rate = 0.0
        """Learning rate of the last step."""
        self.messages: list[str] = []
        """What the user should know: steps down for lack of memory."""
        self._batches = batches
        self._loss = loss
        self._parameters = parameters
        self._wanted = device
        self._device = "cpu"
        self._optimiser = _optimiser(network, parameters)
        self._ladder = MemoryLadder((*_STEPS_DOWN, _ON_CPU) if device != "cpu" else _STEPS_DOWN, self._tell)
        self._ahead: tuple[int, Future[Batch]] | None = None
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="patches")

    # ------------------------------------------------------------------------------------------ training

    def step(self, plan: StepPlan) -> float:
        """Make one step of the optimiser.

        Returns
        -------
        float
            The loss; not finite where numbers overflowed, and then nothing was changed.

        Raises
        ------
        DeviceMemoryError
            If the memory does not suffice even for single patches on the CPU.
        """
        images, targets = self._next(plan.step)
        rising = min(1.0, max((plan.step + 1) / _WARM_UP, plan.progress / _WARM_UP_SHARE))
        falling = learning_rate_share(plan.progress, self._parameters.schedule)
        self.rate = rate = self._parameters.learning_rate * rising * falling
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        kept = {name: value.clone() for name, value in self.network.named_buffers()}

        def attempt(n_pieces: int) -> float:
            self._place(self._wanted if n_pieces != _ON_CPU else "cpu")
            self._put_back(kept)  # an attempt that failed halfway has moved the running statistics
            return self._gradient(images, targets, max(1, n_pieces), plan.step)

        loss = self._ladder.run(attempt)
        clip = self._parameters.gradient_clip
        length = float(torch.nn.utils.clip_grad_norm_(self.network.parameters(), clip))
        if not (math.isfinite(loss) and math.isfinite(length)):
            self._put_back(kept)
            return math.nan
        self._optimiser.step()
        self._average(plan.step)
        return loss

    @torch.no_grad()
    def _put_back(self, buffers: Mapping[str, torch.Tensor]) -> None:
        for name, value in self.network.named_buffers():
            value.copy_(buffers[name])

    def _gradient(self, images: NDArray[np.float32], targets: Targets, n_pieces: int, step: int) -> float:
        """Loss of a batch, and its gradient, left in the network; in several pieces where memory is short."""
        self.network.train()
        self._optimiser.zero_grad(set_to_none=True)
        x = torch.from_numpy(images)
        wanted = TargetTensors.of(targets, self._device)
        total = 0.0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_seed(self._parameters.random_state, step))
            for part, share in _pieces(len(images), n_pieces):
                with self._autocast():
                    raw = self.network(_laid_out(x[part].to(self._device)))
                loss = share * self._loss(raw, wanted.piece(part))
                loss.backward()
                total += float(loss.detach())
        return total

    def _next(self, step: int) -> Batch:
        """The batch of this step; that of the next one is begun meanwhile."""
        ahead = self._ahead
        batch = ahead[1].result() if ahead is not None and ahead[0] == step else self._batches(step)
        self._ahead = (step + 1, self._pool.submit(self._batches, step + 1))
        return batch

    @torch.no_grad()
    def _average(self, step: int) -> None:
        """Move the averaged weights towards the present ones."""
        share = max(1 / _MEMORY_OF_AVERAGE, 1 / (1 + 0.1 * step))
        torch._foreach_lerp_(list(self.averaged.parameters()), list(self.network.parameters()), share)
        for mean, value in zip(self.averaged.buffers(), self.network.buffers(), strict=True):
            mean.copy_(value)

    # --------------------------------------------------------------------------------------- validation

    @torch.no_grad()  # not inference mode: what is moved to another device in there could not be trained
    def evaluate(self, images: NDArray[np.float32], targets: Targets) -> tuple[float, NDArray[np.float32]]:
        """Loss of patches with the averaged weights, and what these say: maps (B, n_maps, *spatial)."""

        def attempt(n_pieces: int) -> tuple[float, NDArray[np.float32]]:
            self._place(self._wanted if n_pieces != _ON_CPU else "cpu")
            wanted = TargetTensors.of(targets, self._device)
            total, maps = 0.0, []
            for part, share in _pieces(len(images), max(1, n_pieces)):
                with self._autocast():
                    raw = self.averaged(_laid_out(torch.from_numpy(images[part]).to(self._device)))
                raw = raw.float()
                total += share * float(self._loss(raw, wanted.piece(part)))
                maps.append(activate(raw, self.network.n_classes, self.network.offset_scale).cpu().numpy())
            return total, np.concatenate(maps)

        return self._ladder.run(attempt)

    # -------------------------------------------------------------------------------- state and devices

    def close(self) -> None:
        """Let go of the thread and of the device's memory; the trainer can go on afterwards."""
        if self._ahead is not None:
            self._ahead[1].cancel()
            self._ahead = None
        self._pool.shutdown(wait=True)
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="patches")
        self._place("cpu")
        self._optimiser.zero_grad(set_to_none=True)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def weights(self) -> dict[str, NDArray[Any]]:
        """A copy of the averaged weights."""
        return {name: value.cpu().numpy().copy() for name, value in self.averaged.state_dict().items()}

    def state(self) -> dict[str, NDArray[Any]]:
        """All that training has changed, as arrays: to go on from it later, to the same bits on the CPU."""
        arrays = {f"network.{k}": v.cpu().numpy().copy() for k, v in self.network.state_dict().items()}
        arrays |= {f"averaged.{k}": v for k, v in self.weights().items()}
        for number, moments in self._optimiser.state_dict()["state"].items():
            for key, value in moments.items():
                if value is not None:
                    arrays[f"optimiser.{number}.{key}"] = torch.as_tensor(value).cpu().numpy().copy()
        return arrays

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go back to a `state`.

        Raises
        ------
        LookupError, RuntimeError, ValueError
            If it is of another network.
        """
        for prefix, network in (("network.", self.network), ("averaged.", self.averaged)):
            network.load_state_dict(
                {
                    k.removeprefix(prefix): torch.from_numpy(v.copy())
                    for k, v in arrays.items()
                    if k.startswith(prefix)
                }
            )
        weights = [weight for group in self._optimiser.param_groups for weight in group["params"]]
        moments: dict[int, dict[str, torch.Tensor]] = {}
        moved = [p for group in self._optimiser.param_groups for p in group["params"]]
        for name, value in arrays.items():
            if name.startswith("optimiser."):
                _, number, key = name.split(".")
                if value.ndim and value.shape != tuple(moved[int(number)].shape):
                    raise ValueError(f"{name} is of another network")
                moment = torch.from_numpy(value.copy())
                if moment.ndim:  # a fused optimiser walks through memory: moments must lie as the weights do
                    moment = torch.empty_like(weights[int(number)], device="cpu").copy_(moment)
                moments.setdefault(int(number), {})[key] = moment
        self._optimiser.load_state_dict({**self._optimiser.state_dict(), "state": moments})

    def _place(self, device: str) -> None:
        if device == self._device:
            return
        self._device = ""  # neither here nor there, if memory ends on the way
        self.network.to(device)
        self.averaged.to(device)
        self._optimiser.load_state_dict(self._optimiser.state_dict())  # brings its tensors along
        self._device = device

    def _autocast(self) -> torch.autocast:
        """The context in which the network computes with 16 bits, where its device is faster so."""
        wanted = self._parameters.mixed_precision and fast_in_16_bits(self._device)
        return torch.autocast("cpu" if self._device == "mps" else self._device, torch.bfloat16, wanted)

    def _tell(self, n_pieces: int) -> None:
        message = (
            f"the memory of the {self._wanted} device does not suffice: training on the CPU"
            if n_pieces == _ON_CPU
            else f"the memory does not suffice: batches are cut into {n_pieces} pieces; the result changes a "
            "little"
        )
        _log.warning("%s", message)
        self.messages.append(message)


def _pieces(n: int, n_pieces: int) -> Iterator[tuple[slice, float]]:
    """Cut a batch of n into at most so many pieces: where each lies, and what share of the batch it is."""
    size = -(-n // min(n_pieces, n))
    for start in range(0, n, size):
        part = slice(start, min(n, start + size))
        yield part, (part.stop - part.start) / n


def fast_in_16_bits(device: str) -> bool:
    """Whether a device multiplies bfloat16 numbers in hardware."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return device == "cpu" and supported is not None and bool(supported())


def _laid_out(x: torch.Tensor) -> torch.Tensor:
    """Channels last, as convolutions are fastest."""
    return x.contiguous(memory_format=_layout(x.ndim - 2))


def _layout(dimensions: int) -> torch.memory_format:
    return torch.channels_last if dimensions == 2 else torch.channels_last_3d


def _optimiser(network: UNet, parameters: UNetParameters) -> torch.optim.Optimizer:
    decayed = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]  # biases and normalisation
    groups = [
        {"params": decayed, "weight_decay": parameters.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    if parameters.optimizer == "sgd":
        return torch.optim.SGD(
            groups,
            lr=parameters.learning_rate,
            momentum=parameters.momentum,
            nesterov=parameters.momentum > 0,
        )
    return torch.optim.AdamW(groups, lr=parameters.learning_rate, fused=True)


def learning_rate_share(progress: float, schedule: str) -> float:
    """Learning rate as a share of its highest value, after the warm-up, where `progress` of all is done."""
    falling: float
    if schedule == "poly":
        falling = (1 - progress) ** 0.9
    elif schedule == "cosine":
        falling = 0.5 * (1 + math.cos(math.pi * progress))
    else:
        falling = 1.0
    return _LOWEST + (1 - _LOWEST) * falling


def _seed(random_state: int, step: int) -> int:
    return int(np.random.SeedSequence([random_state, step]).generate_state(1)[0])
