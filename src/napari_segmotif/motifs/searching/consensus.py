"""From many restarts to a few motifs: what different restarts agree on, merged where it is the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...common.progress import CancelToken
from .templates import Template, base_rates, search_templates, template_of

F32 = NDArray[np.float32]

SAME = 0.5
"""Cosine, at the best shift, from which two templates are one."""
_ROUNDS = 3


def find_consensus(
    hits: F32,
    length: int,
    allowed: NDArray[np.bool_],
    n_most: int,
    n_restarts: int,
    generator: np.random.Generator,
    *,
    prior: float,
    token: CancelToken | None = None,
    stop: CancelToken | None = None,
) -> list[Template]:
    """Different templates that repeat, the strongest first.

    After each round what was found is taken out, and the rest is searched again: a strong motif does not hide
    a weak one.

    Parameters
    ----------
    hits, length, allowed, prior
        As in `search_templates`.
    n_most
        At most so many templates.
    n_restarts
        Restarts of each round.
    token, stop
        Cancels; ends the search with what was found.
    """
    remaining = hits.copy()
    found: list[Template] = []
    for _ in range(_ROUNDS):
        searched = search_templates(
            remaining, length, allowed, n_restarts, generator, prior=prior, token=token, stop=stop
        )
        rates = base_rates(remaining, allowed)
        fresh = 0
        for template in distinct(searched):
            if len(found) >= n_most:
                break
            for part in split(remaining, template, rates, prior):
                again = template_of(remaining, part.starts, length, rates, prior)
                again = without_strangers(remaining, again, rates, prior)
                if again.gain <= 0 or again.gain < 0.3 * part.gain:
                    continue  # a better one has explained it
                if any(shifted_cosine(again.shares, other.shares)[0] >= SAME for other in found):
                    continue
                found.append(again)
                remove(remaining, again)
                fresh += 1
        if not fresh or len(found) >= n_most or (stop is not None and stop.cancelled):
            break
    return sorted(found, key=lambda one: -one.gain)[:n_most]


def without_strangers(hits: F32, template: Template, rates: F32, prior: float) -> Template:
    """The template without the occurrences that do not speak for it: those of another motif, mostly.

    Motifs that share cells are found mixed at first. Once the spikes of one are taken out of the data, its
    windows no longer match.
    """
    length = template.shares.shape[1]
    for _ in range(_ROUNDS):
        match = np.array([float(np.sum(template.weights * hits[:, s : s + length])) for s in template.starts])
        own = match + template.offset + np.log(prior) > 0
        if own.all() or own.sum() < 2:
            break
        template = template_of(hits, template.starts[own], length, rates, prior)
    return template


def split(hits: F32, template: Template, rates: F32, prior: float) -> list[Template]:
    """The template, or the parts that it is a mixture of: those that explain more than it does."""
    if len(template.starts) < 4 or not template.shares.any():
        return [template]
    length = template.shares.shape[1]
    rows, frames = np.nonzero(template.shares)
    table = np.stack([hits[rows, s + frames] for s in template.starts])
    centred = table - table.mean(axis=0)
    direction = np.linalg.svd(centred, full_matrices=False)[2][0]
    side = centred @ direction > 0
    if min(side.sum(), (~side).sum()) < 2:
        return [template]
    parts = [template_of(hits, template.starts[which], length, rates, prior) for which in (side, ~side)]
    if parts[0].gain + parts[1].gain <= template.gain or min(part.gain for part in parts) <= 0:
        return [template]
    parts.sort(key=lambda part: -part.gain)
    return [small for part in parts for small in split(hits, part, rates, prior)]


def distinct(templates: list[Template]) -> list[Template]:
    """The best of each group of templates that are the same up to a shift in time."""
    kept: list[Template] = []
    for template in templates:
        if all(shifted_cosine(template.shares, other.shares)[0] < SAME for other in kept):
            kept.append(template)
    return kept


def remove(hits: F32, template: Template) -> None:
    """Take a template's spikes out of the data, in place, with the frames beside them."""
    rows, frames = np.nonzero(template.shares)
    for start in template.starts:
        for step in (-1, 0, 1):
            at = np.clip(start + frames + step, 0, hits.shape[1] - 1)
            hits[rows, at] = 0


def shifted_cosine(a: F32, b: F32) -> tuple[float, int]:
    """Largest cosine over shifts in time, and the shift: a[:, f] is like b[:, f + shift]."""
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    if norm == 0:
        return 0.0, 0
    products = a.T @ b  # (F, F')
    flat = np.zeros(products.shape[0] + products.shape[1] - 1)
    lags = np.arange(products.shape[1])[None] - np.arange(products.shape[0])[:, None]
    np.add.at(flat, lags + products.shape[0] - 1, products)
    smooth = np.convolve(flat, (0.5, 1.0, 0.5), "same")  # a frame more or less is the same
    best = int(np.argmax(smooth))
    return min(1.0, float(smooth[best]) / norm), best - (products.shape[0] - 1)
