ARG PYTHON_VERSION=3.13

FROM python:${PYTHON_VERSION}-slim AS base
# Log lines appear when they are written; no .pyc is tried on a read-only root.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /app

# Dependencies are a layer of their own: an edited line of code does not install them again.
FROM base AS dependencies
COPY requirements.txt ./
# The virtual environment has no pip of its own: the base's pip fills it from outside.
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --no-input --require-hashes -r requirements.txt

# What both images run on, one layer on the disk: the dependencies, and no installer
# (in the places of python.org's build and of Debian's). What dpkg knows stays, for scanners.
FROM base AS runtime
RUN find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
    && rm -rf /usr/bin/apt* /usr/bin/dpkg* /usr/local/bin/pip* /usr/local/lib/python3*/site-packages/pip* \
    /usr/local/lib/python3*/ensurepip /usr/bin/pip* /usr/bin/wheel /usr/lib/python3*/ensurepip /usr/share/python-wheels \
    /usr/lib/python3/dist-packages/pip* /usr/lib/python3/dist-packages/wheel* \
    /usr/lib/python3/dist-packages/setuptools* /usr/lib/python3/dist-packages/pkg_resources
COPY --from=dependencies /opt/venv /opt/venv
# A number, so that Kubernetes can see that it is not root; it owns nothing in the image.
USER 10001:10001
STOPSIGNAL SIGTERM
ARG VERSION=dev
LABEL org.opencontainers.image.version=${VERSION} \
      org.opencontainers.image.licenses=MIT

FROM runtime AS webapp
LABEL org.opencontainers.image.title="two-bridges webapp" \
      org.opencontainers.image.description="Flask service that tells who it is and who called"
COPY webapp webapp
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-m", "webapp.check"]
CMD ["python", "-m", "webapp"]

FROM runtime AS client
LABEL org.opencontainers.image.title="two-bridges client" \
      org.opencontainers.image.description="Calls the webapp by its DNS name and says which step failed"
COPY client client
# The C library gives up a look-up after two tries of a second each (man resolv.conf).
# The last call's outcome is kept for the health check; /tmp is a tmpfs in compose.yaml.
ENV RES_OPTIONS="timeout:1 attempts:2" \
    CLIENT_STATE=/tmp/client-state.json
HEALTHCHECK --interval=5s --timeout=3s --start-period=5s --retries=3 \
    CMD ["python", "-m", "client", "--check"]
ENTRYPOINT ["python", "-m", "client"]
