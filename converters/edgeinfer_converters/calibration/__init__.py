"""What a model computes on calibration samples, and the int8 model that follows from it."""
