"""The wheel: what is in it, and that it runs without any extra."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from importlib import metadata
from pathlib import Path

import pytest

from edgeinfer import __version__

ROOT = Path(__file__).resolve().parent.parent
INGREDIENTS = (
    "setup.cfg",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "edgeinfer",
    "converters",
    "device_profiles",
)
FOLDERS = {
    "edgeinfer": ROOT / "edgeinfer",
    "edgeinfer_converters": ROOT / "converters" / "edgeinfer_converters",
    "edgeinfer_device_profiles": ROOT / "device_profiles",
}


@dataclass(frozen=True)
class Installed:
    """An unpacked wheel, and an environment in which only it and its dependencies can be imported."""

    folder: Path
    environment: dict[str, str]

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Python code with these arguments."""
        return subprocess.run(
            [sys.executable, "-S", "-c", program, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=self.environment,
            cwd=self.folder,
        )

    def run_script(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a console script of the wheel."""
        entry = next(one for one in entry_points(self.folder) if one.name == name)
        program = f"import sys; sys.argv[0] = {name!r}; from {entry.module} import {entry.attr}"
        return self.run(f"{program}; sys.exit({entry.attr}())", *arguments)


def entry_points(folder: Path) -> metadata.EntryPoints:
    """The console scripts of an unpacked wheel."""
    (distribution,) = metadata.distributions(path=[str(folder)])
    return distribution.entry_points.select(group="console_scripts")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built from a copy: building writes into the tree."""
    work = tmp_path_factory.mktemp("wheel")
    source = work / "source"
    source.mkdir()
    for name in INGREDIENTS:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(work), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = work.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel, importable without any of the extras."""
    work = tmp_path_factory.mktemp("installed")
    site, dependencies = work / "site", work / "dependencies"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    dependencies.mkdir()
    for name in requirements_closure(read_metadata(site).get_all("Requires-Dist", [])):
        link_distribution(name, dependencies)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(site), str(dependencies))),
        "XDG_CONFIG_HOME": str(work / "config"),
        "XDG_STATE_HOME": str(work / "state"),
    }
    return Installed(site, environment)


def link_distribution(name: str, folder: Path) -> None:
    """Make one installed distribution importable from a folder, without its neighbours."""
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return  # for another Python or platform
    for top in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
        (folder / top).symlink_to(Path(str(distribution.locate_file(top))))


def requirements_closure(lines: list[str]) -> set[str]:
    """The distributions that requirements ask for, and what those require, without extras."""
    seen: set[str] = set()
    waiting = _names(lines)
    while waiting:
        name = canonical(waiting.pop())
        if name not in seen:
            seen.add(name)
            waiting += _names(_requirements(name))
    return seen


def _requirements(name: str) -> list[str]:
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []  # for another Python or platform


def _names(lines: list[str]) -> list[str]:
    return [re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in lines if "extra ==" not in line]


def canonical(name: str) -> str:
    """A distribution's name as packaging compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_wheel_is_pure_and_named_for_its_version(wheel: Path) -> None:
    assert wheel.name == f"edgeinfer-{__version__}-py3-none-any.whl"


def test_the_wheel_has_every_module_and_nothing_else(wheel: Path) -> None:
    expected = {
        f"{package}/{path.relative_to(folder)}"
        for package, folder in FOLDERS.items()
        for path in folder.rglob("*")
        if path.suffix in (".css", ".py", ".toml", ".typed")
    }
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert found == expected
    assert "edgeinfer/py.typed" in found
    assert "edgeinfer_converters/py.typed" in found


def test_no_package_is_called_converters(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(FOLDERS)


def test_the_console_scripts(installed: Installed) -> None:
    assert {one.name: one.value for one in entry_points(installed.folder)} == {
        "edgeinfer": "edgeinfer.cli.main:main",
        "edgeinfer-convert": "edgeinfer_converters.cli:main",
    }


def read_metadata(folder: Path) -> Message:
    """The metadata of an unpacked wheel."""
    (path,) = folder.glob("*.dist-info/METADATA")
    return message_from_bytes(path.read_bytes())


def test_metadata_says_what_a_user_needs(installed: Installed) -> None:
    fields = read_metadata(installed.folder)
    assert fields["Requires-Python"] == ">=3.10"
    assert fields["License-Expression"] == "Apache-2.0"
    assert {"onnx", "tflite", "camera", "convert", "demo"} <= set(fields.get_all("Provides-Extra", []))


def test_every_requirement_has_its_reason_in_the_documentation(installed: Installed) -> None:
    reasons = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    for line in read_metadata(installed.folder).get_all("Requires-Dist", []):
        name = re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0]
        assert f"`{name}`" in reasons, f"docs/dependencies.md does not give a reason for {name}"


def test_the_converter_extra_is_for_3_11_and_newer(installed: Installed) -> None:
    lines = [
        line for line in read_metadata(installed.folder).get_all("Requires-Dist", []) if '"convert"' in line
    ]
    assert len(lines) >= 5
    assert all('python_version >= "3.11"' in line for line in lines)


def test_the_lock_names_each_requirement_at_a_version_in_range() -> None:
    parser = configparser.ConfigParser()
    parser.read_string((ROOT / "setup.cfg").read_text(encoding="utf-8"))
    lines = parser["options"]["install_requires"].split("\n")
    lines += [line for extra in parser["options.extras_require"].values() for line in extra.split("\n")]
    locked = dict(
        line.split("==")
        for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").lower().splitlines()
        if line and not line.startswith("#")
    )
    for line in filter(None, (line.partition(";")[0].strip() for line in lines)):
        name, bounds = re.split(r"(?=[<>=])", line, maxsplit=1)
        if name == "tomli" or name.startswith("#"):
            continue  # Python 3.10 only
        release = _numbers(locked[canonical(name)])
        for bound in bounds.split(","):
            number = _numbers(bound.lstrip("<>="))
            assert release >= number if bound.startswith(">=") else release < number, line


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def test_help_needs_no_extra(installed: Installed) -> None:
    done = installed.run_script("edgeinfer", "--help")
    assert done.returncode == 0, done.stderr
    assert "usage: edgeinfer" in done.stdout


@pytest.mark.parametrize("arguments", [("profiles",), ("profiles", "raspberry-pi-4", "--json"), ("status",)])
def test_what_needs_no_model_needs_no_extra(installed: Installed, arguments: tuple[str, ...]) -> None:
    done = installed.run_script("edgeinfer", *arguments)
    assert done.returncode == 0, done.stderr


def test_the_wheel_is_what_runs(installed: Installed) -> None:
    done = installed.run("import edgeinfer; print(edgeinfer.__file__)")
    assert done.stdout.strip() == str(installed.folder / "edgeinfer" / "__init__.py")


def test_extras_are_truly_out_of_reach(installed: Installed) -> None:
    for module in ("onnx", "onnxruntime", "cv2", "ai_edge_litert", "amqtt", "tqdm", "pytest"):
        done = installed.run(f"import {module}")
        assert f"No module named '{module}'" in done.stderr


def test_every_device_module_that_needs_no_extra_is_imported(installed: Installed) -> None:
    """The modules that may need one are the backends, and what reads or draws pictures."""
    program = (
        "import importlib, pkgutil, edgeinfer\n"
        "from edgeinfer.errors import MissingRuntimeError\n"
        "extras = {'onnxruntime', 'ai_edge_litert', 'tflite_runtime', 'cv2'}\n"
        "for one in pkgutil.walk_packages(edgeinfer.__path__, 'edgeinfer.'):\n"
        "    try:\n"
        "        importlib.import_module(one.name)\n"
        "    except MissingRuntimeError as error:\n"
        "        assert 'OpenCV' in str(error), one.name\n"
        "    except ModuleNotFoundError as error:\n"
        "        assert error.name.partition('.')[0] in extras, (one.name, error.name)\n"
    )
    done = installed.run(program)
    assert done.returncode == 0, done.stderr


def test_the_daemon_loads_no_converter_and_no_runtime(installed: Installed) -> None:
    program = (
        "import importlib, pkgutil, sys, edgeinfer.daemon\n"
        "for one in pkgutil.walk_packages(edgeinfer.daemon.__path__, 'edgeinfer.daemon.'):\n"
        "    importlib.import_module(one.name)\n"
        "heavy = {'edgeinfer_converters', 'onnx', 'onnxruntime', 'cv2', 'ai_edge_litert', 'torch', 'tqdm'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = installed.run(program)
    assert done.returncode == 0, done.stderr


def test_the_daemon_loads_no_converter_even_where_all_is_installed() -> None:
    program = (
        "import importlib, pkgutil, sys, edgeinfer.daemon\n"
        "for one in pkgutil.walk_packages(edgeinfer.daemon.__path__, 'edgeinfer.daemon.'):\n"
        "    importlib.import_module(one.name)\n"
        "heavy = {'edgeinfer_converters', 'onnx', 'onnxruntime', 'cv2', 'ai_edge_litert', 'torch', 'tqdm'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_converter_without_its_extra_says_which_to_install(installed: Installed, tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(b"not read")
    pipeline = tmp_path / "pipeline.toml"
    pipeline.write_text("")
    arguments = ("--profile", "raspberry-pi-4", "--pipeline", str(pipeline), "-o", str(tmp_path / "x.eib"))
    done = installed.run_script("edgeinfer-convert", "build", str(model), *arguments)
    assert done.returncode == 1, done.stderr
    assert "edgeinfer[convert]" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "x.eib").exists()


def test_the_converter_shows_its_help_without_its_extra(installed: Installed) -> None:
    done = installed.run_script("edgeinfer-convert", "--help")
    assert done.returncode == 0, done.stderr
    assert "usage: edgeinfer-convert" in done.stdout


def test_onnx_runtime_does_not_report_home(tmp_path: Path) -> None:
    """It would make an identifier in the user's home as soon as it is imported."""
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    for imports in ("edgeinfer.backends.onnx, onnxruntime", "edgeinfer_converters.graph.operators"):
        subprocess.run([sys.executable, "-c", f"import {imports}"], check=True, env=environment)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
