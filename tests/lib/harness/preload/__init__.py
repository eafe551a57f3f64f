"""Libraries for LD_PRELOAD: faults that no real machine produces on demand. The C files beside this one say what each does."""

import os
import subprocess

from ..resolvers import tool


def library(ctx, name):
    """The path of the library that is built from NAME.c. The user that lictor becomes may read it."""
    path = ctx.path(f"{name}.so")
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"{name}.c")
    subprocess.run([tool("gcc"), "-O1", "-Wall", "-shared", "-fPIC", source, "-o", path, "-ldl"], check=True)
    os.chmod(path, 0o755)
    return path
