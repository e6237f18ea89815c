"""Charts of the history: one PNG, or one HTML file that needs nothing else."""
