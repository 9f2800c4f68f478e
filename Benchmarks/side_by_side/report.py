"""The result as a Markdown document that is also readable on a terminal. Names the machine, never its name or paths."""
import datetime
import os
import platform
import re
import subprocess

from . import latency, rounds, volumes

MIB = 1 << 20


PREAMBLE = """# Benchmarks

Written by `./run bench archive` on {date}. {rounds} all contenders in each; medians of the times, largest
peaks. Before each backup begins, the volume is in the page cache and earlier writes are on disk. goud's times include
making the archive durable (fsync) and, unless `--no-verify` is given, reading all of it again; the others do neither.
*Snapshot* is `goud volume inspect`: a consistent view, opened. *Peak* is the resident memory of the largest process. *Again* is the same backup with nothing changed. *By
hand* is the restore of the same archive with `tar -xf` and `sha256sum -c` alone.

`db_bench` repeats its values after 1 MiB. A compressor that looks back further than that (zstd from level 2 on) finds a
repetition that real data does not have, and its sizes here flatter it."""


def render(options, sections, latencies):
    date = datetime.datetime.now(datetime.timezone.utc).date()
    parts = [
        PREAMBLE.format(date=date, rounds="One round," if options.runs == 1 else f"{options.runs} rounds,"),
        table(["machine", ""], machine()),
        table(["tool", "version"], versions(options.goud)),
        *(section(volume, results) for volume, results in sections),
    ]
    if latencies:
        parts.append(latency_section(options, latencies))
    return "\n\n".join(parts) + "\n"


def section(volume, results):
    baseline = next((r for r in results if r.contender.name == "guide's pipeline, pigz" and r.backups), None)
    rows = [row(result, baseline) for result in results]
    heading = f"## {volumes.HEADINGS[volume.kind]}\n\n{volume.values:,} values of 1 KiB by `db_bench"
    heading += f" {volumes.KINDS[volume.kind]}`; {volume.size / 1e6:,.0f} MB on disk"
    heading += f", {volume.tables:,} tables." if volume.tables else "."
    return f"{heading}\n\n" + table(
        ["contender", "snapshot", "backup", "× guide", "peak", "size", "again", "restore", "peak", "restore does", "by hand"], rows)


def row(result, baseline):
    if result.fault:
        return [result.contender.name, f"failed: {printable(result.fault)}"] + [""] * 9
    backup = rounds.median_seconds(result.backups)
    times = f"{rounds.median_seconds(baseline.backups) / backup:.1f}" if baseline else ""
    return [
        result.contender.name, seconds(rounds.median_seconds(result.looks)), seconds(backup), times, mebibytes(rounds.peak(result.backups)),
        f"{result.size / 1e6:,.0f} MB", seconds(rounds.median_seconds(result.agains)),
        seconds(rounds.median_seconds(result.restores)), mebibytes(rounds.peak(result.restores)),
        result.contender.restore_name, seconds(rounds.median_seconds(result.by_hands)),
    ]


LATENCY = """## What the writer feels

A process writes {rate:,} values of 1 KiB a second into its RocksDB. Quiet windows and backups take turns, {runs} of
each. No write failed unless a row says so. The first row is the measurement's own noise."""


def latency_section(options, latencies):
    headings = ["backup", "writer", "p50 before", "p50 during", "p99 before", "p99 during", "p99 ratio", "writes"]
    rows = [latency_row(one) for one in latencies]
    return LATENCY.format(rate=latency.RATE, runs=options.runs) + "\n\n" + table(headings, rows)


def latency_row(one):
    if one.fault or not one.before or not one.during:
        return [one.backup, one.syncs, f"failed: {printable(one.fault or 'no writes seen')}"] + [""] * 5
    quiet, busy = ([latency.percentile(d, share) for share in (0.5, 0.99)] for d in (one.before, one.during))
    return [
        one.backup, one.syncs, milliseconds(quiet[0]), milliseconds(busy[0]), milliseconds(quiet[1]),
        milliseconds(busy[1]), f"{busy[1] / max(quiet[1], 1):.2f}", f"{len(one.during):,}"]


def table(headings, rows):
    rows = [headings, *rows]
    widths = [max(len(str(r[column])) for r in rows) for column in range(len(headings))]
    lines = ["| " + " | ".join(str(cell).ljust(width) for cell, width in zip(r, widths)) + " |" for r in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def seconds(value):
    return "—" if value is None else f"{value:.2f} s"


def mebibytes(value):
    return "—" if value is None else f"{value / MIB:.0f} MiB"


def milliseconds(microseconds):
    return f"{microseconds / 1000:.2f} ms"


def printable(text):
    """One line without the scratch directory's path."""
    return re.sub(r"/\S*goud-bench-\w+", "…", text).replace("|", "/").replace("\n", " ")[:160]


def machine():
    with open("/proc/cpuinfo") as info:
        model = next((line.split(":", 1)[1].strip() for line in info if line.startswith("model name")), "unknown")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return [
        ["processor", model], ["cores", len(os.sched_getaffinity(0))], ["memory", f"{memory / (1 << 30):.0f} GiB"],
        ["kernel", platform.release().split("-")[0]], ["system", first_line("sed -n 's/^PRETTY_NAME=//p' /etc/os-release")],
    ]


def versions(goud):
    commands = {
        "tar": "tar --version", "gzip": "gzip --version", "pigz": "pigz --version", "igzip": "igzip --version",
        "zstd": "zstd --version", "restic": "restic version", "borg": "borg --version", "ldb, db_bench": "ldb --version",
    }
    if goud:
        commands["goud"] = f"'{goud}' --version"
    return [[tool, number(first_line(command))] for tool, command in commands.items()]


def first_line(command):
    done = subprocess.run(["bash", "-c", f"{command} 2>&1"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return (done.stdout.splitlines() or ["not found"])[0].strip('"')


def number(text):
    found = re.search(r"\d+(\.\d+)+", text)
    return found[0] if found else text
