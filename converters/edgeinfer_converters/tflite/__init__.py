"""From an ONNX graph, float or of QDQ form, to a TensorFlow Lite file, without TensorFlow.

`convert` is the whole way: `facts` knows shapes and constants, `lowering` keeps track of what is stored
where, `operators` has a function for each ONNX operator, `tidy` removes what is not needed, `flatbuffer`
writes the file. Nothing is imported here: `forms`, `layouts` and `work` are small, the conversion is not.
"""
