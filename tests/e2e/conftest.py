"""What the end-to-end tests share: a real engine, and what they make on it removed at the end.

There is no skip for a missing engine: `./lab test e2e` sets one up; without it, all of this fails.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from tests.support.engine import LABEL, Pair, docker, fresh_name
from tests.support.start import start as start
from tests.support.until import until

# A terminated run must clean up as an interrupted one does.
signal.signal(signal.SIGTERM, signal.default_int_handler)


def ours() -> list[str]:
    """What is on the engine under a name of the end-to-end tests."""
    listings = (
        ("ps", "--all", "--format", "{{.Names}}"),
        ("network", "ls", "--format", "{{.Name}}"),
    )
    names = (docker(*words).stdout.split() for words in listings)
    return [name for found in names for name in found if "tb-e2e-" in name]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail where something of the tests is left: an engine may make it after a test has looked."""
    if hasattr(session.config, "workerinput") or session.config.option.collectonly:
        return  # xdist's own process looks when all workers have ended
    with suppress(AssertionError):
        until(lambda: not ours(), 20)
    if left := ours():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        print("\nleft by the end-to-end tests:", *left, sep="\n  ")


@pytest.fixture(scope="session", autouse=True)
def untagged_images() -> Iterator[None]:
    """Remove the images that a build for a test's own project has left without a name.

    Compose labels an image with the project, so each project's is another one of the same name.
    """
    yield
    docker("compose", "build", "--quiet")
    label = "com.docker.compose.project"
    listing = ("image", "ls", "--quiet", "--filter", "dangling=true", "--filter", f"label={label}")
    for image in docker(*listing).stdout.split():
        form = f'{{{{index .Config.Labels "{label}"}}}}'
        project = docker("image", "inspect", image, "--format", form, check=False).stdout
        if project.startswith("tb-e2e-"):
            docker("image", "rm", image, check=False)  # the other worker may have been faster


@pytest.fixture(scope="session")
def make_pair() -> Iterator[Callable[[], Pair]]:
    """Pairs as `docker compose up --wait` starts them, with the fault routes on."""
    made: list[Pair] = []

    def make() -> Pair:
        pair = Pair(fresh_name(), {"WEBAPP_FAULTS": "on", "CLIENT_FORMAT": "json"})
        made.append(pair)
        pair.compose("up", "--detach", "--wait")
        return pair

    yield make
    for pair in made:
        pair.compose("down", "--remove-orphans", "--timeout", "0")


@pytest.fixture(scope="session")
def pair(make_pair: Callable[[], Pair]) -> Pair:
    """A pair to look at."""
    return make_pair()


@pytest.fixture
def networks() -> Iterator[Callable[..., str]]:
    """Makes networks of the test's own, and removes them with the containers on them."""
    made: list[str] = []

    def make(*options: str) -> str:
        name = fresh_name()
        docker("network", "create", *LABEL, *options, name)
        made.append(name)
        return name

    yield make
    for name in made:
        on_it = docker("ps", "--all", "--quiet", "--filter", f"network={name}").stdout.split()
        if on_it:
            docker("rm", "--force", *on_it)
        docker("network", "rm", name)
