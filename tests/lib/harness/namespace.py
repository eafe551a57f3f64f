"""A network and an /etc/resolv.conf of its own for a test: a machine whose only nameserver is lictor."""

import ctypes
import os
import subprocess

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000


class NotPossible(Exception):
    pass


def enter():
    """Moves this process into new namespaces and brings the loopback interface up. Only for a child that ends with the test."""
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.getuid(), os.getgid()
    flags = CLONE_NEWNS | CLONE_NEWNET | (CLONE_NEWUSER if uid else 0)
    if libc.unshare(flags):
        raise NotPossible(f"new namespaces are not possible here: {os.strerror(ctypes.get_errno())}")
    if uid:
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    _run("mount", "--make-rprivate", "/")
    _run("ip", "link", "set", "lo", "up")


def bind(source, target):
    """Mounts a file over another one, in this namespace only."""
    _run("mount", "--bind", source, target)


def resolv_conf(ctx, text, nsswitch="hosts: files dns\n"):
    """Replaces /etc/resolv.conf, and nsswitch.conf by one that uses only files and DNS."""
    bind(ctx.file("resolv.conf", text), os.path.realpath("/etc/resolv.conf"))
    if os.path.exists("/etc/nsswitch.conf"):
        bind(ctx.file("nsswitch.conf", nsswitch), os.path.realpath("/etc/nsswitch.conf"))


def _run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise NotPossible(f"{' '.join(command)}: {done.stderr.strip()}")
