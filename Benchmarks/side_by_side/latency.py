"""What the writer of a live database feels: how long its writes take before a backup, and while one runs."""
import dataclasses
import pathlib
import subprocess
import sys
import time

from . import contenders, measure

RATE = 1000  # writes per second, of 1 KiB
SYNCS = {"every 16th write synced": 16, "never synced": 0}

# The first row is the measurement's own noise. tar of a live database is no backup; it shows what reading costs.
BACKUPS = {
    "no backup at all": "sleep 2",
    "tar + zstd -1 -T2 (not consistent)": "tar -cf - -C $VOLUME . | zstd -q -1 -T2 > $OUT/backup.tar.zst || true",
    **{f"goud, {f}": contenders.CREATE.format(format=f) for f in ("gzip", "zstd", "none")},
}


@dataclasses.dataclass
class Latency:
    """Durations in microseconds, sorted."""

    backup: str
    syncs: str
    before: list
    during: list
    fault: str = ""


def percentile(durations, share):
    """The smallest duration that `share` of all durations do not exceed; None for no durations."""
    return durations[min(len(durations) - 1, int(len(durations) * share))] if durations else None


class Writer:
    """A goud-writer on a database of its own, filled first, then written at RATE until stopped."""

    def __init__(self, program, scratch, size_mib, sync_every):
        self.volume = scratch / "live_data"
        self.log = scratch / "latencies"
        self.volume.mkdir()
        values = min(size_mib, 512) * 1024
        model = [program, "write", self.volume / "rocksdb", "--oracle", scratch / "oracle",
                 "--slots", str(values), "--value-bytes", "1024"]
        subprocess.run([*model, "--operations", str(values), "--sync-every", "0"], check=True)
        self.process = subprocess.Popen(
            [*model, "--rate", str(RATE), "--sync-every", str(sync_every), "--latencies", self.log])

    def wait_until_it_writes(self):
        deadline = time.monotonic() + 60
        while not (self.log.exists() and self.log.stat().st_size):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise measure.Failed("the writer did not start")
            time.sleep(0.05)

    def durations(self, windows):
        """Of the writes that began within one of the (start, end) windows, in microseconds since 1970."""
        with open(self.log) as lines:
            writes = [tuple(map(int, line.split())) for line in lines if line.endswith("\n")]
        return sorted(d for start, d in writes if any(a <= start < b for a, b in windows))

    def stop(self):
        """Ends the writer and removes its database. Returns the status it had ended with before, None if it wrote on."""
        status = self.process.poll()
        self.process.kill()
        self.process.wait()
        for path in (self.volume, self.log, self.log.parent / "oracle"):
            measure.remove(path)
        return status


def now():
    return time.time_ns() // 1000


def measure_one(options, scratch: pathlib.Path, backup, syncs):
    """Quiet and backup windows take turns, `--runs` times, so that a compaction does not hit one side only."""
    print(f"writer's latency, {syncs}: {backup}", file=sys.stderr)
    writer = Writer(options.writer, scratch, options.size_mb, SYNCS[syncs])
    latency = Latency(backup, syncs, [], [])
    quiet, busy = [], []
    try:
        writer.wait_until_it_writes()
        for _ in range(options.runs):
            begin = now()
            time.sleep(options.latency_seconds)
            quiet.append((begin, now()))
            while now() < quiet[-1][1] + options.latency_seconds * 1_000_000:
                busy.append(back_up(BACKUPS[backup], writer.volume, scratch, options.goud))
        time.sleep(0.5)  # the writer's log is written in pieces
        latency.before, latency.during = writer.durations(quiet), writer.durations(busy)
    except measure.Failed as fault:
        latency.fault = str(fault)
    if (status := writer.stop()) is not None:
        latency.fault = latency.fault or f"the writer ended by itself with exit {status}"
    return latency


def back_up(command, volume, scratch, goud):
    """Runs one backup into a fresh directory. Returns the window in which it ran."""
    out, home = scratch / "out", scratch / "home"
    out.mkdir()
    begin = now()
    try:
        measure.run(command, {"VOLUME": str(volume), "OUT": str(out), "GOUD_HOME": str(home), "GOUD": goud or ""})
        return begin, now()
    finally:
        measure.remove(out)


def all_of(options, scratch):
    backups = [b for b in BACKUPS if options.goud or not b.startswith("goud")]
    return [measure_one(options, scratch, backup, syncs) for syncs in SYNCS for backup in backups]
