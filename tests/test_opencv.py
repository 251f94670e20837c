"""OpenCV, loaded with its limits."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import edgeinfer

PACKAGE = Path(edgeinfer.__file__).parent
FIRST = ("edgeinfer.opencv", "edgeinfer.sources.opencv", "edgeinfer.processing.image", "edgeinfer.annotate")


@pytest.mark.parametrize("first", FIRST)
def test_a_picture_of_a_thousand_million_pixels_is_refused(first: str) -> None:
    # In a process of its own: OpenCV reads its limit once, when it is loaded, by whichever module that is.
    # The file says 30000 x 30000 in its header and has next to nothing behind it.
    program = (
        "import pathlib, struct, zlib\n"
        f"import {first}\n"
        "from edgeinfer.sources.opencv import decode_image\n"
        "def chunk(kind, body):\n"
        "    return struct.pack('>I', len(body)) + kind + body + struct.pack('>I', zlib.crc32(kind + body))\n"
        "head = struct.pack('>IIBBBBB', 30000, 30000, 8, 2, 0, 0, 0)\n"
        "body = chunk(b'IHDR', head) + chunk(b'IDAT', zlib.compress(bytes(1000))) + chunk(b'IEND', b'')\n"
        "assert decode_image(b'\\x89PNG\\r\\n\\x1a\\n' + body) is None\n"
        # Not ru_maxrss, in which Linux counts what the parent had when this process was forked off.
        "status = dict(line.split(':') for line in pathlib.Path('/proc/self/status').open())\n"
        "print(int(status['VmHWM'].split()[0]) // 1024)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert 0 < int(done.stdout) < 500  # MiB; the picture alone would take 2575


@pytest.mark.parametrize("first", FIRST)
def test_its_absence_says_what_to_install(first: str) -> None:
    program = (
        "import sys\n"
        "sys.modules['cv2'] = None\n"
        "from edgeinfer.errors import MissingRuntimeError\n"
        "try:\n"
        f"    import {first}\n"
        "except MissingRuntimeError as error:\n"
        "    print(error.hint)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "pip install 'edgeinfer[camera]'\n"


def test_no_other_module_loads_opencv_itself() -> None:
    guilty = [
        path.name
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Import) and any(one.name == "cv2" for one in node.names)
    ]
    assert guilty == ["opencv.py"]
