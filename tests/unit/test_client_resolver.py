"""The verdict on the bridge, from what a container can see of itself."""

import pytest

from client.resolver import Resolver, look
from client.trouble import Trouble, plain

EMBEDDED = "search lan\nnameserver 127.0.0.11\noptions edns0 ndots:0\n"
HOSTS_OWN = "# copied from the host\nnameserver 192.168.65.7\nnameserver 8.8.8.8\n"


@pytest.mark.parametrize(
    ("resolv_conf", "in_docker", "interfaces", "expected"),
    [
        (EMBEDDED, True, ["lo", "eth0"], Resolver(("127.0.0.11",), "user-defined")),
        (HOSTS_OWN, True, ["lo", "eth0"], Resolver(("192.168.65.7", "8.8.8.8"), "default")),
        (HOSTS_OWN, True, ["lo", "docker0"], Resolver(("192.168.65.7", "8.8.8.8"), "none")),
        (HOSTS_OWN, False, ["lo", "eth0"], Resolver(("192.168.65.7", "8.8.8.8"), "none")),
        (None, True, ["lo", "eth0"], Resolver((), "default")),
        ("nameserver\nnameserver\n;nameserver 1.1.1.1", False, [], Resolver((), "none")),
        (b"\xff\nnameserver \x1b[31m\n", False, [], Resolver(("?[31m",), "none")),
    ],
    ids=[
        "user-defined",
        "default",
        "host-network",
        "no-container",
        "unreadable",
        "no-address",
        "hostile",
    ],
)
def test_the_bridge_follows_from_the_resolver(
    tmp_path, resolv_conf, in_docker, interfaces, expected
):
    path, dockerenv = tmp_path / "resolv.conf", tmp_path / ".dockerenv"
    if resolv_conf is not None:
        path.write_bytes(resolv_conf if isinstance(resolv_conf, bytes) else resolv_conf.encode())
    if in_docker:
        dockerenv.touch()
    assert look(path, dockerenv, interfaces) == expected


def test_it_looks_at_this_very_machine_by_default():
    assert look().bridge in ("user-defined", "default", "none")


@pytest.mark.parametrize(
    ("resolver", "words", "cure"),
    [
        (
            Resolver(("127.0.0.11",), "user-defined"),
            "Resolver 127.0.0.11: Docker's own DNS, so a user-defined network",
            "Check that a container of that name or alias runs on this same network",
        ),
        (
            Resolver(("192.168.65.7", "8.8.8.8"), "default"),
            "Resolver 192.168.65.7, 8.8.8.8: "
            "Docker's default bridge, which has no DNS for container names",
            "Put both containers on a network of your own: docker network create my-net",
        ),
        (
            Resolver((), "none"),
            "Resolver unknown: not a Docker bridge",
            "Check the name, and that this resolver knows it",
        ),
    ],
    ids=["user-defined", "default", "none"],
)
def test_a_name_that_does_not_resolve_has_another_cure_on_each_bridge(resolver, words, cure):
    assert str(resolver) == words
    assert resolver.cure(Trouble.UNRESOLVED) == cure


def test_every_trouble_is_a_member_of_its_own_with_one_cure_on_any_bridge():
    assert len(Trouble) == 9  # members of equal values would be merged into one
    for trouble in set(Trouble) - {Trouble.UNRESOLVED}:
        assert Resolver((), "none").cure(trouble) == trouble.cure
        assert Resolver((), "default").cure(trouble) == trouble.cure


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("web-1", "web-1"),
        ("a\nb\r\tc", "a?b??c"),
        ("\x1b[2Jx\x7f", "?[2Jx?"),
        ("h\u00e9\u202e\ud800", "h???"),
        ("x" * 300, "x" * 200),
    ],
    ids=["plain", "newlines", "escape", "not-ascii", "long"],
)
def test_foreign_text_is_shown_as_printable_ascii_on_one_line(text, shown):
    assert plain(text) == shown
