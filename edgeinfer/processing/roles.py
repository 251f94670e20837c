"""Which output tensor plays which role in decoding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgeinfer.errors import SettingsError
from edgeinfer.frames import TensorInfo


def assign_roles(
    roles: Sequence[str], named: Mapping[str, str], outputs: Sequence[TensorInfo], *, optional: int = 0
) -> dict[str, TensorInfo]:
    """The outputs by role: as named in the pipeline, else by a name equal to the role, else by order.

    The last `optional` roles may go unfilled. Raises SettingsError for a role or an output that does
    not exist and for too few outputs.
    """
    by_name = {output.name: output for output in outputs}
    _check_names(roles, named, by_name)
    found = {role: by_name[named.get(role, role)] for role in roles if named.get(role, role) in by_name}
    taken = {output.name for output in found.values()}
    free = iter([output for output in outputs if output.name not in taken])
    for role in roles:
        if role not in found and (output := next(free, None)) is not None:
            found[role] = output
    missing = [role for role in roles[: len(roles) - optional] if role not in found]
    if missing:
        raise SettingsError(
            f"no output of the model is left for {', '.join(missing)}; it has {', '.join(by_name)}",
            hint='name them in [output] of the pipeline: tensors = { boxes = "…", scores = "…" }',
        )
    return found


def _check_names(roles: Sequence[str], named: Mapping[str, str], outputs: Mapping[str, TensorInfo]) -> None:
    for role, name in named.items():
        if role not in roles:
            raise SettingsError(
                f"output.tensors: there is no role `{role}`", hint=f"roles: {', '.join(roles)}"
            )
        if name not in outputs:
            raise SettingsError(
                f"output.tensors: the model has no output `{name}` for {role}",
                hint=f"its outputs: {', '.join(outputs)}",
            )
