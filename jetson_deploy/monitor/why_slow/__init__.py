"""What holds the model back: a window of samples and a few facts → findings. Pure, but for `facts.gathered`."""
