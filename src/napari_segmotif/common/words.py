"""Small pieces of sentences that windows and command lines share."""

from __future__ import annotations


def count(number: int, thing: str) -> str:
    """Say a number of things: "1 motif", "2,000 motifs"."""
    return f"{number:,} {thing}" + ("" if number == 1 else "s")


def sentence(text: str) -> str:
    """Make a sentence of a message: a capital at its beginning, a full stop at its end."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if not text or text[-1] in ".!?)" else ".")
