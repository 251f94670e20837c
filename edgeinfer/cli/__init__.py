"""The `edgeinfer` command line."""
