"""Model formats that can be read, a module each: `onnx` becomes a graph, `tflite` is packed as it is."""
