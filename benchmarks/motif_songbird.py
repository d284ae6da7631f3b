"""Real recordings, of which no truth is known: a songbird's spikes, and a short two-photon movie.

The spikes are of HVC of a zebra finch, deconvolved from calcium imaging (as published with PPSeq): neurons
fire in sequence at each song. The picture that is written shows every spike at its time; neurons are in the
order in which they fire in the motif that they are most part of. Each motif has a colour, which its neurons'
spikes have while it is played.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from motif_data import Asked
from napari_segmotif import LeMoNADe, SparseConvolutionalCoding

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("SEGMOTIF_DATA", ROOT.parent / "shared" / "data")) / "calcium"
FRAME_RATE = 30.0
ASKED, LENGTH = 5, 31
COLOURS = ((213, 94, 0), (0, 114, 178), (0, 158, 115), (204, 121, 167), (230, 159, 0))
PICTURE = "motifs_songbird.png"
GREY, LINE = (185, 185, 185), (90, 90, 90)

Row = dict[str, Any]


def binned_spikes(path: Path, frame_rate: float = FRAME_RATE) -> np.ndarray:
    """Spike counts (N, T) from lines of neuron (from 1) and time in seconds."""
    neurons, times = np.loadtxt(path, unpack=True)
    frames = np.floor(times * frame_rate + 1e-6).astype(int)
    counts = np.zeros((int(neurons.max()), frames.max() + 1), np.float32)
    np.add.at(counts, (neurons.astype(int) - 1, frames), 1)
    return counts


def songbird(asked: Asked, pictures: Path | None) -> Row:
    """Motifs in the spikes, and whether the movie goes through."""
    if not DATA.is_dir():
        return {"skipped": f"the recordings are not in {DATA} (set SEGMOTIF_DATA to its parent folder)"}
    spikes = binned_spikes(DATA / "songbird_spikes.txt")
    lengths = (LENGTH,) if asked.quick else (LENGTH, 16)
    runs = []
    for length in lengths:
        model = SparseConvolutionalCoding(n_motifs=ASKED, motif_length=length, frame_rate=FRAME_RATE).fit(
            spikes
        )
        counts = [sum(o.motif == m for o in model.occurrences_) for m in range(len(model.motifs_))]
        runs.append(
            {
                "neurons": spikes.shape[0],
                "frames": spikes.shape[1],
                "length": length,
                "asked": ASKED,
                "significant": int(np.sum(model.significant_)),
                "p_values": [float(p) for p in model.p_values_],
                "occurrences": counts,
            }
        )
        if length == LENGTH and pictures is not None:
            pictures.mkdir(parents=True, exist_ok=True)
            runs[-1]["picture"] = PICTURE
            draw_raster(spikes, model, pictures / PICTURE)
    return {"runs": runs, "movie": movie()}


def movie() -> Row:
    """The two-photon movie, too short and coarse to expect motifs in: it only has to go through."""
    video = np.load(DATA / "twophoton.npz")["Calcium"]
    model = LeMoNADe(n_motifs=2, motif_length=8).fit(video)
    return {
        "shape": list(video.shape),
        "significant": int(np.sum(model.significant_)),
        "messages": list(model.messages_),
    }


def order_of_neurons(model: SparseConvolutionalCoding) -> tuple[np.ndarray, np.ndarray]:
    """Neurons by motif and by the frame of their peak in it; and the motif of each (−1: of none)."""
    kept = np.flatnonzero(model.significant_)
    n_neurons = model.motifs_.shape[1]
    if not len(kept):
        return np.arange(n_neurons), np.full(n_neurons, -1)
    motifs = model.motifs_[kept]
    motifs = motifs / np.maximum(motifs.max(axis=(1, 2), keepdims=True), 1e-12)  # (M, N, F)
    strength = motifs.max(axis=2)  # (M, N)
    owner = strength.argmax(axis=0)
    peak = motifs.argmax(axis=2)[owner, np.arange(n_neurons)]
    member = strength.max(axis=0) > 0.2
    owner = np.where(member, owner, -1)
    order = np.lexsort((peak, np.where(member, owner, len(kept))))
    return order, np.where(member, kept[np.maximum(owner, 0)], -1)


def draw_raster(spikes: np.ndarray, model: SparseConvolutionalCoding, path: Path, width: int = 1400) -> None:
    """Write the raster: a row a neuron, and above it one a motif with a mark at each occurrence."""
    order, owner = order_of_neurons(model)
    kept = np.flatnonzero(model.significant_)
    colour = {int(motif): COLOURS[k % len(COLOURS)] for k, motif in enumerate(kept)}
    played = np.zeros((len(model.motifs_), spikes.shape[1]), bool)
    for occurrence in model.occurrences_:
        played[occurrence.motif, max(occurrence.frame, 0) : occurrence.frame + model.motifs_.shape[2]] = True
    row, left, top = 5, 70, 16 * len(kept) + 12
    n_neurons, n_frames = spikes.shape
    scale = (width - left - 10) / n_frames
    picture = Image.new("RGB", (width, top + row * n_neurons + 40), "white")
    pen = ImageDraw.Draw(picture)
    for k, motif in enumerate(kept):
        y = 8 + 16 * k
        pen.text((6, y), f"motif {motif + 1}", fill=colour[int(motif)])
        for occurrence in model.occurrences_:
            if occurrence.motif == motif:
                x = left + scale * occurrence.frame
                pen.polygon([(x - 3, y), (x + 3, y), (x, y + 10)], fill=colour[int(motif)])
    for place, neuron in enumerate(order):
        y = top + row * place
        for frame in np.flatnonzero(spikes[neuron]):
            x = left + scale * frame
            motif = int(owner[neuron])
            fill = colour[motif] if motif >= 0 and played[motif, frame] else GREY
            pen.line([(x, y), (x, y + row - 2)], fill=fill, width=2)
    bottom = top + row * n_neurons + 6
    pen.line([(left, bottom), (width - 10, bottom)], fill=LINE)
    for second in range(0, int(n_frames / FRAME_RATE) + 1, 5):
        x = left + scale * second * FRAME_RATE
        pen.line([(x, bottom), (x, bottom + 5)], fill=LINE)
        pen.text((x - 4, bottom + 8), str(second), fill=LINE)
    pen.text((width - 60, bottom + 22), "time in s", fill=LINE)
    pen.text((6, top), "neurons", fill=LINE)
    picture.save(path)


def songbird_table(result: Row) -> str:
    if "skipped" in result:
        return f"skipped: {result['skipped']}"
    lines = [
        "| songbird, spikes at 30 bins a second | asked | length | significant | p-values | occurrences |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for run in result["runs"]:
        p_values = ", ".join(f"{p:.3f}" for p in run["p_values"])
        lines.append(
            f"| {run['neurons']} neurons, {run['frames']} frames | {run['asked']} | {run['length']} "
            f"| {run['significant']} | {p_values} | {', '.join(map(str, run['occurrences']))} |"
        )
    movie = result["movie"]
    shape = " × ".join(map(str, movie["shape"]))
    lines += ["", f"Two-photon movie, {shape}: {movie['significant']} significant motifs."]
    lines += [f"- {message}" for message in movie["messages"]]
    return "\n".join(lines)
