"""How does a test look at the page in a real Chromium?

Playwright drives the installed Chromium; axe-core checks the accessibility. Both are installed from tests/lib/browser/package-lock.json (versions and
hashes) into the cache folder, once. Nothing of them is part of lictor.
"""

import fcntl
import json
import os
import select
import shutil
import subprocess

from .process import die_with_parent
from .runner import Skip

_here = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "browser")
_cache = os.environ.get("LICTOR_CACHE") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.join(os.environ.get("HOME", "/tmp"), ".cache"), "lictor")


def _modules():
    """The folder with the modules; installs them if they are missing or of other versions."""
    folder = os.path.join(_cache, "browser")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = os.path.join(folder, "installed.json")
        with open(os.path.join(_here, "package-lock.json")) as file:
            wanted = file.read()
        if not os.path.exists(done) or open(done).read() != wanted:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(os.path.join(_here, name), folder)
            made = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, capture_output=True,
                                  text=True, timeout=180)
            assert made.returncode == 0, f"npm ci failed: {made.stderr[-800:]}"
            with open(done, "w") as file:
                file.write(wanted)
    return os.path.join(folder, "node_modules")


class Browser:
    """One Chromium with one page. `owner`: a test's context, or the state that the tests of a file share."""

    def __init__(self, owner):
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        for name, found in (("chromium", program), ("node", shutil.which("node")), ("npm", shutil.which("npm"))):
            if not found:
                raise Skip(f"{name} is not installed")
        self._log = open(os.path.join(owner.folder, "browser.log"), "w")
        # A home of its own: Chromium writes settings there.
        env = dict(os.environ, NODE_PATH=_modules(), HOME=owner.folder)
        self._process = subprocess.Popen(["node", os.path.join(_here, "drive.js"), program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=self._log, text=True, env=env, preexec_fn=die_with_parent)
        owner.undo.callback(self._end)

    def _end(self):
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def ask(self, what, within=60, **more):
        self._process.stdin.write(json.dumps(dict(more, what=what)) + "\n")
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], within)
        assert ready, f"the browser did not answer to {what} within {within} s"
        line = self._process.stdout.readline()
        assert line, f"the browser ended: {open(self._log.name).read()[-1500:]}"
        reply = json.loads(line)
        assert "error" not in reply, f"{what} {more}: {reply['error']}"
        return reply.get("value")

    def open(self, url, width=1400, height=900, scheme="light"):
        self.ask("open", url=url, width=width, height=height, scheme=scheme)

    def size(self, width, height=900, scheme="light"):
        self.ask("size", width=width, height=height, scheme=scheme)

    def value(self, expression):
        return self.ask("value", expression=expression)

    def text(self, selector):
        return self.value(f"document.querySelector({json.dumps(selector)}).innerText")

    def until(self, expression, within=20):
        """Waits until the expression is true in the page."""
        try:
            self.ask("until", within + 20, expression=expression, limit=within)
        except AssertionError as late:
            raise AssertionError(f"{late}\n    the page: {self.value('document.body.innerText')[:1500]}") from None

    def picture(self, path, selector=None, full=False):
        self.ask("picture", path=path, selector=selector, full=full)
