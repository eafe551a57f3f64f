"""Starts, watches and stops one program. Signals are sent only to its own process id.

Its output goes to a file, and failure messages show the last lines.
"""

import ctypes
import os
import signal
import subprocess
import threading
import time

from . import net


_libc = ctypes.CDLL(None)

PR_SET_PDEATHSIG = 1    # linux/prctl.h


def die_with_parent():
    """Runs in the child, for a program before exec.

    The kernel kills the child when the thread that started it ends (PR_SET_PDEATHSIG), so that no program remains if the test process
    is killed.
    """
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def status_of(task, field):
    """Returns one field of the status of a process or thread, whose folder in /proc is `task`; None if there is none."""
    with open(f"{task}/status") as file:
        for line in file:
            if line.startswith(field + ":"):
                return line.split(":", 1)[1].split()
    return None


class Process:
    """A running program.

    `env`: variables added to the environment of the test process; a variable with the value None is removed.
    """

    def __init__(self, name, command, log_path, env=None, cwd=None, preexec=None, pass_fds=()):
        self.name = name
        self.command = [str(word) for word in command]
        self.log_path = log_path
        self._log = open(log_path, "ab", buffering=0)
        # Only for the main thread, because other threads can end earlier than the program.
        if preexec is None and threading.current_thread() is threading.main_thread():
            preexec = die_with_parent
        self._child = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT,
            env={key: value for key, value in dict(os.environ, **(env or {})).items() if value is not None}, cwd=cwd, start_new_session=True, preexec_fn=preexec,
            pass_fds=pass_fds)

    @property
    def pid(self):
        return self._child.pid

    @property
    def exit_code(self):
        return self._child.poll()

    def running(self):
        return self._child.poll() is None

    def must_run(self):
        if not self.running():
            raise AssertionError(f"{self.name} ended with {self.exit_code}; its last lines:\n{self.tail()}")

    def until(self, condition, within, what, every=0.02):
        try:
            return net.until(condition, within, what, every, alive=self.must_run)
        except net.Timeout as late:
            raise net.Timeout(f"{late}; the last lines of {self.name}:\n{self.tail()}") from None

    def signal(self, number):
        if self.running():
            os.kill(self.pid, number)

    def wait(self, within):
        try:
            return self._child.wait(within)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, within=5.0):
        """Sends SIGTERM, and SIGKILL if the program does not end. Returns the seconds until its end; None if it had to be killed."""
        if not self.running():
            self._log.close()
            return 0.0
        begin = time.monotonic()
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        ended = self.wait(within)
        took = time.monotonic() - begin
        if ended is None:
            self.kill()
        self._log.close()
        return took if ended is not None else None

    def kill(self):
        if self.running():
            self._child.kill()
            self._child.wait()

    def log(self):
        with open(self.log_path, "r", errors="replace") as file:
            return file.read()

    def tail(self, lines=25):
        return "\n".join("    | " + line for line in self.log().splitlines()[-lines:])

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def status(self, field):
        """Returns one field of /proc/PID/status, such as VmRSS or Uid."""
        return status_of(f"/proc/{self.pid}", field)

    def resident(self):
        """Bytes of memory in use (VmRSS)."""
        return int(self.status("VmRSS")[0]) * 1024
