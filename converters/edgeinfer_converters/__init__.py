"""edgeinfer_converters: turns trained models into signed bundles, on the workstation."""
