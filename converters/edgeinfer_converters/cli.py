"""The `edgeinfer-convert` command."""

from __future__ import annotations
