#!/usr/bin/env python3
"""Manual and programs say the same: every option that --help prints is documented, every documented one exists.

test-manual.py ROOT COCOBOX KBS-LITE FAKE-TEE

Documented: in docs/PROGRAM.md, for a subcommand in its own section or on a line that names it. The other way, every
piece of code in docs/*.md and README.md (a span in backquotes, an indented or fenced line) that is about one of the
programs names only options, commands and environment variables that it has. Every key of a scenario is documented,
and links between the pages lead somewhere.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ALWAYS = {"help", "usage", "version"}
LONG = re.compile(r"(?<![\w-])--([a-z][a-z0-9-]*)")
HELP_LINE = re.compile(r"^ {1,6}(?:-(\S), )? *--([a-z][a-z0-9-]*)")


def help_of(*command):
    done = subprocess.run([*command, "--help"], capture_output=True, text=True, check=False, timeout=30)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} --help ends with {done.returncode}: {done.stderr}")
    return done.stdout


def options_of(*command):
    """{"--seed", "-j", ...} as --help prints them."""
    options = set()
    for line in help_of(*command).splitlines():
        found = HELP_LINE.match(line)
        if found and found[2] not in ALWAYS:
            options |= {"--" + found[2]} | ({"-" + found[1]} if found[1] else set())
    return options


def interfaces(cocobox, kbs_lite, fake_tee):
    """Options by command: {"cocobox run": {...}, "kbs-lite": {...}, ...}."""
    known = {"kbs-lite": options_of(kbs_lite), "fake-tee": options_of(fake_tee)}
    commands = re.findall(r"^  ([a-z]+)  +\S", help_of(cocobox), re.M)
    for command in commands:
        words = [command, "encrypt"] if command == "image" else [command]
        known["cocobox " + command] = options_of(cocobox, *words)
    if len(commands) < 5 or not all(known.values()):
        sys.exit(f"--help cannot be read: {known}")
    return known


def code_pieces(page):
    """(line number, section, code) of everything that is code on a page."""
    section, fenced = "", False
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.startswith("```"):
            fenced = not fenced
        elif line.startswith("#") and not fenced:
            section = line.lstrip("#").strip() if line.startswith("## ") else section
        elif fenced or line.startswith("    "):
            for piece in re.split(r" \| | && |; ", line.strip().split("  #")[0]):
                yield number, section, piece
        else:
            for piece in re.findall(r"`([^`]+)`", line):
                yield number, section, piece


def command_of(piece, page, section, known):
    """The command a piece of code is about: None for foreign ones."""
    words = [w.strip("[]") for w in piece.split()]
    while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
        words.pop(0)
    if not words:
        return None
    name = words[0].rsplit("/", 1)[-1]
    if name == "cocobox":
        return "cocobox " + words[1] if len(words) > 1 else None
    if name in known:
        return name
    if not words[0].startswith("-"):
        return None
    if page.stem == "cocobox":
        return "cocobox " + section.split()[0] if section else None
    return page.stem if page.stem in known else "any"


def check(root, source, known):
    """What is wrong in the manual at root, as lines; source is where the programs' own text lies."""
    wrong, documented = [], {command: set() for command in known}
    everything = set().union(*known.values())
    pages = sorted((root / "docs").glob("*.md")) + [root / "README.md"]
    for page in pages:
        for number, section, piece in code_pieces(page):
            command = command_of(piece, page, section, known)
            if command is None or command.startswith("cocobox -"):
                continue
            where = f"{page.relative_to(root)}:{number}"
            if command.startswith("cocobox ") and command not in known:
                if re.fullmatch(r"cocobox [a-z]+", command):
                    wrong.append(f"{where}: there is no command '{command}'")
                continue
            has = known.get(command, everything)
            named = {"--" + o for o in LONG.findall(piece) if o not in ALWAYS}
            named |= set(re.findall(r"(?<![\w-])-[A-Za-z](?![\w-])", piece))
            wrong += [f"{where}: {command} has no option {o}" for o in sorted(named - has)]
            if page.stem == command.split()[0]:
                documented[command] |= named
    for command, options in known.items():
        page = command.split()[0]
        wrong += [f"docs/{page}.md: {o} of {command} is not documented" for o in sorted(options - documented[command])]
        if not re.search(rf"(?m)^    {command}\b", (root / "docs" / f"{page}.md").read_text()):
            wrong.append(f"docs/{page}.md: {command} is not there")
    return wrong + check_variables(source, pages) + check_keys(root, source) + check_links(root, pages)


def check_variables(source, pages):
    """COCOBOX_... and KBS_... variables that the programs read are documented, and the other way round."""
    text = "\n".join(p.read_text() for p in pages)
    read = set()
    for file in source.glob("*/cmd/*.c"):
        read |= set(re.findall(r'(?:getenv|pick)\("((?:COCOBOX|KBS)_[A-Z_]+)"', file.read_text()))
    if not read:
        sys.exit("no environment variable found in the sources")
    wrong = [f"environment variable {v} is not documented" for v in sorted(read - set(re.findall(r"\w+", text)))]
    sources = "\n".join(p.read_text() for d in ("sim", "common", "kbs-lite", "fake-tee") for p in source.glob(f"{d}/**/*.[ch]"))
    # those of the test scripts, told in docs/testing.md
    sources += "\n".join(p.read_text().replace("${", '"') for p in source.glob("tests/i*/*.sh"))
    for variable in sorted(set(re.findall(r"\bCOCOBOX_[A-Z_]+\b", text))):
        if f'"{variable}' not in sources:
            wrong.append(f"documented variable {variable} is not read by any program")
    return wrong


def check_keys(root, source):
    """Every key of a scenario (a Pod manifest's are Kubernetes') is in docs/scenarios*.md."""
    keys = set()
    for file in source.glob("sim/scenario/*.c"):
        if file.name != "load-pod.c":
            for call in re.findall(r"SIM_KEYS\(([^;]*)\);", file.read_text()):
                keys |= set(re.findall(r'"([^"]+)"', call))
    if len(keys) < 30:
        sys.exit(f"the keys of scenarios cannot be read: {keys}")
    words = {w for page in root.glob("docs/scenarios*.md") for w in re.findall(r"[\w-]+", page.read_text())}
    return [f"docs/scenarios*.md: key {k} is not documented" for k in sorted(keys - words)]


def check_links(root, pages):
    return [f"{page.relative_to(root)}: {target} is not there" for page in pages
            for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
            if not (page.parent / target).exists()]


def check_that_it_can_fail(root, known):
    """Manuals with one mistake each must be found out."""
    mistakes = [
        ("docs/cocobox.md", "`--repeat N`", "`--again N`", "cocobox run has no option --again"),
        ("docs/cocobox.md", "`--repeat N`", "(removed)", "--repeat of cocobox run is not documented"),
        ("docs/cocobox.md", "`-k`, ", "", "-k of cocobox run is not documented"),
        ("docs/cocobox.md", "cocobox host check [-j|--json]", "cocobox host check", "--json of cocobox host is not documented"),
        ("docs/cocobox.md", "    cocobox reasons ", "    cocobox reason ", "there is no command 'cocobox reason'"),
        ("docs/fake-tee.md", "`--vmpl N`", "`--vmlp N`", "fake-tee has no option --vmlp"),
        ("docs/cocobox.md", "`COCOBOX_CACHE`", "`COCOBOX_CASH`", "COCOBOX_CACHE is not documented"),
        ("docs/scenarios.md", "`stdout_contains`", "", "key stdout_contains is not documented"),
        ("README.md", "](docs/scenarios.md)", "](docs/scenario.md)", "docs/scenario.md is not there"),
        ("README.md", "cocobox run --seed", "cocobox run --sed", "cocobox run has no option --sed"),
    ]
    for name, old, new, expected in mistakes:
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder)
            shutil.copytree(root / "docs", copy / "docs")
            shutil.copy(root / "README.md", copy)
            text = (copy / name).read_text()
            if old not in text:
                sys.exit(f"{name} does not hold {old!r} any more: change this test")
            (copy / name).write_text(text.replace(old, new))
            if not any(expected in line for line in check(copy, root, known)):
                sys.exit(f"not found out: {expected}")


def main():
    root = pathlib.Path(sys.argv[1])
    known = interfaces(*sys.argv[2:5])
    wrong = check(root, root, known)
    for line in wrong:
        print(line)
    if wrong:
        return 1
    check_that_it_can_fail(root, known)
    print(f"{sum(len(o) for o in known.values())} options of {len(known)} commands: manual and programs agree")
    return 0


if __name__ == "__main__":
    sys.exit(main())
