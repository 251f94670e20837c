"""edgeinfer_converters: turns trained models into signed bundles, on the workstation."""

# First of all: it keeps ONNX Runtime, which several modules import, from reporting home.
from edgeinfer import __version__ as __version__
