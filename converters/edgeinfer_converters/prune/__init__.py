"""Removing channels from a prepared float graph with nothing but typical inputs: no labels, no training."""
