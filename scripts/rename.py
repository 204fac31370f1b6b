"""Make a fork yours: your name in place of this project's in every file that git tracks.

Images, networks, labels, User-Agent, page titles, file names and the licence's line get the name.
The credit to the original stays in LICENSE, nothing in .git or .lab is touched, and one commit
takes it all in.

exit codes: 0 done, or nothing to do; 2 a name that will not do; 3 the tree is not clean, or there
is no git; 130 interrupted
"""

import argparse
import datetime
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path
from shutil import copymode

ROOT = Path(__file__).resolve().parents[1]
BACK = "git reset --hard && git clean -fd takes all of it back"
LIMIT = 20  # characters: more would make DNS labels too long, and lines of code
TAKEN = {
    "a service, a network or an image of the project": "webapp client pair python alpine docker",
    "a network, a namespace or a host that is always there": "bridge host none default localhost",
    "not a string in YAML": "on off yes no true false null y n",
}
# Without the labs: what stays, and what goes. A file that is in neither list is the fork's own.
STAYS = """
    .ci/run .devcontainer/* .dockerignore .editorconfig .env.example .gitignore .yamllint.yaml
    .pre-commit-config.yaml .github/dependabot.yml .github/pull_request_template.md
    .github/ISSUE_TEMPLATE/bug.yml .github/workflows/ci.yml
    Dockerfile LICENSE README.md compose.yaml conftest.py lab pyproject.toml requirements*
    client/* webapp/* docs/extend.md docs/extend/* docs/reference.md
    scripts/base-images.sh scripts/debian.sh scripts/doctor.sh scripts/engine.sh
    scripts/postgres.Dockerfile scripts/tests.sh
    tests/e2e/conftest.py tests/e2e/test_bad_input.py tests/e2e/test_compose.py
    tests/e2e/test_devcontainer.py tests/e2e/test_exit_codes.py tests/e2e/test_hardening.py
    tests/e2e/test_images_on_a_tag.py tests/e2e/test_lab.py tests/e2e/test_reference.py
    tests/e2e/test_stopping.py
    tests/support/__init__.py tests/support/client_run.py tests/support/engine.py
    tests/support/links.py tests/support/pair.py tests/support/start.py tests/support/until.py
    tests/unit/test_client_* tests/unit/test_env_example.py tests/unit/test_github.py
    tests/unit/test_lab.py tests/unit/test_links.py tests/unit/test_webapp_*
"""
GOES = """
    .github/ISSUE_TEMPLATE/page.yml CHANGELOG.md CONTRIBUTING.md SECURITY.md bench/*
    compose.default-bridge.yaml deploy/* docs/*.svg docs/benchmarks.md docs/why.md labkit/*
    labs/* scripts/README.lean scripts/engines.sh scripts/labs.sh scripts/netns.sh
    scripts/nodes.sh scripts/rename.py tests/browser/* tests/chaos/* tests/deploy/*
    tests/pages/* tests/e2e/test_bench* tests/unit/test_bench* tests/support/chaos*
    tests/e2e/test_compare.py tests/e2e/test_engines.py tests/e2e/test_examine.py
    tests/e2e/test_lab_hostile.py tests/e2e/test_load.py tests/e2e/test_names_table.py
    tests/e2e/test_nodes.py tests/e2e/test_readme.py tests/e2e/test_scripts.py
    tests/e2e/test_swarm.py tests/e2e/test_terminal.py tests/e2e/test_trace*
    tests/support/browser.py tests/support/columns.py tests/support/docker-bridges.*
    tests/support/lab.py tests/support/machine.py tests/support/mutants.py
    tests/support/nodes.py tests/support/pages.py tests/support/pictures.py
    tests/support/readme.py tests/support/terminal.py tests/support/verified.py
    tests/unit/test_doctor* tests/unit/test_draw.py tests/unit/test_extend.py
    tests/unit/test_lab_* tests/unit/test_labkit_* tests/unit/test_labs_index.py
    tests/unit/test_pages_* tests/unit/test_trace_* tests/unit/test_verified.py
"""
README = "scripts/README.lean"
# They rename the original, which a fork no longer is.
OURS = "tests/support/fork.py tests/unit/test_rename.py tests/e2e/test_rename_lean.py"
OTHERWISE = {
    "./lab doctor --report": "./lab doctor",
    "CONTRIBUTING.md": "README.md",
    " The tests run this page as they run the labs.": "",
}
LABS = re.compile(r"^ *# labs:.*\n(?:.*\n)*? *# :labs\n", re.M)


def git(*words: str) -> str:
    """What git says; exit 3 with its own complaint when it cannot."""
    try:
        done = subprocess.run(("git", *words), cwd=ROOT, text=True, capture_output=True, check=True)
    except FileNotFoundError:
        end(
            3,
            "git is missing: expected it, as only what it tracks is renamed and can be taken back",
        )
    except subprocess.CalledProcessError as error:
        end(3, f"expected a git checkout: {error.stderr.strip()}")
    return done.stdout


def end(code: int, line: str) -> None:
    """End with CODE and a line that says why."""
    print(f"lab: rename: {line}", file=sys.stderr)
    sys.exit(code)


def wrong(name: str) -> str | None:
    """The rule that NAME breaks, of DNS, Compose, image names, Kubernetes or YAML."""
    if len(name) > LIMIT:
        return f"{len(name)} characters: expected {LIMIT} at most, as DNS labels are made of it"
    if name != name.lower():
        return "capitals: Compose's project names and image names have none"
    if "_" in name or "." in name or not name.isascii():
        return "DNS labels have a-z, 0-9 and hyphens only"
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        return "expected a letter first, then a-z, 0-9 and single hyphens (DNS labels, image names)"
    if name.startswith("kube-"):
        return "Kubernetes keeps kube- for itself"
    return next((why for why, names in TAKEN.items() if name in names.split()), None)


def initials(name: str) -> str:
    """What networks of engines begin with, as an interface's name has 15 characters."""
    words = name.split("-")
    return "".join(word[0] for word in words)[:4] if len(words) > 1 else name[:2]


class Name:
    """The project's name OLD, to be NEW in each of its spellings."""

    def __init__(self, old: str, new: str) -> None:
        words = old.split("-")
        self.new, self.prefix, self.places = new, initials(new), 0
        title = " ".join(words).title()
        self.name = re.compile(f"(?i:{'[-_]?'.join(words)})|{title}|{title.upper()}")
        self.short = re.compile(rf"(?<![\w-]){initials(old)}-")

    def spelt(self, found: re.Match[str]) -> str:
        """NEW with the capitals and the separator of what was found."""
        between = next((char for char in found[0] if char in "-_ "), "")
        words = self.new.split("-")
        if found[0].isupper():
            words = [word.upper() for word in words]
        elif found[0][0].isupper():
            words = [word.capitalize() for word in words]
        return between.join(words)

    def put(self, text: str) -> tuple[str, int]:
        """TEXT with the new name, and in how many places."""
        text, named = self.name.subn(self.spelt, text)
        text, short = self.short.subn(f"{self.prefix}-", text)
        return text, named + short


def without(lock: str, names: list[str], inputs: set[str]) -> str:
    """The LOCK of uv without what none of NAMES and INPUTS needs any more."""
    blocks = re.findall(r"^[^\s#].*\n(?:[ #].*\n)*", lock, re.M)
    wanted = dict[str, tuple[str, list[str]]]()
    for block in blocks:
        head, _, via = block.partition("    # via")
        wanted[block.split("==")[0]] = head, [one.strip("# ") for one in via.splitlines() if one]
    while True:
        for name, (head, via) in wanted.items():
            asked = [v for v in via if v in wanted or (v in inputs and name in names)]
            wanted[name] = head, asked
        gone = [name for name, (_, via) in wanted.items() if not via]
        if not gone:
            break
        for name in gone:
            del wanted[name]
    lines = {True: "    # via {}\n", False: "    # via\n    #   {}\n"}
    return "".join(
        head + lines[len(via) == 1].format("\n    #   ".join(via)) for head, via in wanted.values()
    )


def among(path: str, patterns: str) -> bool:
    """Whether one of the PATTERNS is PATH's."""
    return any(fnmatch(path, pattern) for pattern in patterns.split())


def changes(name: Name, renamed: bool, lean: bool) -> Iterator[tuple[str, str, str | None, int]]:
    """Each file that changes: its path before and after, its text or None, how many places."""
    tracked = git("ls-files", "-z").split("\0")[:-1]
    for path in tracked:
        if path in OURS.split() or (lean and among(path, GOES)):
            yield path, path, None, 0
            continue
        with suppress(UnicodeDecodeError):
            new = old = (ROOT / path).read_text(encoding="utf-8")
            if lean:
                new = shortened(path, new)
            after, places = path, 0
            if path == "LICENSE" and not renamed:
                credit = re.findall(r"^Copyright .*\n", old, re.M)[-1]
                ours, places = name.put(re.sub(r"\d{4}", str(datetime.date.today().year), credit))
                new = new.replace(credit, ours + credit)
            elif path != "LICENSE" and not renamed:
                new, places = name.put(new)
                after, _ = name.put(path)
            if (new, after) != (old, path):
                yield path, after, new, places


def shortened(path: str, text: str) -> str:
    """The TEXT of a file as it is without the labs."""
    if path == "README.md":
        return (ROOT / README).read_text(encoding="utf-8")
    if path == "requirements-dev.txt":
        inputs = {
            f: LABS.sub("", (ROOT / f).read_text())
            for f in ("requirements.in", "requirements-dev.in")
        }
        named = [line.strip() for text in inputs.values() for line in text.splitlines()]
        return without(text, named, {f"-r {file}" for file in inputs})
    text = LABS.sub("", text)
    for said, instead in OTHERWISE.items():
        text = text.replace(said, instead)
    return text


def carry_out(path: str, after: str, text: str | None) -> None:
    """Change one file, so that an interrupt leaves it as it was or as it will be."""
    file = ROOT / path
    if text is not None:
        part = file.with_name(f".{file.name}.part")
        try:
            part.write_text(text, encoding="utf-8")
            copymode(file, part)
            part.replace(ROOT / after)
        finally:
            part.unlink(missing_ok=True)
    if text is None or after != path:
        file.unlink()
        with suppress(OSError):  # a folder that has something left
            for folder in file.relative_to(ROOT).parents:
                (ROOT / folder).rmdir()


def main() -> None:
    """Look, say, and do unless it is a dry run."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("./lab rename", description=__doc__, formatter_class=form)
    parser.add_argument("name", metavar="NAME", help="such as my-shop")
    parser.add_argument("--dry-run", action="store_true", help="only show what would change")
    parser.add_argument(
        "--without-labs", action="store_true", help="leave the pair, Docker, tests and CI only"
    )
    args = parser.parse_args()
    if why := wrong(args.name):
        end(2, f"'{args.name}': {why}")
    credit = re.findall(
        r"^Copyright .* The (.+) maintainers$", (ROOT / "LICENSE").read_text(), re.M
    )
    now = re.findall(r"^name: (.+)$", (ROOT / "compose.yaml").read_text(), re.M)[0]
    original = credit[-1].lower().replace(" ", "-")
    if now not in (original, args.name):
        end(
            2, f"this is {now} already: expected that name, or the rename taken back with git first"
        )
    todo = list(changes(Name(original, args.name), now == args.name, args.without_labs))
    if not todo:
        print(f"this is {args.name} already: nothing to do")
        return
    for path, after, text, places in todo:
        if text is None:
            print(f"  remove  {path}")
        else:
            print(f"  {places or 'cut':>6}  {path}{f' -> {after}' if after != path else ''}")
    removed = sum(text is None for _, _, text, _ in todo)
    total = sum(places for *_, places in todo)
    print(f"{args.name}: {total} places in {len(todo) - removed} files, {removed} files removed")
    if args.dry_run:
        print("nothing was changed: without --dry-run it is")
        return
    if git("status", "--porcelain"):
        end(
            3,
            "the tree is not clean (git status): commit or stash first, so that git can undo it",
        )
    try:
        for path, after, text, _ in todo:
            carry_out(path, after, text)
    except KeyboardInterrupt:
        end(130, f"interrupted half-way: {BACK}")
    print(f"done; {BACK}")


if __name__ == "__main__":
    main()
