"""Passes on the ONNX graph, a module each."""
