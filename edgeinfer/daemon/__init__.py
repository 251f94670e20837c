"""The daemon: streams under supervision, for years."""
