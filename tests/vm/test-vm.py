#!/usr/bin/env python3
"""test-vm.py COCOBOX CASE [CLIENT...] - guests in QEMU: what their kernel offers, how they end, what is left.

COCOBOX_CACHE names the folder of the guest image and of fixtures. Ends with 77 where there is no QEMU or no vm backend.
"""
import errno
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

COCOBOX = sys.argv[1]
ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIP = 77

SLEEPER = """
name: sleeper
summary: A container in a guest that sleeps, so that something can happen to it.
timeout: {timeout}
guest: {{ cmdline: "{cmdline}" }}
pod:
  apiVersion: v1
  kind: Pod
  metadata: {{ name: sleeper }}
  spec:
    containers:
      - {{ name: sleeper, image: "registry.local/hello:1", command: [/bin/sh, -c, "{command}"] }}
images:
  registry.local/hello:1: {{ from: busybox }}
expect: {{ outcome: completed }}
"""


class Scratch:
    def __init__(self):
        self.dir = tempfile.TemporaryDirectory(prefix="cocobox-test-")
        self.path = pathlib.Path(self.dir.name)
        (self.path / "tmp").mkdir()

    def scenario(self, command="echo asleep; sleep 300", timeout="2m", cmdline="quiet"):
        file = self.path / "s.yaml"
        file.write_text(SLEEPER.format(command=command, timeout=timeout, cmdline=cmdline))
        return str(file)

    def start(self, *args):
        env = dict(os.environ, TMPDIR=str(self.path / "tmp"))
        return subprocess.Popen([COCOBOX, "run", "--backend", "vm", *args], env=env, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)

    def run(self, *args, timeout=240):
        p = self.start(*args)
        out, err = p.communicate(timeout=timeout)
        return p.returncode, out.decode(errors="replace"), err.decode(errors="replace")


def events(out):
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def check(ok, what):
    if not ok:
        raise AssertionError(what)


def equal(got, want, what):
    check(got == want, f"{what}: {got!r}, want {want!r}")


# ---- processes of one run: those of its supervisor's pid namespace ----

def pid_namespace(pid):
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return None


def members(namespace):
    return [int(p) for p in os.listdir("/proc") if p.isdigit() and pid_namespace(p) == namespace]


def supervisor_namespace(pid):
    """Of the run of this cocobox; None before its supervisor is there."""
    try:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return None
    for c in children:
        ns = pid_namespace(c)
        if ns and ns != pid_namespace(pid):
            return ns
    return None


def await_namespace(p):
    for _ in range(2000):
        ns = supervisor_namespace(p.pid)
        if ns or p.poll() is not None:
            return ns
        time.sleep(0.005)
    return None


def await_empty(namespace):
    for _ in range(1000):
        if not members(namespace):
            return []
        time.sleep(0.01)
    return [pathlib.Path(f"/proc/{p}/cmdline").read_bytes() for p in members(namespace)]


def mounts():
    return pathlib.Path("/proc/self/mountinfo").read_text()


# ---- cases ----

def guest_with_clients(scratch, clients):
    """A folder to put over the guest's root: the clients run before process-user-data does."""
    root = scratch.path / "root"
    bin_dir = root / "opt/cocobox/bin"
    bin_dir.mkdir(parents=True)
    real = pathlib.Path(os.environ.get("COCOBOX_GUEST_DIR", str(pathlib.Path(COCOBOX).parent / "sim/guest")))
    shutil.copy(real / "process-user-data", bin_dir / "process-user-data.real")
    lines = ["#!/usr/bin/sh"]
    for c in clients:
        shutil.copy(c, bin_dir / pathlib.Path(c).name)
        lines.append(f"/opt/cocobox/bin/{pathlib.Path(c).name}")
    lines.append('exec /opt/cocobox/bin/process-user-data.real "$@"')
    (bin_dir / "process-user-data").write_text("\n".join(lines) + "\n")
    (bin_dir / "process-user-data").chmod(0o755)
    return str(root)


def independent_clients():
    """Built from the kernel's header and documentation: they get reports through both interfaces."""
    s = Scratch()
    root = guest_with_clients(s, sys.argv[3:])
    rc, out, err = s.run("--json", "--guest-dir", root, s.scenario("true"))
    equal(rc, 0, f"exit code\n{out}\n{err}")
    by_name = {e["name"]: e.get("details", {}) for e in events(out) if "name" in e}
    launch = by_name["psp.launch"]
    d = by_name["client.sev-guest"]
    want = {
        "open": 0, "version0": errno.EINVAL, "unknown_ioctl": errno.ENOTTY, "unknown_exitinfo2": 0xFF,
        "null_request": errno.EINVAL, "null_exitinfo2": 0xFF, "bad_request": errno.EFAULT, "bad_response": errno.EFAULT,
        "bad_struct": errno.EFAULT, "report": 0, "report_exitinfo2": 0, "report_status": 0, "report_size": 1184,
        "padding": 0, "vmpl3": 0, "vmpl3_in_report": 3, "vmpl4": 0, "vmpl4_status": 0x16,
        "ext_no_room": errno.EIO, "ext_exitinfo2": 1 << 32, "ext": 0, "ext_odd_len": errno.EINVAL,
        "ext_long_len": errno.EINVAL, "ext_bad_address": errno.EFAULT,
        "key": 0, "key_again": 0, "key_other": 0, "key_is_some": 1, "key_same": 1, "key_differs": 1,
        "key_vmpl4": 0x16, "key_reserved_field": 0x16,
    }
    equal({k: d.get(k) for k in want}, want, "client.sev-guest")
    check(d["ext_need"] % 4096 == 0 and 0 < d["ext_need"] <= 0x4000, "certificates in whole pages")
    equal(d["ext_len_after"], d["ext_need"], "certs_len stays")
    guids = {"c0b406a4a80349529743" "3fb6014cd0ae", "4ab7b379bbac4fe4a02f05aef327c782", "63da758de6644564adc5f4b93be8accd"}
    check(d["ext_first_guid"] in guids, "first GUID of the table")
    report = bytes.fromhex(d["report_bytes"])
    equal(report[0x50:0x90], bytes(range(0xA0, 0xE0)), "REPORT_DATA")
    equal(report[0x90:0xC0].hex(), launch["measurement"], "MEASUREMENT")
    equal(report[0xC0:0xE0].hex(), launch["host_data"], "HOST_DATA")

    d = by_name["client.tsm"]
    want = {
        "mkdir": 0, "mkdir_again": errno.EEXIST, "mkdir_inside": errno.EPERM, "generation_0": 0,
        "outblob_first": -errno.EINVAL, "inblob_65": errno.EFBIG, "inblob_63": 0, "outblob_63": -errno.EINVAL,
        "inblob": 0, "generation": 2, "outblob": 1184, "outblob_same": 1, "floor": 0, "privlevel_4": errno.EINVAL,
        "privlevel_2": 0, "outblob_vmpl": 2, "read_inblob": -errno.EACCES, "rmdir": 0, "gone": errno.ENOENT,
        "provider": b"sev_guest\n".hex(),
    }
    equal({k: d.get(k) for k in want}, want, "client.tsm")
    check(d["auxblob"] > 1000 and d["aux_first_guid"] in guids, "auxblob is the certificate table")
    report = bytes.fromhex(d["report_bytes"])
    equal(report[0x50:0x90], bytes(range(0x30, 0x70)), "REPORT_DATA by TSM")
    equal(report[0x90:0xC0].hex(), launch["measurement"], "MEASUREMENT by TSM")


def cause_of(out):
    return [e for e in events(out) if e.get("outcome") == "failed"]


def kernel_panic():
    """A guest whose kernel panics is told with the last lines of its console, in the phase boot."""
    s = Scratch()
    rc, out, _ = s.run("--json", s.scenario(cmdline="quiet rdinit=/nonexistent init=/nonexistent"))
    equal(rc, 1, "exit code")
    first = cause_of(out)[0]
    equal((first["code"], first["phase"]), ("guest.crashed", "boot"), "root cause")
    check("panic" in first["message"] and "last lines of its console" in first["message"], first["message"])


def early_power_off():
    """A guest that switches itself off before its agent is up."""
    s = Scratch()
    root = s.path / "root/opt/cocobox/bin"
    root.mkdir(parents=True)
    (root / "process-user-data").write_text("#!/usr/bin/sh\nexec /usr/bin/busybox poweroff -f\n")
    (root / "process-user-data").chmod(0o755)
    rc, out, _ = s.run("--json", "--guest-dir", str(s.path / "root"), s.scenario())
    equal(rc, 1, "exit code")
    first = cause_of(out)[0]
    equal((first["code"], first["phase"]), ("guest.crashed", "boot"), "root cause")
    check("went off" in first["message"], first["message"])


def hang():
    """A guest that never gets up ends with the run's deadline, and nothing of it stays."""
    s = Scratch()
    root = s.path / "root/opt/cocobox/bin"
    root.mkdir(parents=True)
    (root / "process-user-data").write_text("#!/usr/bin/sh\nwhile :; do sleep 1000; done\n")
    (root / "process-user-data").chmod(0o755)
    before = mounts()
    p = s.start("--json", "--guest-dir", str(s.path / "root"), s.scenario(timeout="20s"))
    ns = None
    for _ in range(20000):  # the image is made first
        ns = supervisor_namespace(p.pid)
        if ns or p.poll() is not None:
            break
        time.sleep(0.005)
    out, _ = p.communicate(timeout=120)
    equal(p.returncode, 1, "exit code")
    check(cause_of(out.decode())[0]["code"] in ("run.timeout", "guest.timeout"), "root cause")
    equal(await_empty(ns), [], "processes left")
    equal(mounts(), before, "mounts")


def sigterm():
    """A signal while the container runs: exit 1, nothing left."""
    s = Scratch()
    p = s.start(s.scenario())
    ns = await_namespace(p)
    for line in p.stdout:
        if b"asleep" in line:
            break
    p.send_signal(signal.SIGTERM)
    p.communicate(timeout=60)
    equal(p.returncode, 1, "exit code")
    equal(await_empty(ns), [], "processes left")


def kill_9():
    """kill -9 of cocobox at random moments: no process, mount or file is left."""
    rounds = int(os.environ.get("ROUNDS", "8"))
    seed = int(os.environ.get("SEED", str(random.randrange(1 << 30))))
    print(f"seed {seed}, {rounds} rounds")
    rnd = random.Random(seed)
    before = mounts()
    for i in range(rounds):
        s = Scratch()
        p = s.start(s.scenario())
        ns = await_namespace(p)
        check(ns, "a supervisor")
        time.sleep(rnd.uniform(0, 6))
        p.kill()
        p.communicate()
        equal(await_empty(ns), [], f"processes left in round {i}")
        equal(os.listdir(s.path / "tmp"), [], f"files left in round {i}")
    equal(mounts(), before, "mounts")


def shell():
    """A guest that is kept can be looked into, and ends with its run."""
    s = Scratch()
    p = s.start("--keep", s.scenario("true"))
    ns = await_namespace(p)
    for line in p.stdout:
        if b"cocobox shell" in line:
            break
    pid = next(q for q in members(ns) if pathlib.Path(f"/proc/{q}/comm").read_text() == "cocobox-vm\n")
    done = subprocess.run([COCOBOX, "shell", str(pid)], input=b"echo $((6*7)) in $(hostname)\n", stdout=subprocess.PIPE,
                          timeout=60, check=False)
    equal(done.returncode, 0, "exit code of the shell")
    check(b"42 in sleeper" in done.stdout, done.stdout)
    p.send_signal(signal.SIGINT)
    p.communicate(timeout=60)
    equal(await_empty(ns), [], "processes left")
    done = subprocess.run([COCOBOX, "shell", str(pid)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
    equal(done.returncode, 3, "exit code without a guest")


def at_once():
    """Several guests at the same time."""
    n = int(os.environ.get("GUESTS", "4"))
    s = Scratch()
    file = s.scenario("echo done", timeout="5m")
    files = []
    for i in range(n):
        f = s.path / f"s{i}.yaml"
        shutil.copy(file, f)
        files.append(str(f))
    rc, out, err = s.run("--jobs", str(n), *files, timeout=600)
    equal(rc, 0, f"exit code\n{out}\n{err}")
    check(f"{n} passed" in out, out)


def large_image():
    """256 MB of guest memory are enough for an image of 64 MB unpacked, even one that cannot be compressed."""
    if not shutil.which("umoci"):
        print("SKIP: no umoci")
        sys.exit(SKIP)
    s = Scratch()
    layout = s.path / "layout"
    subprocess.run([ROOT / "scripts/make-image-fixture", "busybox", layout], check=True)
    big = s.path / "big"
    big.write_bytes(random.Random(1).randbytes(60 << 20))
    subprocess.run(["umoci", "insert", "--rootless", "--image", f"{layout}:busybox", big, "/big"], check=True)
    file = s.scenario("wc -c < /big")
    text = pathlib.Path(file).read_text().replace("from: busybox", f'from: "{layout}"')
    pathlib.Path(file).write_text(text)
    rc, out, err = s.run("--json", file)
    equal(rc, 0, f"exit code\n{out}\n{err}")
    check(str(60 << 20) in out, "the file is whole")


def same_image_twice():
    """Same inputs, same bytes."""
    s = Scratch()
    script = ROOT / "scripts/build-guest-image"
    programs = os.environ.get("COCOBOX_GUEST_DIR", str(pathlib.Path(COCOBOX).parent / "sim/guest"))
    sums = []
    for name in ("one", "two"):
        folder = subprocess.run([script, "--programs", programs, "--out", s.path / name], check=True,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.strip()
        m = json.loads((pathlib.Path(folder) / "manifest.json").read_text())
        sums.append((pathlib.Path(folder).name, m))
        check(m["bytes"] < 40 << 20, "under 40 MB")
    equal(sums[0], sums[1], "two builds")


CASES = {f.__name__.replace("_", "-"): f for f in
         (independent_clients, kernel_panic, early_power_off, hang, sigterm, shell, kill_9, at_once, large_image,
          same_image_twice)}


def main():
    if not any(shutil.which("qemu-system-x86_64", path=p) for p in (os.environ.get("PATH"), "/usr/bin", "/usr/libexec")):
        print("SKIP: no qemu-system-x86_64")
        sys.exit(SKIP)
    case = CASES[sys.argv[2]]
    try:
        case()
    except AssertionError as e:
        print(f"FAIL: {case.__doc__}\n{e}")
        sys.exit(1)
    print(f"ok: {case.__doc__}")


main()
