# Two Bridges

[![ci](../../actions/workflows/ci.yml/badge.svg)](../../actions/workflows/ci.yml)

A Flask service, and a client that calls it by name and says which step of a call failed.

## Run it

Where Docker is, with Engine 26.1 and Compose 2.26 or later:

```bash
docker compose up --attach client
```

Then open <http://127.0.0.1:8000/>. On a bare Debian 12, Debian 13 or Ubuntu, as root, these two install the engine,
get or build the images, start the pair, and run every test:

```bash
./lab up
./lab test
```

`./lab down` stops it; `./lab doctor` looks at the machine. Without a registry `./lab up` builds stand-ins of the base
images from Debian's packages.

## What is where

| | |
| --- | --- |
| [compose.yaml](compose.yaml), [.env.example](.env.example) | both services on a network of their own, hardened; their settings |
| [Dockerfile](Dockerfile) | one layer of dependencies that both images share, one target for each |
| [webapp/](webapp/) | Flask under gunicorn: one module a concern |
| [client/](client/) | the caller: `python -m client --help` |
| [docs/reference.md](docs/reference.md) | paths, exit codes, settings |
| [tests/](tests/) | `unit` (no engine) and `e2e` (a real one) |
| [lab](lab), [scripts/](scripts/) | engine, base images, build, up, down, tests |
| [.github/](.github/workflows/ci.yml), [.devcontainer/](.devcontainer/devcontainer.json) | CI with the same test command; an engine for your editor |

## Change it

Replace the routes in `webapp/`, each with its test. [docs/extend.md](docs/extend.md) goes on from there, command by
command: a dependency, a PostgreSQL, TLS, a server. What runs is named in `requirements.in`, what tests on top of it in
`requirements-dev.in`; both are locked with hashes by uv (`pip install uv`):

```bash
uv pip compile --universal --python-version 3.11 --generate-hashes --no-header requirements.in -o requirements.txt
uv pip compile --universal --python-version 3.11 --generate-hashes --no-header requirements-dev.in -o requirements-dev.txt
```

## Release

Push a tag `vX.Y.Z`: when its tests are green, CI pushes both images for amd64 and arm64, with SBOM and provenance. Where
to is said once in the repository's settings, under Actions: variable `REGISTRY` (`HOST/OWNER`, in lower case), and for
another registry than GitHub's own variable `REGISTRY_USER` and secret `REGISTRY_TOKEN`.

[MIT licence](LICENSE).
