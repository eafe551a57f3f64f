"""Which tests are there, which variants does each run as, and what is the outcome?

A test is a function marked with @test("a sentence"). It gets a Context: a temporary folder, a random generator whose seed
is printed, a list of clean-up steps that always run, and its variant (threads, build of lictor). A test runs once for
each variant. Things that are slow to start (a Consul cluster) are shared by the tests of one file: ctx.shared(...).
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
    """Raised by a test that cannot run here; the text is the reason."""


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


# Answers are tested with both thread counts, one of them under the sanitizers. Times are measured with the release build
# only. --long runs every combination.
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
    """Marks a test. `within`: its time limit in seconds. `namespace`: it runs in its own network and mount namespace."""
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
        """A measured value or a version, printed below the test's line."""
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
        """Calls `make(shared_context)` once for each test file; its clean-up runs after the file's last test."""
        return self._shared.get(key, make)


class Shared:
    """The state that the tests of one file share."""

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
    os.chmod(folder, 0o755)      # lictor drops root and must still read its files
    return folder


def _run_body(case, variant, settings, shared, seed):
    """Returns (outcome, reason, notes)."""
    folder = _make_folder()
    ctx = Context(variant, settings, shared, folder, seed)
    signal.signal(signal.SIGALRM, _alarm)
    signal.alarm(case.within * 3)       # a bound for a test that hangs; on a busy machine one needs longer
    outcome, reason = _outcome(lambda: case.function(ctx), case)
    signal.alarm(30)
    # Clean-up may fail the test, too: it checks lictor's exit code and the sanitizers.
    undone, why = _outcome(ctx.undo.close, case)
    signal.alarm(0)
    if undone == "FAILED":
        reason = f"{reason}\nand in the clean-up: {why}" if outcome == "FAILED" else why
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
        return "FAILED", f"{str(wrong) or 'assertion failed:'}\n" + _where(wrong.__traceback__)
    except Exception:                       # an error of the test or of the machine fails the test, too
        return "FAILED", traceback.format_exc()


def _where(trace):
    frames = [frame for frame in traceback.extract_tb(trace) if "/e2e/test_" in frame.filename or "/tests/portable/" in frame.filename]
    return "\n".join(f"  at {os.path.basename(f.filename)}:{f.lineno}: {f.line}" for f in frames[-3:])


def _run_in_namespace(case, variant, settings, seed):
    """Runs a test in a child that has its own network (loopback only) and mounts. It shares nothing with other tests."""
    from . import namespace
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        result = ("FAILED", "the child process failed", [])
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
            result = ("FAILED", "the child process ended without a result", [])
    os.waitpid(child, 0)
    return result


def _indent(text, by="      "):
    return "\n".join(by + line for line in text.splitlines())


def _variants(case, settings):
    variants = case.variants
    if settings["long"] and variants in (BOTH, TIMED):
        variants = ALL if variants is BOTH else TIMED
    if settings["build"] == "tsan":
        # Like the other sanitizers: of several threads, and where no time is measured.
        variants = [Variant(variant.threads, "tsan") for variant in variants if variant.build == "asan"]
    elif settings["build"]:
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
