"""The same work on many files: training pairs, recipes, and models applied to files and folders."""
