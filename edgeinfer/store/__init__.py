"""Installed bundles: verified, side by side, switched atomically."""
