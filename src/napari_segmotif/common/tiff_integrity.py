"""Whether a TIFF file is all there: tifffile reads what was cut off as zeros, or as fewer planes."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import tifffile

from ..errors import ImageFileError


def check_complete(tif: tifffile.TiffFile, level: Any, path: Path) -> None:
    """Refuse what was cut off or cannot be decoded, of which tifffile would return zeros, or fewer planes."""
    pages = list(level.pages)
    if any(page is None for page in pages):
        missing = sum(page is None for page in pages)
        raise ImageFileError(
            f"{path} lacks planes: the file was cut off, or files it belongs with are gone "
            f"(got {len(pages) - missing} of {len(pages)} planes)"
        )
    if not level.is_multifile:
        size = tif.filehandle.size
        needed = max((_end_of(page) for page in pages), default=0)
        if level.dataoffset is not None:
            needed = max(needed, level.dataoffset + level.nbytes)
        if needed > size or _broken_chain(tif) or _lost_tag(tif):
            raise ImageFileError(
                f"{path} was cut off: copy it again (got {size} bytes, its pixels end at {needed})"
            )
    compression = level.keyframe.compression
    if compression != 1 and compression not in tifffile.TIFF.DECOMPRESSORS:
        raise ImageFileError(
            f"{path} is compressed in a way that needs another package: run 'pip install imagecodecs' "
            f"(got {compression.name})"
        )


def _end_of(page: Any) -> int:
    """Where the last byte of a page's pixels lies."""
    return max((o + n for o, n in zip(page.dataoffsets, page.databytecounts, strict=True)), default=0)


def _broken_chain(tif: tifffile.TiffFile) -> bool:
    """Whether the last page points to a further one that is not there."""
    position = tif.pages.next_page_offset
    if position is None:
        return True
    handle = tif.filehandle
    before = handle.tell()
    handle.seek(position)
    pointer = handle.read(tif.tiff.offsetsize)
    handle.seek(before)
    return len(pointer) < tif.tiff.offsetsize or any(pointer)


def _lost_tag(tif: tifffile.TiffFile) -> bool:
    """Whether the description of the first page (pixel size, axes) lies beyond the end of the file."""
    tiff, handle, page = tif.tiff, tif.filehandle, tif.pages.first
    handle.seek(page.offset)
    (n_tags,) = struct.unpack(tiff.tagnoformat, handle.read(tiff.tagnosize))
    for _ in range(n_tags):
        code, kind, count, value = struct.unpack(tiff.tagheaderformat, handle.read(tiff.tagsize))
        if code in page.tags or kind not in tifffile.TIFF.DATA_FORMATS:
            continue
        n_bytes = count * struct.calcsize(tifffile.TIFF.DATA_FORMATS[kind])
        if n_bytes > tiff.tagoffsetthreshold:
            (offset,) = struct.unpack(tiff.offsetformat, value)
            if offset + n_bytes > handle.size:
                return True
    return False
