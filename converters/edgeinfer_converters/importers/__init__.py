"""Model formats that become an ONNX graph, a module each."""
