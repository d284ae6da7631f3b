"""The Motif detector: the widget, its panels and its result layers."""
