#!/usr/bin/env python3
"""bench-many.py COCOBOX SCENARIOS [N] - many guests at once against one, and what a waiting guest holds. Prints only."""
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

COCOBOX, SCENARIOS = sys.argv[1:3]
N = int(sys.argv[3]) if len(sys.argv) > 3 else 100
WAITING = """
name: waiting
summary: A container that waits.
pod:
  apiVersion: v1
  kind: Pod
  metadata: { name: waiting }
  spec:
    containers:
      - { name: waiting, image: "registry.local/hello:1", command: [/bin/sleep, "60"] }
images:
  registry.local/hello:1: { from: busybox }
expect: { outcome: completed }
"""


def cpu_and_wall(argv):
    """CPU seconds of the whole tree (perf counts those that nobody reaps too), and wall seconds."""
    perf = shutil.which("perf")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    p = subprocess.run(([perf, "stat", "-x,", "-e", "task-clock", "--"] if perf else []) + argv, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = re.search(r"^([0-9.]+),msec,task-clock", p.stderr, re.M)
    if found:
        return float(found[1]) / 1000, wall
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def bench_at_once():
    file = f"{SCENARIOS}/hello.yaml"
    cpu_and_wall([COCOBOX, "run", file])  # fixtures and test chain
    one = sorted(cpu_and_wall([COCOBOX, "run", file])[0] for _ in range(7))[3]
    cores = len(os.sched_getaffinity(0))
    ceiling = N * one / cores
    cpu, wall = cpu_and_wall([COCOBOX, "run", "--jobs", str(N), *[file] * N])
    print(f"bench: {N} guests at once on {cores} cores: {wall:.2f} s; {N} times one guest's CPU time / cores: "
          f"{ceiling:.2f} s; ratio {wall / ceiling:.2f} (goal 1.20); CPU per guest {cpu / N * 1000:.0f} ms, alone "
          f"{one * 1000:.0f} ms")


def tree(root):
    parents = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            text = pathlib.Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        parents[int(pid)] = (int(re.search(r"^PPid:\s+(\d+)", text, re.M)[1]), text)
    inside, grew = {root}, True
    while grew:
        grew = False
        for pid, (ppid, _) in parents.items():
            if pid not in inside and ppid in inside:
                inside.add(pid)
                grew = True
    return {pid: parents[pid][1] for pid in inside if pid in parents}


def bench_waiting():
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(WAITING)
        file.flush()
        p = subprocess.Popen([COCOBOX, "run", file.name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            rows = [(re.search(r"^Name:\s+(\S+)", t, re.M)[1], re.search(r"^RssAnon:\s+(\d+)", t, re.M))
                    for t in tree(p.pid).values()]
            if any(name == "sleep" for name, _ in rows):
                break
            time.sleep(0.05)
        p.terminate()
        p.wait()
    guest = sum(int(rss[1]) for name, rss in rows if rss and name not in ("cocobox", "cocobox-super"))
    host = sum(int(rss[1]) for name, rss in rows if rss and name == "cocobox")
    print(f"bench: a waiting guest: RssAnon {guest / 1024:.1f} MB in its processes (goal under 8), {host / 1024:.1f} MB in "
          f"cocobox with KBS, registry and PSP")


bench_at_once()
bench_waiting()
