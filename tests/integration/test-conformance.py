#!/usr/bin/env python3
"""test-conformance.py COCOBOX KBS_LITE FAKE_TEE CASE - the conformance suite against our key broker and against wrong ones.

Each case prints what it did and ends with 0 when all was as wanted."""
import base64
import http.client
import http.server
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import xml.etree.ElementTree as xml

COCOBOX, KBS_LITE, FAKE_TEE, CASE = sys.argv[1:5]
ERAS = ["0.9", "0.10", "0.11", "0.12", "0.13", "0.14", "0.15", "0.16", "0.17", "0.18", "0.19", "0.20", "0.21"]
WANTED_CHECKS = 150
failures = []


def check(what, good, why=""):
    print(("ok: " if good else "FAILED: ") + what + ("" if good or not why else f": {why}"), flush=True)
    if not good:
        failures.append(what)


class Kbs:
    """kbs-lite in a folder of its own."""

    def __init__(self, folder, era=None, tls=None, admin='authorization_mode = "InsecureAllowAll"', test_chain=None):
        server = (f'certificate = "{tls[0]}"\nprivate_key = "{tls[1]}"\n' if tls else "insecure_http = true\n")
        own = (f'era = "{era}"\n' if era else "") + (f'test_roots = "{test_chain}"\n' if test_chain else "")
        config = pathlib.Path(folder) / f"kbs-{era or 'newest'}.toml"
        config.write_text(f'[http_server]\nsockets = ["127.0.0.1:0"]\n{server}[admin]\n{admin}\n'
                          f'[[plugins]]\nname = "resource"\nstorage_backend_type = "kvstorage"\n[cocobox]\n{own}')
        self.errors = open(pathlib.Path(folder) / "kbs.err", "a", encoding="utf-8")
        self.process = subprocess.Popen([KBS_LITE, "--config-file", str(config)], stdout=subprocess.PIPE,
                                        stderr=self.errors, text=True)
        self.url = ""
        for line in self.process.stdout:
            if "listening on" in line:
                self.url = line.split()[-1]
                break

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()


def conformance(url, *more):
    """Runs the suite; (exit status, its report)."""
    done = subprocess.run([COCOBOX, "conformance", "kbs", "--url", url, "--json", *more], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    try:
        return done.returncode, json.loads(done.stdout)
    except json.JSONDecodeError:
        print(done.stdout, done.stderr)
        return done.returncode, {"checks": [], "passed": 0, "failed": -1, "skipped": 0}


def told(report):
    """The failed checks of a report, for a message."""
    return "; ".join(f"{c['number']} {c['rule']}: expected {c.get('expected')}, received {c.get('received')}"
                     for c in report["checks"] if c["outcome"] == "fail")[:2000]


def numbers(report, outcome):
    return {c["number"] for c in report["checks"] if c["outcome"] == outcome}


def case_list(_folder):
    done = subprocess.run([COCOBOX, "conformance", "kbs", "--list", "--json"], text=True, stdout=subprocess.PIPE, check=True)
    rows = json.loads(done.stdout)
    check(f"there are at least {WANTED_CHECKS} checks", len(rows) >= WANTED_CHECKS, str(len(rows)))
    check("no number is used twice", len({r["number"] for r in rows}) == len(rows))
    check("every check has a section and a rule", all(r["section"] and r["rule"] for r in rows))


def case_usage(_folder):
    for args, want in (([], 2), (["kbs"], 2), (["kbs", "--url", "ftp://x"], 2), (["kbs", "--url", "http://127.0.0.1:1"], 3),
                       (["kbs", "--url", "http://127.0.0.1:1", "--era", "0.8"], 2),
                       (["kbs", "--url", "http://127.0.0.1:1", "--tee", "tdx"], 2)):
        got = subprocess.run([COCOBOX, "conformance", *args], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                             check=False).returncode
        check(f"conformance {' '.join(args)} ends with {want}", got == want, str(got))


def case_eras(folder):
    for era in ERAS:
        with Kbs(folder, era=era) as kbs:
            status, report = conformance(kbs.url, "--era", era, "--allow-destructive")
        check(f"era {era}: {report['passed']} passed, {report['skipped']} skipped", status == 0 and report["failed"] == 0,
              told(report))
    with Kbs(folder, era="0.13") as kbs:
        status, report = conformance(kbs.url, "--era", "0.21", "--allow-destructive")
    check("an old KBS is not taken for the newest", status == 1 and {201, 401} <= numbers(report, "fail"))


def tls_pair(folder):
    cert, key = pathlib.Path(folder) / "cert.pem", pathlib.Path(folder) / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=kbs", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return str(cert), str(key)


def admin_section(folder):
    key, public = pathlib.Path(folder) / "admin.pem", pathlib.Path(folder) / "admin.pub"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(key)], check=True, stderr=subprocess.DEVNULL)
    subprocess.run(["openssl", "pkey", "-in", str(key), "-pubout", "-out", str(public)], check=True)
    section = ('authorization_mode = "AuthenticatedAuthorization"\n[admin.authentication.bearer_jwt]\n'
               f'identity_providers = [{{ issuer = "test", audience = "KBS", public_key_uri = "{public}" }}]\n'
               '[admin.authorization.regex_acl]\nacls = [{ role = "admin", allowed_endpoints = "^/kbs/v0/.+$" }]')
    return str(key), section


def case_https(folder):
    tls = tls_pair(folder)
    key, section = admin_section(folder)
    with Kbs(folder, tls=tls, admin=section) as kbs:
        status, _ = conformance(kbs.url)
        check("an unknown certificate is an error of the environment", status == 3, str(status))
        status, report = conformance(kbs.url, "--kbs-cert", tls[0], "--allow-destructive", "--admin-key", key,
                                     "--admin-issuer", "test", "--admin-audience", "KBS")
        check(f"HTTPS with an admin key: {report['passed']} passed", status == 0 and report["failed"] == 0, told(report))
        check("and refusals of other admins were among it", {1001, 1031, 1041, 1047} <= numbers(report, "pass"))
        status, report = conformance(kbs.url, "--kbs-cert", tls[0])
        check("without a key and without leave it only reads",
              status == 0 and report["failed"] == 0 and not report["admin"] and 801 in numbers(report, "skip"), told(report))
        text = json.dumps(report)
        check("no credential is in the report", not re.search(r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}", text))
    with Kbs(folder, tls=tls, admin='authorization_mode = "DenyAll"') as kbs:
        status, report = conformance(kbs.url, "--kbs-cert", tls[0], "--allow-destructive")
        check("a KBS that denies every admin passes too", status == 0 and report["failed"] == 0, told(report))


def case_snp(folder):
    chain = pathlib.Path(folder) / "chain.pem"
    args = ["--seed", "conformance", "--dir", f"{folder}/ca", "--product", "genoa"]
    chain.write_bytes(subprocess.run([FAKE_TEE, "ca", *args], check=True, stdout=subprocess.PIPE,
                                     stderr=subprocess.DEVNULL).stdout)
    for era in ERAS:
        with Kbs(folder, era=era, test_chain=str(chain)) as kbs:
            status, report = conformance(kbs.url, "--era", era, "--allow-destructive", "--tee", "snp", "--tee-seed",
                                         "conformance", "--tee-dir", f"{folder}/ca", "--only", "4*,6*,908")
        check(f"snp, era {era}: {report['passed']} passed", status == 0 and report["failed"] == 0, told(report))
    check("the verifier's checks were met one by one", len({n for n in numbers(report, "pass") if 4500 <= n < 4600}) >= 20)
    with Kbs(folder) as kbs:  # AMD's roots only
        status, report = conformance(kbs.url, "--tee", "snp", "--tee-seed", "conformance", "--tee-dir", f"{folder}/ca",
                                     "--only", "401,601")
    check("a KBS that does not trust the test chain fails the handshake, and the rest is skipped",
          status == 1 and numbers(report, "fail") == {401} and 601 in numbers(report, "skip"))


def case_junit(folder):
    out = pathlib.Path(folder) / "junit.xml"
    with Kbs(folder) as kbs:
        status, report = conformance(kbs.url, "--allow-destructive", "--junit", str(out))
        bad, _ = conformance(kbs.url, "--only", "101", "--junit", f"{folder}/none/junit.xml")
    root = xml.parse(out).getroot()
    cases = root.findall("./testsuite/testcase")
    check("JUnit has every check", status == 0 and len(cases) == len(report["checks"]) > WANTED_CHECKS)
    check("and counts skips as such", len(root.findall(".//skipped")) == report["skipped"])
    check("a report that cannot be written is an error", bad == 3, str(bad))


# ---- wrong key brokers: a proxy that changes answers on their way ----

def jwt_with(token, change):
    head, payload, sig = token.split(".")
    pad = lambda t: t + "=" * (-len(t) % 4)
    b64 = lambda b: base64.urlsafe_b64encode(b).decode().rstrip("=")
    h, p = json.loads(base64.urlsafe_b64decode(pad(head))), json.loads(base64.urlsafe_b64decode(pad(payload)))
    change(h, p)
    return ".".join((b64(json.dumps(h).encode()), b64(json.dumps(p).encode()), sig))


def submod(payload):
    return next(iter(payload["submods"].values()))


def spoil_header(h, _p):
    h["kid"], h["typ"], h["alg"] = "1", "x", "RS256"


def spoil_claims(_h, p):
    for name in ("eat_profile", "ear.verifier-id"):
        p.pop(name)
    p["jti"], p["exp"] = "1", p["iat"]


def spoil_submod(_h, p):
    s = submod(p)
    s["ear.status"], s["ear.appraisal-policy-id"] = "affirming?", "x"
    s["ear.trustworthiness-vector"]["x"] = 1000
    s["ear.veraison.annotated-evidence"] = {"report_data": 1}
    p["submods"]["more"] = {}


def spoil_runtime(_h, p):
    e = submod(p)["ear.veraison.annotated-evidence"]
    e["runtime_data_claims"] = {"nonce": "x", "additional-evidence": "y"}
    e["sample"] = {"report_data": "x"}


class Wrong:
    """Modes: each takes (method, path, status, headers, body) of the true answer and gives another."""

    kept = None

    @staticmethod
    def is_rcar(path):
        return path.startswith(("/kbs/v0/auth", "/kbs/v0/attest?")) or path == "/kbs/v0/attest"

    @staticmethod
    def all_500(_m, _p, _s, _h, _b):
        return 500, {}, b"oops"

    def after_rcar_500(self, _m, p, s, h, b):
        return (s, h, b) if self.is_rcar(p) else (500, {}, b"oops")

    def tokenless_500(self, _m, p, s, h, b):  # policies can be set; nothing can be read
        return (500, {}, b"oops") if p.startswith("/kbs/v0/resource/") and s == 200 and b else (s, h, b)

    def always_200(self, _m, p, s, h, b):  # refuses nobody
        if p == "/kbs/v0/attest":
            if s == 200:
                self.kept = b
            return 200, h, self.kept or b
        return 200, h, b

    def no_word(self, _m, _p, s, h, b):
        return (s, h, b.replace(b"/errors/", b"/wrong/")) if s >= 400 else (s, h, b)

    def weak_session(self, _m, p, s, h, b):
        if p.startswith("/kbs/v0/auth") and s == 200:
            if self.kept is None:
                self.kept = (h, b)
            h, b = dict(self.kept[0]), self.kept[1].replace(b'""', b'"x"')
            h["Set-Cookie"] = h["Set-Cookie"].split(";")[0].replace("-4", "-5")
        return s, h, b

    def odd_challenge(self, _m, p, s, h, b):
        if p.startswith("/kbs/v0/auth") and s == 200:
            h = {"Set-Cookie": "kbs-session-id=ABC; Path=/other", "Content-Type": "text/plain"}
            b = b'{"nonce":"short","extra-params":{},"more":1}'
        return s, h, b

    def loose_attest(self, _m, p, s, h, b):
        if p == "/kbs/v0/attest" and s == 200:
            h = {"Set-Cookie": "kbs-session-id=0; Expires=Thu, 01 Jan 2099 00:00:00 GMT"}
            b = b.replace(b"{", b'{"more":1,', 1)
        if p.startswith("/kbs/v0/resource/"):
            h = dict(h, **{"Set-Cookie": "kbs-session-id=1"})
        return s, h, b

    def one_attest(self, _m, p, s, h, b):  # the first guest is served, then nobody
        if p == "/kbs/v0/attest" and s == 200:
            if self.kept:
                return 401, {}, b'{"type":"https://github.com/confidential-containers/kbs/errors/AttestationError","detail":"no"}'
            self.kept = True
        return s, h, b

    def other_tokens(self, _m, p, s, h, b):
        if p == "/kbs/v0/attest" and s == 200:
            self.kept = (self.kept or 0) + 1
            doc = json.loads(b)
            doc["token"] = jwt_with(doc["token"], lambda _h, payload: payload.update(n=self.kept))
            b = json.dumps(doc).encode()
        return s, h, b

    def token(change):  # pylint: disable=no-self-argument
        def mode(_self, _m, p, s, h, b):
            if p == "/kbs/v0/attest" and s == 200:
                doc = json.loads(b)
                doc["token"] = jwt_with(doc["token"], change)  # pylint: disable=not-callable
                b = json.dumps(doc).encode()
            return s, h, b
        return mode

    token_header = token(spoil_header)
    token_claims = token(spoil_claims)
    token_submod = token(spoil_submod)
    token_runtime = token(spoil_runtime)
    token_vector = token(lambda _h, p: submod(p)["ear.trustworthiness-vector"].update(configuration=96))

    def jwe_spaced(self, _m, p, s, h, b):  # valid JSON, another text: Rust's client could not open it
        if p.startswith("/kbs/v0/resource/") and s == 200 and b:
            doc = json.loads(b)
            raw = base64.urlsafe_b64decode(doc["protected"] + "=" * (-len(doc["protected"]) % 4))
            doc["protected"] = base64.urlsafe_b64encode(raw.replace(b",", b", ")).decode().rstrip("=")
            doc["aad"] = ""
            b = json.dumps(doc).encode()
        return s, h, b

    def jwe_again(self, _m, p, s, h, b):
        if p.startswith("/kbs/v0/resource/") and s == 200 and b:
            doc = json.loads(b)
            self.kept = self.kept or (doc["iv"], doc["encrypted_key"])
            doc["iv"], doc["encrypted_key"] = self.kept
            b = json.dumps(doc).encode()
        return s, h, b

    def stale_values(self, m, p, s, h, b):
        if m == "GET" and p.startswith("/kbs/v0/reference-value/") and s == 200:
            b = b'"stale"'
        return (s, h, b'["x","resource-policy"]' if p == "/kbs/v0/resource-policy" and m == "GET" else b)


def proxy_class(kbs_url, mode):
    host = kbs_url.split("//")[1]

    class Proxy(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True
        probes = 0

        def any(self):
            size = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(size) if size else b""
            if self.headers.get("Transfer-Encoding"):
                self.close_connection = True  # the wrong servers read no chunks
            upstream = http.client.HTTPConnection(host, timeout=20)
            headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "transfer-encoding")}
            try:
                upstream.request(self.command, self.path, body, headers)
                answer = upstream.getresponse()
                status, text = answer.status, answer.read()
                kept = {k: v for k, v in answer.getheaders() if k.lower() in ("content-type", "set-cookie", "allow")}
            except OSError:
                status, text, kept = 502, b"", {}
            finally:
                upstream.close()
            type(self).probes += 1
            if type(self).probes > 1:  # the first request only asks whether admins need a token
                status, kept, text = mode(self.command, self.path, status, kept, text)
            self.send_response(status)
            for name, value in kept.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = any

        def log_message(self, *_):
            pass

    return Proxy


def case_wrong(folder):
    """No check is worthless: whatever passes against kbs-lite fails against at least one wrong key broker."""
    with Kbs(folder) as kbs:
        _, good = conformance(kbs.url, "--allow-destructive")
    can_pass, caught = numbers(good, "pass"), {}
    modes = [name for name in vars(Wrong) if not name.startswith("_") and name not in ("kept", "is_rcar", "token")]
    for name in modes:
        with Kbs(folder) as kbs:
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), proxy_class(kbs.url, getattr(Wrong(), name)))
            threading.Thread(target=server.serve_forever, daemon=True).start()
            status, report = conformance(f"http://127.0.0.1:{server.server_address[1]}", "--allow-destructive")
            server.shutdown()
            server.server_close()
        failed = numbers(report, "fail")
        caught[name] = failed
        check(f"wrong server {name}: {len(failed)} checks fail", status == 1 and failed)
    never = can_pass - set().union(*caught.values())
    rules = {c["number"]: c["rule"] for c in good["checks"]}
    check(f"every check that can pass ({len(can_pass)}) fails for some wrong server", not never,
          "; ".join(f"{n} {rules[n]}" for n in sorted(never)))


def main():
    folder = tempfile.mkdtemp()
    try:
        globals()["case_" + CASE.replace("-", "_")](folder)
    finally:
        shutil.rmtree(folder)
    return 1 if failures else 0


sys.exit(main())
