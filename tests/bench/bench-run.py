#!/usr/bin/env python3
"""bench-run.py COCOBOX KBS_LITE SCENARIOS - wall time of whole runs, and what an idle kbs-lite holds. Prints only."""
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

COCOBOX, KBS_LITE, SCENARIOS = sys.argv[1:4]
ROUNDS = 21


def wall_ms(argv):
    start = time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return (time.perf_counter() - start) * 1000


def bench_runs():
    runs = {name: [COCOBOX, "run", f"{SCENARIOS}/{name}.yaml"] for name in ("hello", "hello-encrypted")}
    runs["cocobox --version"] = [COCOBOX, "--version"]
    for argv in runs.values():
        wall_ms(argv)  # fixtures and test chain are made now
    times = {name: [] for name in runs}
    for _ in range(ROUNDS):  # in turn, so that a busy machine is busy for all
        for name, argv in runs.items():
            times[name].append(wall_ms(argv))
    goals = {"hello": ", goal 60", "hello-encrypted": ", goal 90"}
    for name, t in times.items():
        print(f"bench: {name}: median {statistics.median(t):.1f} ms, best {min(t):.1f} ms of {ROUNDS}"
              f"{goals.get(name, '')}")


def bench_kbs_memory():
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder) / "kbs.toml"
        config.write_text('[http_server]\nsockets = ["127.0.0.1:0"]\ninsecure_http = true\n'
                          '[admin]\nauthorization_mode = "DenyAll"\n[[plugins]]\nname = "resource"\n')
        p = subprocess.Popen([KBS_LITE, "--config-file", str(config)], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True)
        try:
            for line in p.stdout:
                if "listening on" in line:
                    break
            status = pathlib.Path(f"/proc/{p.pid}/status").read_text()
        finally:
            p.terminate()
            p.wait()
    kib = {k: int(v) for k, v in re.findall(r"^(RssAnon|VmRSS):\s+(\d+) kB", status, re.M)}
    print(f"bench: kbs-lite idle: RssAnon {kib['RssAnon'] / 1024:.1f} MB (goal under 4), RSS "
          f"{kib['VmRSS'] / 1024:.1f} MB")


bench_runs()
bench_kbs_memory()
