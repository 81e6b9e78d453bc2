#!/usr/bin/env python3
"""Saved runs replay to the verdict the run had: test-replay.py COCOBOX SCENARIO...

Each scenario is run with --bundle; cocobox replay must refuse with the code the scenario expects in attest or release-key,
and accept where the run completed.
"""
import json
import pathlib
import subprocess
import sys
import tempfile


def main():
    cocobox, scenarios = sys.argv[1], sys.argv[2:]
    listed = json.loads(subprocess.run([cocobox, "list", "--json", *scenarios], capture_output=True, text=True, check=True).stdout)
    expected = {row["name"]: row["expected"] for row in listed}
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run([cocobox, "run", "--bundle", folder, "--seed", "1", "-k", *scenarios], capture_output=True, text=True)
        if run.returncode == 3 or "skipped" in run.stdout and "passed" not in run.stdout:
            print("SKIP: scenarios cannot run here:", run.stderr[-300:])
            sys.exit(77)
        for name, want in expected.items():
            done = subprocess.run([cocobox, "replay", "--json", str(pathlib.Path(folder) / name)], capture_output=True, text=True)
            again = subprocess.run([cocobox, "replay", "--json", str(pathlib.Path(folder) / name)], capture_output=True, text=True)
            got = json.loads(done.stdout) if done.stdout else {"verdict": done.stderr}
            good = got.get("code", "none") in want if want.startswith("refused") else got["verdict"] == "accepted"
            good = good and done.stdout == again.stdout and done.returncode == (0 if got["verdict"] == "accepted" else 1)
            if not good:
                wrong += 1
                print(f"{name}: expected {want}, replay says {got['verdict']} {got.get('code', '')} (exit {done.returncode})")
    print(f"{len(expected) - wrong} of {len(expected)} saved runs replay to their verdict")
    sys.exit(1 if wrong else 0)


main()
