"""Clients of one node that take what they can: crowd.py URL PID PHASE... prints a line of JSON for each phase.

grown: MiB that the node's memory grew at its height. slowest: seconds that the slowest new client waited, of those that
asked meanwhile; refused: how many of them were not answered 200. CROWD_ENTRIES of 1 MiB are there after `fill` (24).
"""
import concurrent.futures
import http.client
import json
import os
import resource
import socket
import sys
import threading
import time
import urllib.parse

url, pid = urllib.parse.urlsplit(sys.argv[1]), sys.argv[2]
address = (url.hostname, url.port)


def ask(method, path, body=None, token=None, timeout=60):
    connection = http.client.HTTPConnection(*address, timeout=timeout)
    fields = {"Connection": "close", **({"Authorization": f"Bearer {token}"} if token else {})}
    connection.request(method, path, json.dumps(body) if body else None, fields)
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, data


def ask_again(*arguments):
    """The answer of a node that is not too busy. One that is says so at once, and for how long it is depends on the machine."""
    end = time.monotonic() + 60
    while True:
        status, data = ask(*arguments)
        if status != 503 or time.monotonic() > end:
            return status, data
        time.sleep(0.1)


def account():
    key = json.loads(ask("POST", "/account/create")[1])["api_key"]
    return key, json.loads(ask("POST", "/account/login", {"api_key": key})[1])["session_token"]


def memory(what):
    return int(next(line for line in open(f"/proc/{pid}/status") if line.startswith(what)).split()[1]) / 1024


def measured(phase, paths):
    """Runs `phase` while new clients ask, one after the other."""
    open(f"/proc/{pid}/clear_refs", "w").write("5")
    before, over, waits, statuses = memory("VmRSS"), threading.Event(), [], []

    def newcomers():
        while not over.is_set() or len(waits) < 5:
            method, path, body = paths[len(waits) % len(paths)]
            begin = time.monotonic()
            for attempt in (1, 2):
                try:
                    status = ask(method, path, body, timeout=40)[0]
                except OSError as error:
                    status = str(error)
                    # Ended before anything was answered: whoever asks asks again, as browsers do. One that has just
                    # connected and said nothing yet looks like those that never will.
                    if attempt == 1 and isinstance(error, ConnectionError):
                        continue
                break
            statuses.append(status)
            waits.append(time.monotonic() - begin)
            time.sleep(0.05)

    asking = threading.Thread(target=newcomers)
    asking.start()
    try:
        kept = phase()
    finally:
        over.set()
        asking.join()
    bad = [status for status in statuses if status != 200]
    print(json.dumps({
        "phase": phase.__name__, "before": round(before), "grown": round(memory("VmHWM") - before),
        "slowest": round(max(waits), 2), "asked": len(waits), "refused": len(bad), "example": str(bad[:1])}), flush=True)
    return kept


def rude(count, text):
    """Connections that send as much of `text` as is taken, for some seconds, and read nothing."""
    connections = []
    for _ in range(count):
        try:
            connection = socket.socket()
            # What its side of the kernel takes is read by nobody either; little of it is enough.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(5)
            connection.connect(address)
        except OSError:
            continue
        connection.setblocking(False)
        connections.append([connection, text])
    end = time.monotonic() + 4
    while time.monotonic() < end:
        for entry in connections:
            try:
                entry[1] = entry[1][entry[0].send(entry[1]):]
            except OSError:
                pass
        time.sleep(0.05)
    return connections


entries = int(os.environ.get("CROWD_ENTRIES", "24"))
key, token = account()
login = ("POST", "/account/login", {"api_key": key})
health = ("GET", "/health", None)


def fill():
    data = "x" * 1040000
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = [pool.submit(ask, "POST", "/data/submit", {"label": "l", "data": data}, token) for _ in range(entries)]
        assert all(answer.result()[0] == 201 for answer in found)


def lists():
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        found = [pool.submit(ask_again, "GET", "/data/list?limit=100", None, token) for _ in range(80)]
        for answer in found:
            status, data = answer.result()
            assert status == 200 and len(json.loads(data)["entries"]) == min(entries, 100), (status, data[:200])


def pages():
    top = newest()
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        found = [pool.submit(ask_again, "GET", f"/chain?limit=100&from={top - i % entries}") for i in range(80)]
        for answer in found:
            assert answer.result()[0] == 200, answer.result()


def unread_health():
    return rude(1024, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" * 2000)


def newest():
    return json.loads(ask("GET", "/health")[1])["latest_block"]


def unread_pages():
    return rude(20, f"GET /chain?limit=100&from={newest() - entries // 2} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 40)


def ten_thousand():
    return rude(10000, b"GET /health HTTP/1.1\r\n")


resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
kept = []
for name in sys.argv[3:]:
    if name == "fill":
        fill()
    elif name == "hold":
        # Whoever started this stops the node meanwhile.
        time.sleep(60)
    else:
        paths = [login, health, ("GET", "/chain?limit=1", None)] if name != "unread_health" else [health]
        kept.append(measured(globals()[name], paths))
        if name == "ten_thousand":
            kept.pop()
