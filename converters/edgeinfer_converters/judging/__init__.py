"""Whether a model is as good and as fast as the one that it was made from."""
