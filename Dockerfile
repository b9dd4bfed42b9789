# Three images from one file:
#   docker build --target studio -t gafuu .         bot and workers in one: DISCORD_TOKEN is all it needs
#   docker build --target bot    -t gafuu-bot .     the bot alone, without torch; its pictures are painted by nodes
#   docker build --target worker -t gafuu-worker .  a node that paints for a bot elsewhere (also: the `nst` command)
# Smaller ones without CUDA: --build-arg PIP_EXTRA_INDEX_URL=<the index of PyTorch's CPU builds>
# compose.yaml puts them together; docs/runbook.md tells how to run them.

FROM python:3.11-slim AS build
ARG PIP_EXTRA_INDEX_URL
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/gafuu
WORKDIR /src
# What rarely changes comes first, so that a change of our own code reuses these layers. What was built of the
# empty packages has to go: it is newer than our code, and would be taken for it.
COPY pyproject.toml constraints.txt README.md LICENSE NOTICE.md ./
RUN mkdir -p bot nst_core \
 && touch bot/__init__.py nst_core/__init__.py \
 && /opt/gafuu/bin/pip install --constraint constraints.txt . \
 && /opt/gafuu/bin/pip uninstall --yes gafuu \
 && rm -rf build ./*.egg-info

FROM build AS build-bot
COPY nst_core nst_core
COPY bot bot
RUN /opt/gafuu/bin/pip install --no-deps .

FROM build AS build-worker
RUN /opt/gafuu/bin/pip install --constraint constraints.txt '.[worker]' \
 && /opt/gafuu/bin/pip uninstall --yes gafuu \
 && rm -rf build ./*.egg-info
COPY nst_core nst_core
COPY bot bot
RUN /opt/gafuu/bin/pip install --no-deps .

FROM python:3.11-slim AS runtime
RUN useradd --system --uid 10001 --home-dir /data --create-home --skel /dev/null gafuu \
 && mkdir /etc/gafuu \
 && printf '[store]\npath = "/data"\n\n[web]\nport = 8080\n' > /etc/gafuu/config.toml
ENV PATH=/opt/gafuu/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    XDG_CACHE_HOME=/data/cache \
    MPLCONFIGDIR=/tmp/matplotlib
WORKDIR /data
VOLUME /data
STOPSIGNAL SIGTERM

FROM runtime AS bot
COPY --from=build-bot /opt/gafuu /opt/gafuu
USER 10001
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
ENTRYPOINT ["gafuu"]
CMD ["run", "--config", "/etc/gafuu/config.toml"]

FROM runtime AS worker
# Japanese glyphs for the words on the loss curve.
# Debian keeps only its newest builds, so that a pinned one would soon be missing.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends fonts-ipaexfont-gothic \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build-worker /opt/gafuu /opt/gafuu
# The driver comes from the host (--gpus all); "utility" brings nvidia-smi, for memory and load.
ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 10001
ENTRYPOINT ["python", "-m", "bot.pool.node"]
CMD ["--config", "/etc/gafuu/config.toml"]

FROM worker AS studio
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
ENTRYPOINT ["gafuu"]
CMD ["run", "--config", "/etc/gafuu/config.toml"]
