"""The same work as a Python script. No Qt in here."""

from __future__ import annotations

from ...motifs.parameters import MotifParameters
from ..source_file import FileOfLayer
from .crop import Crop


def as_python(video: FileOfLayer, parameters: MotifParameters, crop: Crop | None = None) -> str:
    """Write a script that finds the motifs of this file, says what was found, and writes it all.

    Parameters
    ----------
    video
        Where the video is; a layer that is in no file becomes a placeholder, said in a comment.
    parameters
        The settings; what is the default anyway is left out.
    crop
        The part of the video that a preview looked at; None: all of it.
    """
    chosen = parameters.model_dump(exclude_defaults=True)
    first = {name: getattr(parameters, name) for name in ("n_motifs", "motif_length", "frame_rate")}
    arguments = "".join(f"    {key}={value!r},\n" for key, value in {**first, **chosen}.items())
    note = "" if video.path else f"  # layer {video.name!r} is in no file yet: save it, and put its path here"
    part, why = "", ""
    if crop is not None:
        part = f"[{', '.join(f'{one.start}:{one.stop}' for one in crop.region)}]"
        why = f"  # the part that the preview looked at: {crop.in_words()}"
    lines = [
        "from napari_segmotif import LeMoNADe",
        "from napari_segmotif.common.image_io import open_image",
        "from napari_segmotif.motifs.results.export import write_results",
        "",
        f"path = {video.path or 'video.tif'!r}{note}",
        "model = LeMoNADe(",
        f"{arguments.rstrip()}",
        ")",
        "with open_image(path) as video:",
        f"    model.fit(video.array{part}, axes='TYX'){why}",
        "print(model.summary())",
        "model.save('motifs.segmotif')",
        "write_results('motifs', model)",
    ]
    return "\n".join(lines) + "\n"
