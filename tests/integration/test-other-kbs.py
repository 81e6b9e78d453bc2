#!/usr/bin/env python3
"""test-other-kbs.py COCOBOX KBS_LITE - cocobox run --kbs: scenarios against a KBS that is not the run's own."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

COCOBOX, KBS_LITE = (os.path.realpath(p) for p in sys.argv[1:3])
failures = []

SCENARIO = """
name: other
summary: A sample guest fetches an image key and a secret from another KBS.
guest: {{ tee: sample, retry_delay_ms: 1 }}
pod:
  apiVersion: v1
  kind: Pod
  metadata: {{ name: other }}
  spec:
    containers:
      - name: other
        image: "registry.local/hello:encrypted"
        command: [/bin/sh, -c, "wget -q -O - http://127.0.0.1:8006/cdh/resource/default/demo/secret"]
images:
  registry.local/hello:encrypted: {{ from: busybox, encrypt: {{ key: "kbs:///default/image/other" }} }}
kbs: {{ policy_set: {policy}, resources: {{ default/demo/secret: {{ text: "from the other KBS" }} }} }}
expect: {expect}
"""
COMPLETED = '{ outcome: completed, stdout_contains: ["from the other KBS"] }'


def check(what, good, why=""):
    print(("ok: " if good else "FAILED: ") + what + (f": {why}" if why and not good else ""), flush=True)
    if not good:
        failures.append(what)


def start(folder, name, server, admin):
    config = folder / name
    config.write_text(f'[http_server]\nsockets = ["127.0.0.1:0"]\n{server}\n[admin]\n{admin}\n[[plugins]]\nname = "resource"\n')
    process = subprocess.Popen([KBS_LITE, "-c", str(config)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    for line in process.stdout:
        if "listening on" in line:
            return process, line.split()[-1]
    return process, ""


def run(folder, *args, policy="allow-all", expect=COMPLETED):
    file = folder / "scenario.yaml"
    file.write_text(SCENARIO.format(policy=policy, expect=expect))
    done = subprocess.run([COCOBOX, "run", *args, str(file)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, timeout=100)
    return done.returncode, done.stdout


def main():
    folder = pathlib.Path(tempfile.mkdtemp())
    cert, tls_key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                    "/CN=kbs", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(tls_key), "-out", str(cert)], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    key, public = folder / "admin.pem", folder / "admin.pub"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(key)], check=True, stderr=subprocess.DEVNULL)
    subprocess.run(["openssl", "pkey", "-in", str(key), "-pubout", "-out", str(public)], check=True)
    closed = (f'authorization_mode = "AuthenticatedAuthorization"\n[admin.authentication.bearer_jwt]\nidentity_providers = [{{ public_key_uri = "{public}" }}]\n'
              '[admin.authorization.regex_acl]\nacls = [{ role = "admin", allowed_endpoints = "^/kbs/v0/.+$" }]')
    plain, url = start(folder, "plain.toml", "insecure_http = true", 'authorization_mode = "InsecureAllowAll"')
    tls, tls_url = start(folder, "tls.toml", f'certificate = "{cert}"\nprivate_key = "{tls_key}"', closed)
    try:
        status, out = run(folder, "--kbs", "http://127.0.0.1:1")
        check("a KBS that is not there is an error of the environment", status == 3 and "127.0.0.1:1" in out, out)
        check("--seed and --kbs do not go together", run(folder, "--kbs", url, "--seed", "x")[0] == 2)
        check("--kbs-cert alone is a mistake", run(folder, "--kbs-cert", str(cert))[0] == 2)
        status, out = run(folder, "--kbs", url)
        check("a guest is served by another KBS", status == 0, out)
        status, out = run(folder, "--kbs", url, policy="upstream",
                          expect="{ outcome: refused, phase: release-key, code: policy.sample-evidence, status: 401 }")
        check("its refusal is told, and what the wire hides is not compared", status == 0, out)
        status, out = run(folder, "--kbs", url, policy="deny-all", expect="{ outcome: completed }")
        check("a refusal that was not expected fails", status == 1 and "policy.denied" in out, out)
        status, out = run(folder, "--kbs", tls_url, "--kbs-cert", str(cert))
        check("an admin that it does not know is refused, with its words", status == 3 and "AdminAuthAccess" in out, out)
        status, out = run(folder, "--kbs", tls_url, "--kbs-admin-key", str(key))
        check("a certificate that is not trusted is an error of the environment", status == 3, out)
        status, out = run(folder, "--kbs", tls_url, "--kbs-cert", str(cert), "--kbs-admin-key", str(key))
        check("over HTTPS with an admin's key", status == 0, out)
    finally:
        for p in (plain, tls):
            p.terminate()
            p.wait()
        shutil.rmtree(folder)
    return 1 if failures else 0


sys.exit(main())
