#!/usr/bin/env python3
"""test-run.py COCOBOX CASE - `cocobox run` as its users see it: exit codes, bad input, and nothing left behind.

COCOBOX_CACHE names the folder of image fixtures and test chains that all cases share. Every case works in a scratch folder of its own and must leave the host as it found it: no process of the run,
no mount, no network namespace, no temporary file.
"""
import json
import os
import pathlib
import random
import select
import signal
import subprocess
import sys
import tempfile
import time

COCOBOX = sys.argv[1]
SCENARIOS = str(pathlib.Path(__file__).resolve().parents[2] / "scenarios")
SKIP = 77

SLEEPER = """
name: sleeper
summary: A container that sleeps, so that something can happen to it.
{more}
pod:
  apiVersion: v1
  kind: Pod
  metadata: {{ name: sleeper }}
  spec:
    containers:
      - {{ name: sleeper, image: "registry.local/hello:1", command: [/bin/sh, -c, "echo asleep; sleep 300"] }}
images:
  registry.local/hello:1: {{ from: busybox }}
expect: {expect}
"""

HELLO = SLEEPER.replace("echo asleep; sleep 300", "echo awake")


class Scratch:
    def __init__(self):
        self.dir = tempfile.TemporaryDirectory(prefix="cocobox-test-")
        self.path = pathlib.Path(self.dir.name)
        (self.path / "tmp").mkdir()

    def scenario(self, text=SLEEPER, expect="{ outcome: completed }", more="", name="s.yaml"):
        file = self.path / name
        file.write_text(text.format(expect=expect, more=more))
        return str(file)

    def start(self, *args, **kw):
        env = dict(os.environ, TMPDIR=str(self.path / "tmp"))
        return subprocess.Popen([COCOBOX, *args], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                stdin=subprocess.DEVNULL, **kw)

    def run(self, *args, timeout=60, **kw):
        p = self.start(*args, **kw)
        out, err = p.communicate(timeout=timeout)
        return p.returncode, out.decode(errors="replace"), err.decode(errors="replace")


def processes():
    """pid -> (command name, is it a guest of the run) of everything that is not a kernel thread."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            status = pathlib.Path(f"/proc/{entry}/status").read_text()
            cmd = pathlib.Path(f"/proc/{entry}/cmdline").read_bytes()
        except OSError:
            continue
        fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        found[int(entry)] = (fields["Name"].strip(), fields["PPid"].strip(), cmd)
    return found


def descendants(root):
    """All living descendants of pid root, with their names."""
    table = processes()
    inside, grew = {root}, True
    while grew:
        grew = False
        for pid, (_, ppid, _) in table.items():
            if pid not in inside and int(ppid) in inside:
                inside.add(pid)
                grew = True
    return {pid: table[pid][0] for pid in inside if pid in table and pid != root}


def mounts():
    return pathlib.Path("/proc/self/mountinfo").read_text()


def assert_gone(pids, before_mounts, scratch, timeout=5):
    end = time.monotonic() + timeout
    while True:
        left = [p for p in pids if os.path.exists(f"/proc/{p}")
                and "State:\tZ" not in _status(p)]
        if not left or time.monotonic() > end:
            break
        time.sleep(0.02)
    assert not left, f"processes left: {[(p, _status(p).splitlines()[0]) for p in left]}"
    assert mounts() == before_mounts, "the list of mounts changed"
    files = list((scratch.path / "tmp").iterdir())
    assert not files, f"temporary files left: {files}"


def _status(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return "State:\tZ"


def events_until(p, name, outcome=None, timeout=30):
    """Reads JSON lines until an event; returns those read."""
    seen, end, buf = [], time.monotonic() + timeout, b""
    while time.monotonic() < end:
        ready, _, _ = select.select([p.stdout], [], [], 0.5)
        if not ready:
            continue
        chunk = os.read(p.stdout.fileno(), 65536)
        assert chunk, f"the run ended before {name}: {seen[-3:]} {p.stderr.read()!r}"
        buf += chunk
        while b"\n" in buf:
            line, buf = buf.split(b"\n", 1)
            seen.append(json.loads(line))
            if seen[-1].get("name") == name and (not outcome or seen[-1]["outcome"] == outcome):
                return seen
    raise AssertionError(f"{name} did not come")


def rest(p, timeout=30):
    out, err = p.communicate(timeout=timeout)
    return [json.loads(line) for line in out.splitlines() if line.startswith(b"{")], err.decode()


def await_child(p, name, timeout=20):
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        for pid, who in descendants(p.pid).items():
            if who == name[:15]:
                return pid
        time.sleep(0.01)
    raise AssertionError(f"no process {name} among {descendants(p.pid)}")


# ---- cases ----

def case_exit_codes():
    s = Scratch()
    before = mounts()
    rc, out, _ = s.run("run", s.scenario(HELLO))
    assert rc == 0 and "PASS sleeper" in out, out
    rc, out, _ = s.run("run", s.scenario(HELLO, "{ outcome: completed, exit_code: 3 }"))
    assert rc == 1 and "container.exit-code" in out, out
    rc, out, _ = s.run("run", s.scenario(HELLO, more="needs: [snp]"))
    if os.path.exists("/sys/module/kvm_amd/parameters/sev_snp"):
        assert rc in (0, 77)
    else:
        assert rc == 77 and "SKIP sleeper" in out, (rc, out)
    assert s.run("run")[0] == 2
    assert s.run("nonsense")[0] == 2
    assert s.run("run", "--no-such-option", "x")[0] == 2
    assert_gone([], before, s)


def case_bad_input():
    s = Scratch()
    for text, wants in [
        (HELLO + "\nbogus: 1\n", ["s.yaml:", "unknown key 'bogus'"]),
        (HELLO.replace("from: busybox", "form: busybox"), ["s.yaml:13", "did you mean 'from'"]),
        (HELLO.replace("kind: Pod", "kind: 3"), ["s.yaml:7", "'kind'"]),
        (HELLO.replace("from: busybox", "from: ./none"), ["s.yaml:13", "none"]),
        (HELLO.replace("images:", "images"), ["s.yaml:"]),
        ("name: [", ["s.yaml:"]),
        ("", ["s.yaml"]),
    ]:
        rc, _, err = s.run("run", s.scenario(text))
        assert rc == 2, (rc, err)
        assert all(w in err for w in wants), (wants, err)
    rc, _, err = s.run("run", str(s.path / "missing.yaml"))
    assert rc == 2 and "missing.yaml" in err, err
    empty = s.path / "empty"
    empty.mkdir()
    rc, _, err = s.run("run", str(empty))
    assert rc == 2 and "no scenario" in err, err
    layout = s.path / "layout"
    layout.mkdir()
    (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (layout / "index.json").write_text('{"schemaVersion":2,"manifests":[{"mediaType":')
    rc, _, err = s.run("run", s.scenario(HELLO.replace("from: busybox", "from: ./layout")))
    assert rc == 3 and "index.json" in err, (rc, err)


def case_output_is_json():
    s = Scratch()
    rc, out, _ = s.run("run", "--json", s.scenario(HELLO))
    lines = [json.loads(line) for line in out.splitlines()]
    assert rc == 0 and lines[-1] == {"scenario": "sleeper", "verdict": "passed", "expected": "completed",
                                     "actual": "completed"}, lines[-1]
    assert {"create-peer-pod", "boot", "pull-image", "start-container", "teardown"} <= {
        e.get("phase") for e in lines}
    ids = [e for e in lines if e.get("name") == "machine" and e["outcome"] == "ok"][0]["details"]
    assert ids["id_mode"] in ("root", "subuid", "single"), ids


def case_same_seed_same_bytes():
    s = Scratch()
    file = os.path.join(SCENARIOS, "hello-encrypted.yaml")
    one, two, other = (s.run("run", "--json", "--seed", seed, file) for seed in ("a", "a", "b"))
    assert one[0] == two[0] == 0, one
    assert one[1] == two[1], "the same seed gave other bytes"
    assert one[1] != other[1], "another seed gave the same bytes"


def case_ordinary_user():
    if os.getuid() != 0:
        print("SKIP: this is an ordinary user: every other case shows it")
        return SKIP
    s = Scratch()
    os.chmod(s.path, 0o755)
    cache = s.path / "cache"
    cache.mkdir()
    file = s.scenario(HELLO)
    for path in (cache, s.path / "tmp"):
        os.chown(path, 54321, 54321)
    env = dict(os.environ, COCOBOX_CACHE=str(cache), TMPDIR=str(s.path / "tmp"))
    p = subprocess.run([COCOBOX, "run", "--json", file], env=env, user=54321, group=54321, extra_groups=[],
                       capture_output=True, timeout=120)
    if p.returncode == 3 and b"host.userns-forbidden" in p.stderr:
        print("SKIP: this host forbids user namespaces to ordinary users")
        return SKIP
    assert p.returncode == 0, (p.stdout[-600:], p.stderr)
    assert b'"id_mode":"single"' in p.stdout, p.stdout


def case_forbidden_user_namespaces():
    if os.getuid() != 0:
        print("SKIP: needs root to lower user.max_user_namespaces in a namespace")
        return SKIP
    s = Scratch()
    script = f"echo 0 > /proc/sys/user/max_user_namespaces && exec {COCOBOX} run {s.scenario(HELLO)}"
    p = subprocess.run(["unshare", "-U", "-r", "sh", "-c", script], capture_output=True, timeout=60)
    assert p.returncode == 3, (p.returncode, p.stderr)
    assert b"sysctl user.max_user_namespaces" in p.stderr and b"host.userns-forbidden" in p.stderr, p.stderr


def stop_with(sig, event, outcome=None):
    s = Scratch()
    before = mounts()
    p = s.start("run", "--json", s.scenario())
    events_until(p, event, outcome)
    pids = list(descendants(p.pid))
    p.send_signal(sig)
    lines, err = rest(p)
    assert p.returncode == 1, (p.returncode, err)
    assert lines[-1]["verdict"] == "failed", lines[-1]
    assert any(e.get("code") == "run.interrupted" for e in lines), lines
    assert_gone(pids + [p.pid], before, s)


def case_sigint_and_sigterm():
    for sig in (signal.SIGINT, signal.SIGTERM):
        for event, outcome in (("machine", "ok"), ("agent.create-sandbox", None), ("registry.blob", None),
                               ("agent.start-container", "begin")):
            stop_with(sig, event, outcome)


def case_kill_9_at_random_moments():
    rng = random.Random(os.environ.get("COCOBOX_TEST_SEED", "9"))
    for _ in range(int(os.environ.get("COCOBOX_TEST_KILLS", "12"))):
        s = Scratch()
        before = mounts()
        p = s.start("run", "--json", s.scenario(), start_new_session=True)
        moment = time.monotonic() + rng.uniform(0, 0.25)
        pids = set()
        while time.monotonic() < moment:
            pids |= set(descendants(p.pid))
            time.sleep(0.005)
        pids |= set(descendants(p.pid))
        p.kill()
        p.communicate()
        assert_gone(pids, before, s)


def case_kill_9_of_parallel_runs():
    s = Scratch()
    before = mounts()
    files = [s.scenario(name=f"s{i}.yaml") for i in range(6)]
    p = s.start("run", "--jobs", "6", *files)
    for _ in range(100):
        if sum(1 for n in descendants(p.pid).values() if n == "kata-agent") == 6:
            break
        time.sleep(0.05)
    pids = descendants(p.pid)
    assert sum(1 for n in pids.values() if n == "kata-agent") == 6, pids
    p.kill()
    p.communicate()
    assert_gone(pids, before, s)


def case_sigterm_of_parallel_runs():
    s = Scratch()
    before = mounts()
    files = [s.scenario(name=f"s{i}.yaml") for i in range(4)]
    p = s.start("run", "--json", "--jobs", "4", *files)
    await_child(p, "kata-agent")
    pids = list(descendants(p.pid))
    p.terminate()
    lines, err = rest(p)
    assert p.returncode == 1, (p.returncode, err)
    assert sum(1 for e in lines if "verdict" in e) == 4, lines
    assert_gone(pids + [p.pid], before, s)


def case_crash_of_any_part():
    for part in ("attestation-agent", "confidential-data-hub", "kata-agent", "api-server-rest", "cocobox-init",
                 "cocobox-machine", "cocobox-super", "crun", "sleep"):
        s = Scratch()
        before = mounts()
        p = s.start("run", "--json", s.scenario(), start_new_session=True)
        events_until(p, "agent.start-container", "begin")
        victim = await_child(p, part)
        await_child(p, "sleep")
        pids = list(descendants(p.pid))
        os.kill(victim, signal.SIGKILL)
        lines, err = rest(p)
        assert p.returncode == 1, (part, p.returncode, err)
        codes = [e.get("code") for e in lines if e.get("outcome") in ("failed", "refused")]
        assert codes and codes[0] is not None, (part, lines)
        assert_gone(pids + [p.pid], before, s)


def case_time_out():
    s = Scratch()
    before = mounts()
    file = s.scenario(expect="{ outcome: failed, phase: teardown, code: run.timeout }", more="timeout: 1s")
    rc, out, err = s.run("run", file)
    assert rc == 0 and "run.timeout" in out, (rc, out, err)
    assert_gone([], before, s)


def case_needs_nothing_outside():
    """Only loopback, the KBS and the registry are reachable from inside."""
    s = Scratch()
    text = HELLO.replace("echo awake", "cat /proc/net/route; wget -q -T 2 -O - http://192.0.2.1/ || echo unreachable; "
                                       "grep -c : /proc/net/dev")
    rc, out, _ = s.run("run", s.scenario(text, "{ outcome: completed, stdout_contains: [unreachable] }"))
    assert rc == 0, out
    lines = [line.split("| ", 1)[1] for line in out.splitlines() if "sleeper | " in line]
    assert lines[-1] == "1" and len(lines) == 3, lines  # a route table of its heading only, and no device but lo


CASES = {name[5:].replace("_", "-"): fn for name, fn in list(globals().items()) if name.startswith("case_")}

if __name__ == "__main__":
    if sys.argv[2] == "--list":
        print("\n".join(CASES))
        sys.exit(0)
    sys.exit(CASES[sys.argv[2]]() or 0)
