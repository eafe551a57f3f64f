"""Small file systems that a test can fill."""

import os
import subprocess


def small(ctx, name, kilobytes):
    """The folder of a new file system of that size, which lictor's user may write; None where none can be mounted."""
    folder = ctx.path(name)
    os.makedirs(folder)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k,mode=777", "tmpfs", folder], capture_output=True)
    if done.returncode:
        return None
    ctx.undo.callback(subprocess.run, ["umount", "-l", folder], capture_output=True)
    return folder


def fill(folder):
    """Fills the file system; the path of the file that does it."""
    path = os.path.join(folder, "fill")
    with open(path, "wb", buffering=0) as file:
        try:
            while file.write(b"x" * 512):
                pass
        except OSError:
            pass
    return path
