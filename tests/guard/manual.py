"""Checks of the generated manual pages and completions. Importing this module runs them."""

import os
import pty
import select
import subprocess
import time

from tree import ROOT, at_once, check, ran

PAGES = sorted((ROOT / "resolver/manual/pages").iterdir())
COMPLETIONS = ROOT / "resolver/manual/completions"


@check("manual pages: mandoc -Tlint and man --warnings find nothing")
def _():
    def linted(page):
        # mandoc reports the hyphens that man(7) wants escaped in the names of programs as a matter of style; only warnings and errors count.
        out = ran("mandoc", "-Tlint", "-Wwarning", page)
        man = ran("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page, env={**os.environ, "LC_ALL": "C.UTF-8", "MANROFFSEQ": "", "MANWIDTH": "80"})
        return (out.stdout + out.stderr + man.stderr).splitlines() + ([] if man.returncode == 0 else [f"{page.name}: man ended with {man.returncode}"])
    return [line for lines in at_once(linted, PAGES) for line in lines]


BASH = r"""
. /usr/share/bash-completion/bash_completion
. "$1"
COMP_WORDS=("${@:2}") COMP_CWORD=$(($# - 2)) COMP_LINE="${*:2}" COMP_POINT=${#COMP_LINE} COMP_TYPE=9 COMP_KEY=9
compopt() { :; }
_lictor
printf '%s\n' "${COMPREPLY[@]}"
"""


def bash(*words):
    out = ran("bash", "--norc", "-c", BASH, "bash", COMPLETIONS / "lictor.bash", *words)
    return out.stdout.split(), out.stderr


def fish(line):
    out = ran("fish", "--no-config", "-c", 'source $argv[1]; complete -C $argv[2]', COMPLETIONS / "lictor.fish", line)
    return [one.split("\t")[0] for one in out.stdout.splitlines()], out.stderr


def zsh(line):
    """What zsh makes of a line when Tab is pressed, on a terminal of its own."""
    process, terminal = pty.fork()
    if process == 0:
        os.environ.update(TERM="dumb", HOME="/nonexistent", PS1="> ", COLUMNS="400")
        os.execvp("zsh", ["zsh", "-f", "-i"])
    shown = ""

    def until(text, within=20):
        nonlocal shown
        end = time.monotonic() + within
        while text not in shown and time.monotonic() < end and select.select([terminal], [], [], end - time.monotonic())[0]:
            try:
                shown += os.read(terminal, 65536).decode(errors="replace")
            except OSError:
                break
        return text in shown
    try:
        os.write(terminal, f"unsetopt zle_bracketed_paste prompt_sp; stty cols 400; fpath=({COMPLETIONS} $fpath); "
                           "autoload -U compinit && compinit -u -D && print compl''eted\n".encode())
        if not until("compleeted".replace("ee", "e")):
            return f"compinit failed: {shown[-300:]}"
        os.write(terminal, (line + "\t").encode())
        # The widget prints a mark after the completion: the line as zsh has it now.
        os.write(terminal, b"\x01print -r -- 'LINE:\x05'\n")
        until("\nLINE:")
        until("\n", 1)
        return next((one[5:] for one in shown.replace("\r", "\n").split("\n") if one.startswith("LINE:")), shown[-300:])
    finally:
        os.close(terminal)
        try:
            os.kill(process, 9)
        except ProcessLookupError:
            pass
        os.waitpid(process, 0)


@check("completions: bash, zsh and fish offer commands, options and values")
def _():
    bad = []
    for words, expected in ((["lictor", "sta"], ["stats"]), (["lictor", "--consul-consist"], ["--consul-consistency="]),
                            (["lictor", "stats", "--wa"], ["--watch="]), (["lictor", "--consul-consistency", "c"], ["consistent"]),
                            (["lictor", "--port", "5", "help", "expl"], ["explain"]), (["lictor", "wait", "--l"], ["--leader="])):
        found, errors = bash(*words)
        if found != expected or errors:
            bad.append(f"bash: {' '.join(words)}: {found}, expected {expected} {errors}")
    for line, expected in (("lictor sta", "stats"), ("lictor --consul-consist", "--consul-consistency"), ("lictor stats --wa", "--watch"),
                           ("lictor --consul-consistency=c", "--consul-consistency=consistent"), ("lictor help expl", "explain")):
        found, errors = fish(line)
        if not found or found[0].rstrip("=") != expected or errors:
            bad.append(f"fish: {line}: {found[:5]}, expected {expected} {errors}")
    for line, expected in (("lictor sta", "lictor stats"), ("lictor --consul-consist", "lictor --consul-consistency"),
                           ("lictor stats --wa", "lictor stats --watch"), ("lictor --consul-consistency=c", "lictor --consul-consistency=consistent"),
                           ("lictor --port=5 expl", "lictor --port=5 explain"), ("lictor help expl", "lictor help explain")):
        found = zsh(line).strip()
        if found != expected:
            bad.append(f"zsh: {line}: {found!r}, expected {expected!r}")
    return bad
