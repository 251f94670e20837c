"""Readers of model formats: `onnx` and float `tflite_graph` become graphs, `tflite` is packed as it is."""
