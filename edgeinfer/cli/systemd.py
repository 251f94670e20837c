"""`edgeinfer systemd`: print or install the service unit."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from pathlib import Path

from edgeinfer.daemon.unit import (
    EXAMPLE_SETTINGS,
    FOLDERS,
    SETTINGS,
    UNIT_FOLDER,
    UNIT_NAME,
    WANTS_FOLDER,
    UnitOptions,
    unit_text,
)
from edgeinfer.errors import EdgeInferError, SettingsError
from edgeinfer.exits import Exit
from edgeinfer.files import write_atomically

PRIVATE_FOLDERS = (Path("/home"), Path("/root"), Path("/run/user"), Path("/tmp"), Path("/var/tmp"))  # noqa: S108  # hidden from the service
SYSTEMD_RUNS = Path("/run/systemd/system")
GPU_PROVIDERS = frozenset({"CUDAExecutionProvider", "TensorrtExecutionProvider"})


def configure(parser: argparse.ArgumentParser) -> None:
    """The command line of `edgeinfer systemd`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="print | install")
    for name, text in (("print", "show the unit"), ("install", "write and enable the unit")):
        action = actions.add_parser(name, help=text, description=text)
        action.add_argument(
            "--executable",
            type=Path,
            metavar="PATH",
            help="the edgeinfer program on the device (default: this)",
        )
        action.add_argument(
            "--gpu", action="store_true", help="for CUDA or TensorRT (default: as the device is)"
        )
        if name == "install":
            action.add_argument(
                "--root",
                type=Path,
                default=Path("/"),
                metavar="DIR",
                help="a mounted image, instead of this system",
            )


def execute(arguments: argparse.Namespace) -> int:
    """Exit 1 where root's rights are missing or the service could not read the program."""
    executable = arguments.executable or this_executable()
    text = unit_text(UnitOptions(executable, gpu=arguments.gpu or _has_gpu_profile()))
    if arguments.action == "print":
        sys.stdout.write(text)
        return Exit.DONE
    if arguments.root == Path("/"):
        check_root(os.geteuid(), executable)
        check_reachable(executable)
    install(arguments.root, text)
    return Exit.DONE


def install(root: Path, unit: str) -> None:
    """Write unit, folders and, where there are none, settings; enable the unit. Raises OSError."""
    for folder in (*FOLDERS, WANTS_FOLDER):
        _make_readable(root / folder)
    write_atomically(root / UNIT_FOLDER / UNIT_NAME, unit.encode())
    settings = root / SETTINGS.relative_to("/")
    kept = settings.exists()
    if not kept:
        write_atomically(settings, EXAMPLE_SETTINGS.encode())
    if root == Path("/") and SYSTEMD_RUNS.is_dir():
        _systemctl("daemon-reload")
        _systemctl("enable", UNIT_NAME)
    else:
        link = root / WANTS_FOLDER / UNIT_NAME
        link.unlink(missing_ok=True)
        link.symlink_to(Path("/") / UNIT_FOLDER / UNIT_NAME)
    sys.stdout.write(_next_steps(root, kept=kept))


def _make_readable(folder: Path) -> None:
    """Make a folder that the service can read, also where root's umask is a strict one."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir()
        one.chmod(0o755)


def check_root(user: int, executable: Path) -> None:
    """Raises SettingsError that names the sudo command."""
    if user != 0:
        raise SettingsError(
            f"writing /{UNIT_FOLDER / UNIT_NAME} needs root's rights",
            hint=f"sudo {shlex.join([str(executable), 'systemd', 'install'])}",
        )


def check_reachable(executable: Path) -> None:
    """Raises SettingsError for a program that the service's user could not start."""
    if not executable.exists():
        raise SettingsError(f"{executable}: there is no such program", hint="name it with --executable")
    for path in (executable.absolute(), Path(sys.executable).resolve()):
        private = any(folder in path.parents for folder in PRIVATE_FOLDERS)
        closed = next((one for one in path.parents if not one.stat().st_mode & 0o001), None)
        if private or closed is not None:
            raise SettingsError(
                f"{path}: the service, which is not root, cannot start a program there",
                hint="install into /opt: /usr/bin/python3 -m venv /opt/edgeinfer && "
                "/opt/edgeinfer/bin/pip install 'edgeinfer[onnx,camera]'",
            )


def this_executable() -> Path:
    """The `edgeinfer` program that runs now."""
    called = Path(sys.argv[0])
    return called.absolute() if called.name == "edgeinfer" else Path(sys.executable).with_name("edgeinfer")


def _has_gpu_profile() -> bool:
    from edgeinfer.host import detect_host, host_profile

    try:
        profile = host_profile(detect_host())
    except EdgeInferError:
        return False  # a machine that no profile knows has no accelerator that we know
    return any(GPU_PROVIDERS & set(runtime.required_providers) for runtime in profile.runtime)


def _systemctl(*words: str) -> None:
    done = subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SettingsError(f"`systemctl {shlex.join(words)}` failed: {done.stderr.strip()}")


def _next_steps(root: Path, *, kept: bool) -> str:
    written = "kept as they are" if kept else "an example: edit it"
    return (
        f"{root / UNIT_FOLDER / UNIT_NAME}: written and enabled\n"
        f"{root / SETTINGS.relative_to('/')}: {written}\n"
        "Then:\n"
        f"  edgeinfer daemon --config {SETTINGS} --check\n"
        "  systemctl start edgeinfer\n"
        "  systemctl status edgeinfer\n"
    )
