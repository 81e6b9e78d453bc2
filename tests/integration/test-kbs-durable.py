#!/usr/bin/env python3
"""test-kbs-durable.py KBS_LITE CASE - what an admin was told is stored stays stored: kill -9 at any moment, several
writers, several brokers on one folder; and configuration in its three notations."""
import base64
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

KBS_LITE, CASE = sys.argv[1:3]
ROUNDS, WRITERS = 12, 4
failures = []


def check(what, good, why=""):
    print(("ok: " if good else "FAILED: ") + what + (f": {why}" if why and not good else ""), flush=True)
    if not good:
        failures.append(what)


def config_of(folder, **more):
    return {"http_server": {"sockets": ["127.0.0.1:0"], "insecure_http": True},
            "admin": {"authorization_mode": "InsecureAllowAll"},
            "plugins": [{"name": "resource", "storage_backend_type": "kvstorage"}],
            "storage_backend": {"storage_type": "LocalFs", "backends": {"local_fs": {"dir_path": str(folder / "store")}}}, **more}


def start(path, *args):
    process = subprocess.Popen([KBS_LITE, "--config-file", str(path), *args], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    for line in process.stdout:
        if "listening on" in line:
            return process, line.split("//")[1].strip()
    process.wait()
    return process, ""


def post(host, path, body):
    connection = http.client.HTTPConnection(host, timeout=10)
    try:
        connection.request("POST", path, body)
        return connection.getresponse().status
    finally:
        connection.close()


def text_of(writer, number):
    return f"writer {writer} number {number} ".encode() + b"x" * (number * 37 % 4000) + b" end"


class Writer(threading.Thread):
    """Writes numbered values until the broker is gone; knows what was acknowledged and what was on its way."""

    def __init__(self, host, number, first):
        super().__init__(daemon=True)
        self.host, self.number, self.acked, self.sent = host, number, {}, {}
        self.next = first

    def run(self):
        while True:
            number, kind = self.next, self.next % 3
            self.next += 1
            name = f"w{self.number}-{number % 7}"
            if kind == 0:
                path, body = f"/kbs/v0/resource/default/durable/{name}", text_of(self.number, number)
                key = f"repository/default\\x2Fdurable\\x2F{name}"
            elif kind == 1:
                value = base64.b64encode(json.dumps({name: [number]}).encode()).decode()
                path, body = "/kbs/v0/reference-value", json.dumps({"type": "sample", "payload": value}).encode()
                key = f"reference_value/{name}"
            else:
                policy = f"package policy\n# {self.number} {number}\ndefault allow = false\n"
                text = base64.urlsafe_b64encode(policy.encode()).decode().rstrip("=")
                path, body = "/kbs/v0/attestation-policy", json.dumps({"policy_id": name, "policy": text}).encode()
                key = f"attestation_service_policy/{name}.rego"
            self.sent.setdefault(key, []).append(number)
            try:
                if post(self.host, path, body) != 200:
                    return
            except OSError:
                return
            self.acked[key] = number


def number_in(key, data):
    if key.startswith("repository/"):
        writer, number = int(data.split()[1]), int(data.split()[3])
        return number if data == text_of(writer, number) else None
    if key.startswith("reference_value/"):
        return json.loads(data)["value"][0]
    return int(data.split(b"\n")[1].split()[2])


def case_kill(folder):
    config = folder / "kbs.json"
    config.write_text(json.dumps(config_of(folder)))
    store, lost, torn, acked = folder / "store", [], [], 0
    first = 0
    for _ in range(ROUNDS):
        process, host = start(config)
        writers = [Writer(host, i, first) for i in range(WRITERS)]
        for w in writers:
            w.start()
        threading.Event().wait(random.uniform(0.02, 0.25))
        process.send_signal(signal.SIGKILL)
        process.wait()
        for w in writers:
            w.join()
            first = max(first, w.next)
            acked += len(w.acked)
            for key, number in w.acked.items():
                file = store / key
                got = number_in(key, file.read_bytes()) if file.exists() else None
                if got is None or got < number or got not in w.sent[key]:
                    lost.append((key, number, got))
    check(f"{acked} acknowledged writes survive {ROUNDS} kills", acked > ROUNDS and not lost, str(lost[:5]))
    process, host = start(config)
    for file in store.rglob("*"):
        if not file.is_file():
            continue
        if file.name.startswith("."):
            torn.append(file.name)
        elif (file.stat().st_mode & 0o777) != 0o600:
            torn.append(f"{file.name} has mode {file.stat().st_mode:o}")
    check("no half-written file is left after the next start, all are 0600", not torn, str(torn[:5]))
    check("and it serves", post(host, "/kbs/v0/resource/default/durable/after", b"x") == 200)
    process.terminate()
    process.wait()


def case_two_brokers(folder):
    """Two brokers on one folder (as two replicas on one volume): nobody's write is lost, nobody sweeps the other's."""
    config = folder / "kbs.json"
    config.write_text(json.dumps(config_of(folder)))
    (one, first), (two, second) = start(config), start(config)
    statuses = []

    def write(host, who):
        for i in range(60):
            statuses.append(post(host, f"/kbs/v0/resource/default/two/{who}-{i}", text_of(0, i)))

    threads = [threading.Thread(target=write, args=a) for a in ((first, "a"), (second, "b"), (first, "c"))]
    for t in threads:
        t.start()
    third, _ = start(config)  # starts while the others write
    for t in threads:
        t.join()
    check("every write is acknowledged", set(statuses) == {200}, str(set(statuses)))
    files = list((folder / "store" / "repository").glob("default*two*"))
    check("and there", len(files) == 180, str(len(files)))
    for p in (one, two, third):
        p.terminate()
        p.wait()


def case_config(folder):
    sections = config_of(folder)
    (folder / "kbs.json").write_text(json.dumps(sections))
    (folder / "kbs.yaml").write_text(json.dumps(sections, indent=1))  # YAML holds JSON
    (folder / "kbs.toml").write_text(
        '[http_server]\nsockets = ["127.0.0.1:0"]\ninsecure_http = true\n[admin]\nauthorization_mode = "InsecureAllowAll"\n'
        '[[plugins]]\nname = "resource"\nstorage_backend_type = "kvstorage"\n')
    for name in ("kbs.json", "kbs.yaml", "kbs.toml"):
        process, host = start(folder / name, "--strict-config")
        check(f"{name} starts with --strict-config", bool(host) and post(host, "/kbs/v0/resource/a/b/c", b"x") == 200)
        process.terminate()
        process.wait()
    for what, change in (("http_server.worker_count", {"http_server": dict(sections["http_server"], worker_count=2)}),
                         ("session_storage_type", {"session_storage_type": "Memory"}),
                         ("attestation_token.trusted_certs_paths", {"attestation_token": {"trusted_certs_paths": []}}),
                         ("plugin 'sample'", {"plugins": sections["plugins"] + [{"name": "sample"}]}),
                         ("plugins.storage_backend_type", {"plugins": [{"name": "resource", "storage_backend_type": "Aliyun"}]}),
                         ("plugins.type", {"plugins": [dict(sections["plugins"][0], type="LocalFs")]}),
                         ("attestation_service.type", {"attestation_service": {"type": "coco_as_grpc"}}),
                         ("nonsense", {"nonsense": 1})):
        (folder / "odd.json").write_text(json.dumps({**sections, **change}))
        process, host = start(folder / "odd.json")
        process.terminate()
        text = process.communicate()[1]
        check(f"{what} without effect is a warning that names it", bool(host) and what in text and "no effect" in text, text)
        process, host = start(folder / "odd.json", "--strict-config")
        text = process.communicate()[1]
        check(f"{what} without effect is an error with --strict-config", process.returncode == 2 and what in text, text)
    for name, text in (("bad.json", "{"), ("bad.yaml", "a: [\n"), ("bad.yml", "a: b: c\n"), ("bad.toml", "x = [")):
        (folder / name).write_text(text)
        done = subprocess.run([KBS_LITE, "-c", str(folder / name)], stderr=subprocess.PIPE, text=True, check=False)
        check(f"{name} is refused and named", done.returncode == 2 and name in done.stderr, done.stderr)
    (folder / "admin.json").write_text(json.dumps({**sections, "admin": {"authorization_mode": "DenyAll", "typo": 1}}))
    done = subprocess.run([KBS_LITE, "-c", str(folder / "admin.json")], stderr=subprocess.PIPE, text=True, check=False)
    check("an unknown key under [admin] is always an error", done.returncode == 2 and "typo" in done.stderr, done.stderr)
    (folder / "era.json").write_text(json.dumps({**sections, "cocobox": {"era": "0.8"}}))
    done = subprocess.run([KBS_LITE, "-c", str(folder / "era.json")], stderr=subprocess.PIPE, text=True, check=False)
    check("an unknown era is refused", done.returncode == 2 and "0.8" in done.stderr, done.stderr)


def case_private(folder):
    config = folder / "kbs.json"
    config.write_text(json.dumps(config_of(folder)))
    process, _ = start(config)
    limits = pathlib.Path(f"/proc/{process.pid}/limits").read_text()
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    check("there is no core dump", core.split()[4] == "0", core)
    process.send_signal(signal.SIGABRT)
    check("not even of a crash", process.wait() == -signal.SIGABRT and not list(pathlib.Path.cwd().glob("core*")))
    check("folders of the store are 0700", all((d.stat().st_mode & 0o777) == 0o700 for d in [folder / "store", *(folder / "store").iterdir()]))


def main():
    folder = pathlib.Path(tempfile.mkdtemp())
    os.chdir(folder)
    try:
        globals()["case_" + CASE.replace("-", "_")](folder)
    finally:
        os.chdir("/")
        shutil.rmtree(folder)
    return 1 if failures else 0


KBS_LITE = os.path.realpath(KBS_LITE)
sys.exit(main())
