"""Runs a command and says how long it took and how much memory it held; a scratch directory that cleans up."""
import dataclasses
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time


@dataclasses.dataclass
class Cost:
    """seconds: wall clock. peak: largest resident set of any one process of the command, in bytes."""

    seconds: float
    peak: int


class Failed(Exception):
    """A command ended with a status other than 0; the message is its last words."""


def run(command, environment=None, bound=3600):
    """Runs `command` (a bash command line) in a session of its own and measures it.

    No expansion is split into words, so that a path with spaces stays one.
    `time` starts it, not this process: a child inherits its parent's peak, and python's is larger than `cp`'s.
    """
    with tempfile.NamedTemporaryFile("r") as peak, tempfile.TemporaryFile() as words:
        arguments = ["/usr/bin/time", "-q", "-f", "%M", "-o", peak.name, "bash", "-o", "pipefail", "-ec", f"IFS=; {command}"]
        begin = time.perf_counter()
        child = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=words, stderr=words, start_new_session=True,
            env={**os.environ, **(environment or {})})
        try:
            status = child.wait(bound)
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            raise
        seconds = time.perf_counter() - begin
        if status != 0:
            words.seek(0)
            raise Failed(f"exit {status}: " + " / ".join(words.read().decode(errors="replace").split("\n")[-4:-1]))
        return Cost(seconds, int(peak.read()) * 1024)


def settle(volume):
    """Lets earlier writes reach the disk and brings the volume into the page cache."""
    os.sync()
    for file in files(volume):
        with open(file, "rb", buffering=0) as source:
            while source.read(1 << 20):
                pass


def files(directory):
    """Regular files below `directory`; of a file, the file itself."""
    directory = pathlib.Path(directory)
    return [directory] if directory.is_file() else [f for f in directory.rglob("*") if f.is_file()]


def size(directory):
    return sum(file.stat().st_size for file in files(directory))


def remove(path):
    path = pathlib.Path(path)
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


class Scratch:
    """A private directory under $GOUD_BENCH_DIR, with room for `times` × `needed` bytes; gone on exit."""

    def __init__(self, needed, times):
        parent = os.environ.get("GOUD_BENCH_DIR") or tempfile.gettempdir()
        room = shutil.disk_usage(parent).free
        if room < needed * times:
            print(
                f"error: {room >> 20} MiB free, {needed * times >> 20} MiB needed\n"
                "hint: set GOUD_BENCH_DIR to a directory with more room, or pass a smaller --size-mb", file=sys.stderr)
            sys.exit(15)
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="goud-bench-", dir=parent))
        # ext4 searches long for a free inode where many were deleted within the last minute, as the rounds do. Marked
        # so, it puts every new directory, and what is made in it, somewhere else.
        subprocess.run(["chattr", "+T", self.path], stderr=subprocess.DEVNULL, check=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)
