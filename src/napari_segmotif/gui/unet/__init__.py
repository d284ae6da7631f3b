"""The U-Net segmenter: the widget, its panels, its jobs and its result layers."""
