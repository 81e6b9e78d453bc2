#!/usr/bin/env python3
"""bench-vm.py COCOBOX SCENARIOS - a guest of the vm backend against the same kernel with a busybox that powers off at once.

Prints only. In turn, so that a busy machine is busy for both.
"""
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

COCOBOX, SCENARIOS = sys.argv[1:3]
ROUNDS = int(os.environ.get("ROUNDS", "5"))
CACHE = pathlib.Path(os.environ["COCOBOX_CACHE"])
HELLO = [COCOBOX, "run", "--backend", "vm", f"{SCENARIOS}/hello.yaml"]


def image():
    return pathlib.Path((CACHE / "guest-image/last").read_text().splitlines()[-1])


def cpio(entries):
    """A newc archive of (name, mode, data, device)."""
    out = bytearray()
    for ino, (name, mode, data, dev) in enumerate([*entries, ("TRAILER!!!", 0, b"", (0, 0))], 1):
        n = name.encode() + b"\0"
        out += b"070701" + b"".join(b"%08X" % f for f in (ino, mode, 0, 0, 1, 0, len(data), 0, 0, *dev, len(n), 0)) + n
        out += b"\0" * (-len(out) % 4) + data
        out += b"\0" * (-len(out) % 4)
    return bytes(out)


def busybox_initramfs(folder):
    busybox = pathlib.Path(shutil.which("busybox")).read_bytes()
    init = b"#!/bin/busybox sh\n/bin/busybox echo up >/dev/console\n/bin/busybox poweroff -f\n"
    raw = cpio([("bin", 0o040755, b"", (0, 0)), ("bin/busybox", 0o100755, busybox, (0, 0)), ("dev", 0o040755, b"", (0, 0)),
                ("dev/console", 0o020600, b"", (5, 1)), ("init", 0o100755, init, (0, 0))])
    file = folder / "busybox.img"
    file.write_bytes(subprocess.run(["zstd", "-15", "-q", "-c"], input=raw, capture_output=True, check=True).stdout)
    return file


def boot_busybox(initramfs):
    start = time.perf_counter()
    subprocess.run(["qemu-system-x86_64", "-machine", "pc,accel=tcg", "-cpu", "qemu64,+rdrand", "-m", "256", "-nodefaults",
                    "-no-user-config", "-display", "none", "-no-reboot", "-kernel", str(image() / "vmlinuz"), "-initrd",
                    str(initramfs), "-append", "console=ttyS0 panic=-1 quiet", "-serial", "null"],
                   check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def hello():
    """From the start of the command to the container's output, and to its end."""
    start = time.perf_counter()
    p = subprocess.Popen(HELLO, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    output = None
    for line in p.stdout:
        if "hello from" in line and output is None:
            output = time.perf_counter() - start
    if p.wait() or output is None:
        sys.exit("hello.yaml does not pass")
    return output, time.perf_counter() - start


def main():
    if not shutil.which("qemu-system-x86_64") or not shutil.which("busybox"):
        print("SKIP: needs qemu-system-x86_64 and busybox")
        sys.exit(77)
    hello()  # image and fixtures are made now
    caps = CACHE / "libvirt-capabilities.xml"
    kept = caps.read_bytes()
    caps.unlink()
    cold, _ = hello()
    caps.write_bytes(kept)
    with tempfile.TemporaryDirectory() as folder:
        initramfs = busybox_initramfs(pathlib.Path(folder))
        base, output, whole = [], [], []
        for _ in range(ROUNDS):
            base.append(boot_busybox(initramfs))
            o, w = hello()
            output.append(o)
            whole.append(w)
    b, o = statistics.median(base), statistics.median(output)
    print(f"bench: vm busybox boot, power off: median {b:.2f} s of {ROUNDS}")
    print(f"bench: vm hello, command to output: median {o:.2f} s ({statistics.median(whole):.2f} s to its end), "
          f"{o / b:.2f} times busybox, goal 2.0")
    print(f"bench: vm hello, libvirt's cache cold: {cold:.2f} s")


main()
