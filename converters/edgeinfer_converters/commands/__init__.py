"""The commands of `edgeinfer-convert`, a module each: `configure(parser)` and `execute(arguments) -> int`."""
