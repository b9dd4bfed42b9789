# Two images from one file:
#   docker build --target bot    -t gafuu .         the bot with its workers: DISCORD_TOKEN is all it needs
#   docker build --target worker -t gafuu-worker .  painting alone: the `nst` command line
# A smaller image without CUDA: --build-arg PIP_EXTRA_INDEX_URL=<the index of PyTorch's CPU builds>

FROM python:3.11-slim AS build
ARG PIP_EXTRA_INDEX_URL
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/gafuu
WORKDIR /src
# What rarely changes comes first, so that a change of our own code reuses this layer.
COPY pyproject.toml constraints.txt README.md LICENSE NOTICE.md ./
RUN mkdir -p bot nst_core \
 && touch bot/__init__.py nst_core/__init__.py \
 && /opt/gafuu/bin/pip install --constraint constraints.txt '.[worker]' \
 && /opt/gafuu/bin/pip uninstall --yes gafuu
COPY nst_core nst_core
COPY bot bot
RUN /opt/gafuu/bin/pip install --no-deps .

FROM python:3.11-slim AS runtime
# Japanese glyphs for the words on the loss curve.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends fonts-ipaexfont-gothic \
 && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --home-dir /data --create-home gafuu
COPY --from=build /opt/gafuu /opt/gafuu
ENV PATH=/opt/gafuu/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    XDG_CACHE_HOME=/data/cache \
    MPLCONFIGDIR=/tmp/matplotlib
USER gafuu
WORKDIR /data
VOLUME /data

FROM runtime AS worker
ENTRYPOINT ["nst"]
CMD ["doctor"]

FROM runtime AS bot
USER root
RUN mkdir /etc/gafuu \
 && printf '[store]\npath = "/data"\n\n[web]\nport = 8080\n' > /etc/gafuu/config.toml
USER gafuu
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
ENTRYPOINT ["gafuu"]
CMD ["run", "--config", "/etc/gafuu/config.toml"]
