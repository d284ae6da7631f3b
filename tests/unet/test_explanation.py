"""What speaks for a class is found where it is known to be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from small_networks import Threshold, model_of, noise, random_unet
from torch import nn

from napari_segmotif.common.axes import ImageSource
from napari_segmotif.common.progress import CancelToken, run_job
from napari_segmotif.errors import InputError, JobCancelled
from napari_segmotif.unet.inference import explanation
from napari_segmotif.unet.inference.explanation import METHODS, explain_iter
from napari_segmotif.unet.network.heads import Heads


def explain(network: Any, image: np.ndarray, class_id: int, axes: str = "YX", **options: Any) -> np.ndarray:
    heads = options.pop("heads", None) or Heads((0, 1), True, 2)
    model = model_of(network, heads=heads)
    found: np.ndarray = run_job(explain_iter(model, ImageSource.of(image, axes), class_id, **options))
    return found


def bright_on_the_left() -> np.ndarray:
    image = np.zeros((64, 64), np.float32)
    image[:, :24] = 1
    return image


@pytest.mark.parametrize(("class_id", "is_left"), [(1, True), (0, False)])
def test_occlusion_finds_what_makes_the_class(class_id: int, is_left: bool) -> None:
    shown = explain(Threshold(), bright_on_the_left(), class_id, method="occlusion")
    left = shown[:, :20].mean() > shown[:, 30:].mean()
    if is_left:  # hidden by the median, which is dark: the class is gone
        assert shown[:, :20].min() > 0.9
        assert left
        assert shown[:, 30:].max() == 0
    else:  # darkness painted over with darkness changes nothing
        assert shown.max() == 0


def stripes(upright: torch.Tensor) -> torch.Tensor:
    """Stripes: upright where `upright` (B, 1, Y, X) is 1, lying where it is 0."""
    y, x = torch.meshgrid(*(torch.arange(n) for n in upright.shape[2:]), indexing="ij")
    return torch.where(upright > 0, ((x // 2) % 2).float(), ((y // 2) % 2).float())


@pytest.fixture(scope="module")
def knows_stripes() -> nn.Module:
    """A small U-Net that was taught that upright stripes are class 1 and lying ones class 0.

    Nothing goes past its coarser levels, so that these must know.
    """
    network = random_unet(objects=False, widths=[6, 8, 8]).train()
    past = network.merge[0].conv1.weight
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        optimiser = torch.optim.Adam(network.parameters(), 0.02)
        for _ in range(60):
            with torch.no_grad():
                past[:, 6:] = 0
            truth = nn.functional.interpolate((torch.rand(2, 1, 3, 3) > 0.5).float(), scale_factor=16)
            optimiser.zero_grad()
            nn.functional.cross_entropy(network(stripes(truth)), truth[:, 0].long()).backward()
            optimiser.step()
        with torch.no_grad():
            past[:, 6:] = 0
    return network.eval()


def upright_on_the_left() -> np.ndarray:
    left = torch.zeros(1, 1, 64, 64)
    left[..., :32] = 1
    found: np.ndarray = stripes(left)[0, 0].numpy()
    return found


def test_gradcam_is_of_the_chosen_class(knows_stripes: nn.Module) -> None:
    heads, image = Heads((0, 1), False, 2), upright_on_the_left()
    with torch.inference_mode():
        says = knows_stripes(torch.from_numpy(image)[None, None])[0].argmax(dim=0).numpy()
    assert (says[:, :28] == 1).mean() > 0.95
    assert (says[:, 36:] == 0).mean() > 0.95
    upright, lying = (explain(knows_stripes, image, class_id, heads=heads) for class_id in (1, 0))
    for shown in (upright, lying):
        assert shown.shape == image.shape
        assert shown.dtype == np.float32
        assert shown.min() >= 0
        assert shown.max() == pytest.approx(1)
    assert upright[:, :28].mean() > 3 * upright[:, 36:].mean()
    assert lying[:, 36:].mean() > 3 * lying[:, :28].mean()


def test_tiles_do_not_show(knows_stripes: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    heads, image = Heads((0, 1), False, 2), upright_on_the_left()
    whole = explain(knows_stripes, image, 1, heads=heads)
    monkeypatch.setitem(explanation._TILE, 2, (40, 40))
    tiled = explain(knows_stripes, image, 1, heads=heads)
    assert np.corrcoef(whole.ravel(), tiled.ravel())[0, 1] > 0.95


@pytest.mark.parametrize("method", METHODS)
def test_region_plane_and_frame(method: str) -> None:
    image = noise((2, 3, 40, 40))
    region = (slice(1, 3), slice(5, 30), slice(0, 17))
    shown = explain(random_unet(), image, 1, "TZYX", frame=1, region=region, method=method)
    assert shown.shape == (2, 25, 17)
    assert 0 <= shown.min() <= shown.max() <= 1


def test_volumes() -> None:
    heads = Heads((0, 1), True, 3)
    model = model_of(
        random_unet(dimensions=3),
        heads=heads,
        configuration=type("C", (), {"strides": ((2, 2, 2),) * 2, "patch": (8, 16, 16)}),
    )
    shown = run_job(explain_iter(model, ImageSource.of(noise((6, 20, 20)), "ZYX"), 1))
    assert shown.shape == (6, 20, 20)
    assert shown.max() == pytest.approx(1)


def test_nothing_changes_in_the_network() -> None:
    network = random_unet()
    explain(network, noise((20, 20)), 1)
    assert all(parameter.grad is None and parameter.requires_grad for parameter in network.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


@pytest.mark.parametrize("method", METHODS)
def test_cancel(method: str) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(JobCancelled):
        explain(random_unet(), noise((20, 20)), 1, method=method, cancel=cancel)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"class_id": 7}, r"one of the classes \(0, 1\)"),
        ({"class_id": 1, "method": "guess"}, "method must be"),
        ({"class_id": 1, "frame": 3}, "frame must be"),
        ({"class_id": 1, "region": (slice(30, 40), slice(0, 5))}, "empty"),
    ],
)
def test_bad_input(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        explain(random_unet(), noise((20, 20)), **options)


def test_a_large_region_is_refused_before_anything_is_read() -> None:
    image = np.broadcast_to(np.float32(0), (5000, 5000))
    with pytest.raises(InputError, match="4 million pixels"):
        explain(random_unet(), image, 1)


def test_networks_of_others_are_explained_by_occlusion() -> None:
    with pytest.raises(InputError, match="'occlusion'"):
        explain(Threshold(), noise((20, 20)), 1)
