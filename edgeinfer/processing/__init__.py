"""Pre- and postprocessing: pure functions on arrays, the same code offline and on the device."""
