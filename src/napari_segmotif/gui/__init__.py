"""The only rooms that know napari and Qt: widgets, layer snapshots, the job runner, forms and plots."""
