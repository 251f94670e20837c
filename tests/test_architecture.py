"""The architecture is checked by a machine: import contracts, packages, mirrored tests, size of modules."""

from __future__ import annotations

import ast
import configparser
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = {
    "edgeinfer": ROOT / "edgeinfer",
    "edgeinfer_converters": ROOT / "converters" / "edgeinfer_converters",
    "edgeinfer_device_profiles": ROOT / "device_profiles",
}
TESTS = {
    "edgeinfer": ROOT / "tests",
    "edgeinfer_converters": ROOT / "tests" / "converters",
    "edgeinfer_device_profiles": ROOT / "tests" / "device_profiles",
}
MAX_MODULE_LINES = 400
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}


def settings() -> configparser.ConfigParser:
    """The project's setup.cfg."""
    parser = configparser.ConfigParser()
    parser.read_string((ROOT / "setup.cfg").read_text(encoding="utf-8"))
    return parser


def modules() -> Iterator[tuple[str, Path, Path]]:
    """Package, folder of the package and file of every module with code of its own."""
    for package, folder in SOURCES.items():
        for path in sorted(folder.rglob("*.py")):
            yield package, folder, path


def has_code(path: Path) -> bool:
    """Whether a module is more than its docstring and future import."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return any(not isinstance(node, (ast.Expr, ast.ImportFrom)) for node in body)


def test_import_contracts_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [linter, "--no-logo", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_module_has_a_test_in_its_place() -> None:
    missing = []
    for package, folder, path in modules():
        place = TESTS[package] / path.relative_to(folder).parent
        name = "test_init.py" if path.name == "__init__.py" else f"test_{path.name}"
        if has_code(path) and not (place / name).is_file() and not _seam_is_tested(path):
            missing.append(f"{path.relative_to(ROOT)} -> {(place / name).relative_to(ROOT)}")
    assert not missing, "modules without a test of their own:\n" + "\n".join(missing)


def _seam_is_tested(path: Path) -> bool:
    """The seams of subpackages (`__init__.py`) are tested over all their implementations."""
    contract = ROOT / "tests" / "contracts" / f"test_{path.parent.name}.py"
    return path.name == "__init__.py" and (contract.is_file() or path.parent == SOURCES["edgeinfer"])


def test_every_folder_with_code_is_a_listed_package() -> None:
    found = set()
    for package, folder, path in modules():
        parts = path.relative_to(folder).parent.parts
        found.add(".".join((package, *parts)))
    listed = settings()["options"]["packages"].split()
    assert sorted(found) == sorted(listed)
    assert listed == sorted(listed)


@pytest.mark.parametrize("package", SOURCES)
def test_modules_are_small_and_named_for_what_they_do(package: str) -> None:
    for owner, _, path in modules():
        if owner == package:
            lines = len(path.read_text(encoding="utf-8").splitlines())
            assert lines <= MAX_MODULE_LINES, f"{path.relative_to(ROOT)} has {lines} lines"
            assert path.stem not in FORBIDDEN_NAMES


def test_everything_is_caught_in_two_places_only() -> None:
    found = {
        str(path.relative_to(ROOT))
        for _, _, path in modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler) and _catches_everything(node)
    }
    assert "edgeinfer/exits.py" in found
    assert len(found) <= 2, found


def _catches_everything(handler: ast.ExceptHandler) -> bool:
    """`except Exception` or a bare one; `BaseException` that is raised again is a clean-up."""
    if handler.type is None:
        return True
    names = {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)}
    raised_again = isinstance(handler.body[-1], ast.Raise)
    return "Exception" in names or ("BaseException" in names and not raised_again)
