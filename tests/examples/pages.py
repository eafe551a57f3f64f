"""Which tests are there, what was their outcome, and what do the pages of container/examples say?"""

import os
import pathlib
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "container" / "examples"
LICTOR = pathlib.Path(os.environ.get("LICTOR_BINARY", ROOT / "build" / "lictor"))
checks, tests, results = [], [], []


class Failed(Exception):
    """A test failed; the text says why."""


class Skip(Exception):
    """A test cannot run here."""


def check(name):
    """A test of the files alone."""
    return lambda function: checks.append((name, function)) or function


def test(name):
    """A test with containers."""
    return lambda function: tests.append((name, function)) or function


def expect(condition, text):
    if not condition:
        raise Failed(text)


def note(text):
    print(f"             {text}", flush=True)


def command(*words, within=300, check=True, **more):
    """stdout and stderr as one text."""
    done = subprocess.run(list(map(str, words)), stdin=subprocess.DEVNULL if "input" not in more else None, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=within, **more)
    if check and done.returncode:
        raise Failed(f"{' '.join(map(str, words))[:300]} ended with {done.returncode}: {done.stdout[-1500:]}")
    return done.stdout


def until(condition, seconds, what):
    """Returns the condition's first true value."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise Failed(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.2)


def sections(page):
    """The blocks of a page: (heading, language, text), in order."""
    heading, found, language, lines = "", [], None, []
    for line in page.read_text().splitlines():
        if line.startswith("```"):
            if language is None:
                language, lines = line[3:].strip(), []
            else:
                found.append((heading, language, "\n".join(lines)))
                language = None
        elif language is not None:
            lines.append(line)
        elif line.startswith("#"):
            heading = line.lstrip("# ")
    return found


def blocks(folder, heading):
    """The shell blocks below the heading of the folder's page."""
    found = [text for title, language, text in sections(EXAMPLES / folder / "README.md") if title == heading and language == "sh"]
    expect(found, f"{folder}/README.md has no shell block below '{heading}'")
    return found


def run_one(name, function, clean_up):
    """Runs a test or check, prints its line, and cleans up in any case."""
    begun, problem, skipped = time.monotonic(), None, None
    try:
        function()
    except Skip as reason:
        skipped = str(reason)
    except (Failed, OSError, ValueError, KeyError, IndexError, AttributeError, TypeError, subprocess.SubprocessError) as found:
        problem = f"{type(found).__name__}: {str(found)[-2500:]}"
    finally:
        clean_up()
    results.append((name, problem, skipped))
    word = "FAILED" if problem else "skipped" if skipped else "ok"
    print(f"{word:8}{time.monotonic() - begun:6.1f} s  {name}" + (f": {problem or skipped}" if problem or skipped else ""), flush=True)
