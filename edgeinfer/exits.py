"""From exceptions to exit codes, for both programs."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from enum import IntEnum

from edgeinfer.errors import EdgeInferError, UsageError
from edgeinfer.terminal import printable

logger = logging.getLogger(__name__)

_STDERR = 2


class Exit(IntEnum):
    """The exit codes of both programs."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    BUG = 3
    INTERRUPTED = 130


def run_program(program: str, work: Callable[[], int]) -> int:
    """Run a program's work and turn whatever ends it into an exit code and a message on stderr."""
    try:
        return work()
    except UsageError as error:
        return _complain(program, error, Exit.USAGE)
    except EdgeInferError as error:
        return _complain(program, error, Exit.FAILED)
    except KeyboardInterrupt:
        sys.stderr.write(f"{program}: interrupted\n")
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): not an error, but Python would print one at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.DONE
    except MemoryError:
        shortage = EdgeInferError("there is not enough memory", hint="a smaller model or input may do")
        return _complain(program, shortage, Exit.FAILED)
    except OSError as error:
        return _complain(program, EdgeInferError(_describe(error)), Exit.FAILED)
    except Exception:
        logger.exception("%s: unexpected error: this is a bug, please report it", program)
        return Exit.BUG


def fill_standard_streams() -> None:
    """Point standard streams that the caller closed (`>&-`) to nowhere.

    Otherwise the next file or connection to be opened gets the number, and our output goes into it.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    # Python has None for them. It stays so for stdin: there is nothing to be read.
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(_STDERR, "w", closefd=False)


def _describe(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"


def _complain(program: str, error: EdgeInferError, code: Exit) -> int:
    lines = [f"{program}: {error.message}", *([f"  {error.hint}"] if error.hint else [])]
    for line in "\n".join(lines).split("\n"):
        sys.stderr.write(printable(line) + "\n")
    logger.debug("%s", program, exc_info=error)
    return code
