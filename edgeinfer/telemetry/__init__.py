"""The one metric registry; every exporter reads it."""
