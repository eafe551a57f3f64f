"""The files and folders of the source tree, and the decorator that runs and reports a check.

The folders, their order and which of them are pure are read from CMakeLists.txt.
"""

import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("LICTOR_BUILD", "build")
ONLY = sys.argv[2] if len(sys.argv) == 3 and sys.argv[1] == "--only" else ""
if len(sys.argv) > 1 and not ONLY:
    sys.exit("usage: tests/guard/run [--only TEXT]    runs the checks whose names contain TEXT, or all")
results = []


def check(name):
    """Runs the decorated function at once. It returns or yields its problems, one line each. Without a problem the check has passed."""
    def run(function):
        if ONLY not in name:
            return
        begun = time.monotonic()
        try:
            problems = list(function() or [])
        except Exception as problem:        # a check that raises has failed
            problems = [f"{type(problem).__name__}: {problem}"]
        results.append((name, problems))
        print(f"{'FAILED' if problems else 'ok':8}{time.monotonic() - begun:6.1f} s  {name}"
              + "".join(f"\n           {line}" for line in problems[:12])
              + (f"\n           and {len(problems) - 12} more" if len(problems) > 12 else ""), flush=True)
    return run


def note(line):
    """Prints a line of information."""
    print(f"           {line}", flush=True)


def shown(path):
    return str(path.relative_to(ROOT))


def tracked(*patterns):
    out = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard", *patterns], capture_output=True, text=True, check=True)
    return [ROOT / line for line in out.stdout.splitlines() if (ROOT / line).is_file()]


def sources(*folders):
    return [path for folder in folders for path in tracked(f"{folder}/*.cpp", f"{folder}/*.hpp")]


CMAKE = (ROOT / "CMakeLists.txt").read_text()


def folder_list(name):
    return re.search(rf"set\({name}\s([^)]*)\)", CMAKE)[1].split()


PURE_FOLDERS = folder_list("LICTOR_PURE_FOLDERS")
SHELL_FOLDERS = folder_list("LICTOR_SHELL_FOLDERS")
# resolver/ itself holds main.cpp alone.
FOLDERS = PURE_FOLDERS + SHELL_FOLDERS + ["resolver"]
FLOOR = {folder: floor for floor, folder in enumerate(FOLDERS)}


def folder_of(path):
    return shown(path.parent)


def product(suffix=""):
    """The program's source files whose names end with `suffix`."""
    return [path for path in sources("conf", "watch", "resolver") if path.name.endswith(suffix)]


def includes(path):
    """Yields (line number, line, included file) for each #include "..." of the file."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = re.match(r'#include "([^"]+)"', line)
        if found:
            yield number, line, ROOT / found[1]


def at_once(work, items):
    """[work(item) for each item], run on all cores."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(work, items))


def ran(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, **more)
