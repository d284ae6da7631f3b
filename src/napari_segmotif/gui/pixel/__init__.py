"""The Pixel classifier widget: paint a few strokes, see the image follow, trust it, keep it."""
