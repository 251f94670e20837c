"""Bundles: one signed file with a model and all that is needed to run it (docs/bundle.md)."""
