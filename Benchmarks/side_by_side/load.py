"""Clients that submit entries as fast as they are acknowledged: wrk (Debian), one process for each node.

The clients share the processors with what they measure, so they are the leanest there are, and the same for every
contender.
"""
import json
import pathlib
import subprocess
import urllib.request

SCRIPT = pathlib.Path(__file__).with_name("submissions.lua")


def accounts(url, count):
    """Session tokens of new accounts at a node of goud."""
    tokens = []
    for _ in range(count):
        key = _post(f"{url}/account/create", {})["api_key"]
        tokens.append(_post(f"{url}/account/login", {"api_key": key})["session_token"])
    return tokens


def run(kind, urls, clients, seconds, size, tokens=None):
    """Every client waits for its answer before it sends again. `tokens`: for each url.

    Returns acknowledged entries per second, p50, p99 and the longest time in ms, and how many requests failed.
    """
    processes = []
    for index, url in enumerate(urls):
        connections = clients // len(urls) + (index < clients % len(urls))
        if connections:
            words = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s",
                     "--timeout", "30s", "--script", str(SCRIPT), url, "--", kind, str(size)]
            processes.append(subprocess.Popen(words + (tokens or {}).get(url, []), stdout=subprocess.PIPE, text=True))
    # All of them first: a pipe that nobody reads keeps no other waiting, the last line comes when the time is over.
    parts = [json.loads(process.communicate()[0].splitlines()[-1]) for process in processes]
    failed = sum(part["failed"] for part in parts)
    counts = sorted((value, count) for part in parts for value, count in part["latencies"])
    return {
        "per_second": sum((part["requests"] - part["failed"]) / part["seconds"] for part in parts),
        "p50_ms": _percentile(counts, 0.50), "p99_ms": _percentile(counts, 0.99),
        "max_ms": counts[-1][0] / 1000 if counts else 0.0, "failed": failed}


def _percentile(counts, share):
    """The smallest latency, in ms, that at least `share` of all requests did not exceed."""
    rest = share * sum(count for _, count in counts)
    for value, count in counts:
        rest -= count
        if rest <= 0:
            return value / 1000
    return 0.0


def _post(url, fields):
    request = urllib.request.Request(url, json.dumps(fields).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)
