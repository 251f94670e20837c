"""A build: from the command line to a signed bundle."""
