"""The peers: which tools, in which versions, with which settings, in environments of their own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from edgeinfer.errors import UsageError
from scripts.quantization.measured_run import ToolError, last_words

WORKERS = Path(__file__).with_name("workers")
STAMP = ".peer"
INSTALL_TIMEOUT_S = 1800.0
INTERPRETERS = ("python3.12", "python3.13", "python3.11")


@dataclass(frozen=True)
class Environment:
    """A virtual environment `.venv-peers-NAME` and what is installed in it, exact versions first.

    `python`: the oldest that will do; `newest`: the last that has wheels. `prefix`: of the folder's name.
    """

    name: str
    requirements: tuple[str, ...]
    python: tuple[int, int] = (3, 11)
    newest: tuple[int, int] | None = None
    prefix: str = ".venv-peers-"

    @property
    def title(self) -> str:
        """The tool and its version, as shown."""
        return self.requirements[0].replace("==", " ")

    def folder(self, root: Path) -> Path:
        """Where it lies."""
        return root / f"{self.prefix}{self.name}"


@dataclass(frozen=True)
class Peer:
    """One way of quantizing with a tool."""

    name: str
    environment: Environment
    worker: str
    options: tuple[str, ...] = ()
    suffix: str = ".onnx"

    def command(self, python: Path, model: Path, calibration: Path, out: Path) -> list[str | Path]:
        """What makes `out` of a float model and a `.npz` of its inputs."""
        # -P: the worker's folder stays out of sys.path.
        return [python, "-P", WORKERS / self.worker, model, calibration, out, *self.options]


_ONNXRUNTIME = Environment("onnxruntime", ("onnxruntime==1.31.1", "onnx==1.23.2", "sympy==1.14.0"))
_NNCF = Environment("nncf", ("nncf==3.4.0", "onnxruntime==1.31.1", "onnx==1.23.2"))
_ONNX2TF = Environment("onnx2tf", ("onnx2tf==2.6.9",), python=(3, 12))


def _onnxruntime(name: str, *options: str) -> Peer:
    return Peer(name, _ONNXRUNTIME, "quantize_onnxruntime.py", options)


PEERS = {
    peer.name: peer
    for peer in (
        _onnxruntime("ort_minmax", "MinMax", "QUInt8"),
        _onnxruntime("ort_percentile", "Percentile", "QUInt8"),
        _onnxruntime("ort_entropy", "Entropy", "QUInt8"),
        Peer("nncf", _NNCF, "quantize_nncf.py", ("fast",)),
        Peer("nncf_full", _NNCF, "quantize_nncf.py", ("full",)),
        Peer("onnx2tf", _ONNX2TF, "quantize_onnx2tf.py", suffix=".tflite"),
    )
}
S8_PEERS = {"ort_minmax_s8": _onnxruntime("ort_minmax_s8", "MinMax", "QInt8")}
"""In the form for ARM."""


def choose_peers(names: list[str] | None, *, s8: bool) -> tuple[Peer, ...]:
    """The peers asked for; all that fit the form without names. Raises UsageError for an unknown one."""
    known = {**PEERS, **S8_PEERS}
    if names == ["none"]:
        return ()
    if names:
        unknown = [name for name in names if name not in known]
        if unknown:
            raise UsageError(f"no peer `{unknown[0]}`", hint=f"there are {', '.join(known)}, and none")
        return tuple(known[name] for name in names)
    return tuple((S8_PEERS if s8 else PEERS).values())


def ready_environment(environment: Environment, root: Path) -> Path:
    """The Python of an environment, made with pip on first use. Raises ToolError with pip's own words."""
    folder = environment.folder(root)
    python = folder / "bin" / "python"
    wanted = "\n".join(environment.requirements)
    stamp = folder / STAMP
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    print(f"making {folder.name} with {', '.join(environment.requirements)} …", file=sys.stderr, flush=True)
    _run([find_python(environment.python, environment.newest), "-m", "venv", "--clear", folder])
    _run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *environment.requirements]
    )
    stamp.write_text(wanted, encoding="utf-8")
    return python


def find_python(lowest: tuple[int, int], newest: tuple[int, int] | None = None) -> str:
    """An interpreter of a version that will do. Raises ToolError if there is none."""
    if _fits(sys.version_info[:2], lowest, newest):
        return sys.executable
    for name in INTERPRETERS:
        path = shutil.which(name)
        if path and _fits(_version(path), lowest, newest):
            return path
    span = _dotted(lowest) if newest in (None, lowest) else f"{_dotted(lowest)} to {_dotted(newest)}"
    raise ToolError(f"needs Python {span}, which is not here")


def _fits(version: tuple[int, ...], lowest: tuple[int, int], newest: tuple[int, int] | None) -> bool:
    return version >= lowest and (newest is None or version <= newest)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _version(path: str) -> tuple[int, ...]:
    show = "import sys; print(*sys.version_info[:2])"
    done = subprocess.run([path, "-c", show], capture_output=True, check=False, text=True)
    # A version manager's stand-in is on PATH also where that version is not active.
    return tuple(map(int, done.stdout.split())) if done.returncode == 0 else ()


def _run(command: list[str | Path]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=INSTALL_TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"not installed after {INSTALL_TIMEOUT_S:.0f} s") from error
    if done.returncode:
        raise ToolError(f"not installed: {last_words(done.stderr + done.stdout)}")
