"""Which tests are there, what does each run with, and what came of it?

A test is a function marked with @test("a sentence"). It gets a Context: a temporary folder, a random generator whose seed
is printed, things to undo at the end whatever happens, and the variant it runs as (threads, build of lictor). A test runs
once for each variant. What is costly to start (a Consul cluster) is shared by the tests of one file: ctx.shared(...).
"""

import contextlib
import os
import pickle
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback


class Skip(Exception):
    """Raised by a test that cannot run here; the text says why."""


class Variant:
    def __init__(self, threads=None, build="release"):
        self.threads = threads
        self.build = build

    def __str__(self):
        words = []
        if self.threads:
            words.append(f"threads={self.threads}")
        if self.build != "release":
            words.append(self.build)
        return " ".join(words)


# Answers are checked with both thread counts, and one of the two runs under the sanitizers. Times are measured with the
# release build only. --long runs every combination.
ONCE = (Variant(1),)
ONCE_SANITIZED = (Variant(2, "asan"),)
BOTH = (Variant(1), Variant(2, "asan"))
TIMED = (Variant(1), Variant(2))
ALL = (Variant(1), Variant(2), Variant(1, "asan"), Variant(2, "asan"))
PLAIN = (Variant(None),)


class Case:
    def __init__(self, name, function, variants, within, namespace):
        self.name = name
        self.function = function
        self.variants = variants
        self.within = within
        self.namespace = namespace


_cases = []


def test(name, variants=BOTH, within=120, namespace=False):
    """Marks a test. `within`: seconds until it is given up. `namespace`: runs in its own network and mount namespace."""
    def register(function):
        _cases.append(Case(name, function, variants, within, namespace))
        return function
    return register


class Context:
    def __init__(self, variant, settings, shared, folder, seed):
        self.variant = variant
        self.threads = variant.threads or 1
        self.settings = settings
        self.long = settings["long"]
        self.folder = folder
        self.seed = seed
        self.random = random.Random(seed)
        self.undo = contextlib.ExitStack()
        self.processes = []          # shown when the test fails
        self._shared = shared
        self.notes = []

    def note(self, text):
        """A measured figure or a version: printed below the test's line."""
        self.notes.append(text)

    def path(self, name):
        return os.path.join(self.folder, name)

    def file(self, name, content, mode=0o644):
        path = self.path(name)
        with open(path, "w") as file:
            file.write(content)
        os.chmod(path, mode)
        return path

    def shared(self, key, make):
        """`make(shared_context)` once per test file; its undo list runs after the file's last test."""
        return self._shared.get(key, make)


class Shared:
    """What the tests of one file have in common."""

    def __init__(self, settings, folder):
        self.settings = settings
        self.folder = folder
        self.undo = contextlib.ExitStack()
        self.processes = []
        self._things = {}

    path = Context.path
    file = Context.file

    def get(self, key, make):
        if key not in self._things:
            self._things[key] = make(self)
        return self._things[key]


class TimeUp(Exception):
    pass


def _alarm(_number, _frame):
    raise TimeUp()


def _make_folder(parent=None):
    folder = tempfile.mkdtemp(prefix="lictor-e2e-", dir=parent)
    os.chmod(folder, 0o755)      # lictor gives up root and has to read its files still
    return folder


def _run_body(case, variant, settings, shared, seed):
    """Returns (outcome, reason, notes)."""
    folder = _make_folder()
    ctx = Context(variant, settings, shared, folder, seed)
    signal.signal(signal.SIGALRM, _alarm)
    signal.alarm(case.within * (3 if settings["long"] else 1))
    outcome, reason = _outcome(lambda: case.function(ctx), case)
    signal.alarm(30)
    # Undoing may fail the test, too: lictor's end is checked there, its exit code and the sanitizers.
    undone, why = _outcome(ctx.undo.close, case)
    signal.alarm(0)
    if undone == "FAILED":
        reason = f"{reason}\nand at the end: {why}" if outcome == "FAILED" else why
        outcome = "FAILED"
    if outcome == "FAILED":
        for process in ctx.processes:
            if settings["verbose"] or process.name.startswith("lictor"):
                reason += f"\n  last lines of {process.name}:\n{process.tail()}"
        if settings["keep"]:
            reason += f"\n  kept: {folder}"
    if not (outcome == "FAILED" and settings["keep"]):
        shutil.rmtree(folder, ignore_errors=True)
    return outcome, reason, ctx.notes


def _outcome(step, case):
    try:
        step()
        return "ok", ""
    except Skip as skip:
        return "skipped", str(skip)
    except TimeUp:
        return "FAILED", f"not done within {case.within} s\n" + _where(sys.exc_info()[2])
    except AssertionError as wrong:
        return "FAILED", f"{str(wrong) or 'a claim that does not hold:'}\n" + _where(wrong.__traceback__)
    except Exception:                       # a fault of the test or of the machine: as red as a wrong answer
        return "FAILED", traceback.format_exc()


def _where(trace):
    frames = [frame for frame in traceback.extract_tb(trace) if "/e2e/test_" in frame.filename]
    return "\n".join(f"  at {os.path.basename(f.filename)}:{f.lineno}: {f.line}" for f in frames[-3:])


def _run_in_namespace(case, variant, settings, seed):
    """The same in a child that has its own network (loopback only) and mounts. Nothing is shared with other tests."""
    from . import namespace
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        result = ("FAILED", "the child broke", [])
        try:
            namespace.enter()
            folder = _make_folder()
            shared = Shared(settings, folder)
            try:
                result = _run_body(case, variant, settings, shared, seed)
            finally:
                shared.undo.close()
                shutil.rmtree(folder, ignore_errors=True)
        except namespace.NotPossible as why:
            result = ("skipped", str(why), [])
        except BaseException:
            result = ("FAILED", traceback.format_exc(), [])
        finally:
            with os.fdopen(writing, "wb") as out:
                pickle.dump(result, out)
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as data:
        try:
            result = pickle.load(data)
        except EOFError:
            result = ("FAILED", "the child ended without a word", [])
    os.waitpid(child, 0)
    return result


def _indent(text, by="      "):
    return "\n".join(by + line for line in text.splitlines())


def _variants(case, settings):
    variants = case.variants
    if settings["long"] and variants in (BOTH, TIMED):
        variants = ALL if variants is BOTH else TIMED
    if settings["build"]:
        seen, kept = set(), []
        for variant in variants:
            if variant.threads not in seen:
                seen.add(variant.threads)
                kept.append(Variant(variant.threads, settings["build"]))
        variants = kept
    if settings["threads"]:
        variants = [v for v in variants if v.threads in (None, settings["threads"])]
    return variants


def run_file(title, settings, only=None, results=None):
    """Runs the tests registered so far; returns a list of (outcome, name, seconds, reason)."""
    cases, _cases[:] = list(_cases), []
    folder = _make_folder()
    shared = Shared(settings, folder)
    done = []
    print(f"{title}:", flush=True)
    try:
        for case in cases:
            for variant in _variants(case, settings):
                label = f"{case.name} [{variant}]" if str(variant) else case.name
                if only and only.lower() not in label.lower():
                    continue
                seed = settings["seed"] or random.SystemRandom().randrange(1, 10**9)
                random.seed(seed)
                begin = time.monotonic()
                if case.namespace:
                    outcome, reason, notes = _run_in_namespace(case, variant, settings, seed)
                else:
                    outcome, reason, notes = _run_body(case, variant, settings, shared, seed)
                seconds = time.monotonic() - begin
                print(f"  {outcome:<7} {seconds:7.1f} s  {label}  (seed {seed})", flush=True)
                for note in notes:
                    print(_indent(note), flush=True)
                if reason:
                    print(_indent(reason, "      ! "), flush=True)
                done.append((outcome, f"{title}: {label}", seconds, reason))
                if results:
                    first = reason.strip().splitlines()[0] if reason.strip() else ""
                    with open(results, "a") as out:
                        out.write("\t".join((outcome, f"{title}: {label}", f"{seconds:.1f}", first)) + "\n")
    finally:
        with contextlib.suppress(Exception):
            shared.undo.close()
        shutil.rmtree(folder, ignore_errors=True)
    return done


def background(function, *arguments):
    """A thread whose exception is raised again by .result()."""
    class Running(threading.Thread):
        value = None
        error = None

        def run(self):
            try:
                self.value = function(*arguments)
            except BaseException as error:
                self.error = error

        def result(self, within=30):
            self.join(within)
            if self.is_alive():
                raise AssertionError(f"{function.__name__} did not end within {within} s")
            if self.error:
                raise self.error
            return self.value

    thread = Running(daemon=True)
    thread.start()
    return thread
