# What looks into the network: the image two-bridges-tools, for `./lab trace` and the lab pages.
#   docker build --tag two-bridges-tools --file labs/tools.Dockerfile labs
FROM python:3.13-slim
# The versions are the base's release: an exact one leaves Debian's archive with the next point release.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
       conntrack dnsmasq-base iproute2 iptables iputils-ping nftables tcpdump \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /tools
COPY tools-requirements.txt ./
RUN pip install --no-cache-dir --no-input --require-hashes -r tools-requirements.txt
LABEL org.opencontainers.image.title="two-bridges tools" \
      org.opencontainers.image.licenses=MIT
