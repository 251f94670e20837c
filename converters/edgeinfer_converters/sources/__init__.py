"""The trained model: read from its file, made ready, looked into."""
