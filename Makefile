# Every target works from a fresh clone and does nothing twice.
PYTHON ?= python3
PORT ?= 8765
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help install demo cluster-demo test lint run bench bench-quick bench-keep bench-check bench-scale
.PHONY: prove-crash prove-fair prove-discord prove-fuzz prove-disk prove-config soak audit clean

help:  ## Show what there is to make.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[worker,demo,dev]'
	touch $@

install: $(STAMP)  ## Make .venv and install everything into it.

demo: $(STAMP)  ## Open the rehearsal: the real bot on a simulated Discord, in a local page.
	$(BIN)/python -m bot rehearse --port $(PORT) $(ARGS)

cluster-demo: $(STAMP)  ## The rehearsal with a nats-server and two nodes: kill one while it paints.
	$(BIN)/python tools/cluster_demo.py --port $(PORT) $(ARGS)

test: $(STAMP) lint  ## Lint, types and every test.
	$(BIN)/python -m pytest

lint: $(STAMP)  ## ruff and mypy alone.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

run: $(STAMP)  ## Run the bot on Discord (needs DISCORD_TOKEN and config.toml).
	$(BIN)/python -m bot run

bench: $(STAMP)  ## Measure here what the README's Speed section tells (an hour on two cores; ARGS="--out FOLDER" keeps it as JSON).
	$(BIN)/python benchmarks/speed.py --size 512 --runs 5 $(ARGS)
	$(BIN)/python benchmarks/speed.py --mode best --size 1024 --runs 5 --jobs 1 $(ARGS)
	$(BIN)/python benchmarks/convergence.py --size 512 --steps 500 $(ARGS)

bench-quick: $(STAMP)  ## The same, small and once (minutes).
	$(BIN)/python benchmarks/speed.py --quick $(ARGS)
	$(BIN)/python benchmarks/convergence.py --size 192 --steps 250

RATIOS := benchmarks/results
bench-keep: $(STAMP)  ## Measure as bench-quick does, and keep its ratios as what bench-check compares with.
	$(BIN)/python benchmarks/speed.py --quick --keep-ratios $(RATIOS)/speed-ratios.json
	$(BIN)/python benchmarks/convergence.py --size 192 --steps 250 --keep-ratios $(RATIOS)/convergence-ratios.json

bench-check: $(STAMP)  ## Measure as bench-quick does, and fail where a ratio has become worse than the kept one.
	$(BIN)/python benchmarks/speed.py --quick --check $(RATIOS)/speed-ratios.json
	$(BIN)/python benchmarks/convergence.py --size 192 --steps 250 --check $(RATIOS)/convergence-ratios.json

bench-scale: $(STAMP)  ## Measure how far one bot reaches, with nodes that only pretend to paint.
	$(BIN)/python benchmarks/scale.py $(ARGS)

prove-crash: $(STAMP)  ## Kill the bot and its workers: every result is posted once (a minute).
	$(BIN)/python benchmarks/reliability/crash.py $(ARGS)

prove-fair: $(STAMP)  ## One person queues 50, five others one each: how long each of the five waits (half a minute).
	$(BIN)/python benchmarks/reliability/fair.py $(ARGS)

prove-discord: $(STAMP)  ## Storms at Discord's door: every result arrives late, and once (a minute).
	$(BIN)/python benchmarks/reliability/discord_faults.py $(ARGS)

soak: $(STAMP)  ## 500 jobs in 30 minutes with faults throughout: all accounted for, nothing grows (ARGS="--minutes 1 --jobs 20").
	$(BIN)/python benchmarks/reliability/soak.py $(ARGS)

prove-fuzz: $(STAMP)  ## 2,000 mutated pictures through the real worker: each a picture or one sentence.
	$(BIN)/python benchmarks/reliability/fuzz.py $(ARGS)

prove-disk: $(STAMP)  ## Full disk, read-only folder, damaged database, missing picture: nothing else is lost.
	$(BIN)/python benchmarks/reliability/disk.py $(ARGS)

prove-config: $(STAMP)  ## Every key of config.toml wrong in turn: status 78, one line, no value.
	$(BIN)/python benchmarks/reliability/config.py

audit: $(STAMP)  ## Ask the advisory database about every pinned package (needs the network).
	test -x $(VENV)/audit/bin/pip-audit || $(PYTHON) -m venv $(VENV)/audit
	$(VENV)/audit/bin/python -m pip install --quiet 'pip-audit>=2.7'
	$(VENV)/audit/bin/pip-audit --strict --no-deps --disable-pip --requirement constraints.txt

clean:  ## Remove what the other targets made here.
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
