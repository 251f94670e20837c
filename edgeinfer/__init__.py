"""edgeinfer: runs signed model bundles on small devices."""

__version__ = "0.1.0"
