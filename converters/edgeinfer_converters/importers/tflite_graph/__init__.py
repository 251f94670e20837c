"""Float TFLite models as ONNX graphs: reading the file, an operator family a module, assembling the graph."""
