"""Factors that slow the model: a window of samples and a few facts → findings. Pure, but for `facts.gathered`."""
