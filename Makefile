# Everything a developer runs. Needs python3 (3.11 or later) with venv, and make; the judges of the test suite that are not
# installed skip by name.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
LOCKED := $(VENV)/.locked
INSTALLED := $(VENV)/.installed
JUDGE := tests/conformance/judge
JUDGE_JAR := $(JUDGE)/target/dss-judge.jar
JUDGE_SOURCES := $(JUDGE)/pom.xml $(shell find $(JUDGE)/src -name '*.java')
# Both there: `make test` asks EU DSS too.
JUDGE_TOOLS := $(and $(shell command -v java),$(shell command -v mvn))
LOCALSTACK := .venv-localstack
LOCALSTACK_INSTALLED := $(LOCALSTACK)/.installed
CDK := .venv-cdk
CDK_INSTALLED := $(CDK)/.installed
PYTEST := $(BIN)/python -m pytest
WORKERS := 2

.PHONY: help setup demo test test-full lint format openapi bench corpus judge localstack lock image image-test sbom synth cdk-test pr

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  \033[1m%-10s\033[0m %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## Make .venv and install exactly what locks/dev.txt names
	@:

# PYTHON=... chooses an interpreter; otherwise the first that is new enough and can make environments.
$(LOCKED): locks/dev.txt
	@set -e; chosen=; \
	for candidate in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then chosen=$$candidate; break; fi; \
	done; \
	if [ -z "$$chosen" ]; then echo "Python 3.11 or later is needed: none found on PATH (or name one: make PYTHON=...)" >&2; exit 1; fi; \
	if ! "$$chosen" -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "$$chosen cannot make virtual environments. On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; fi; \
	"$$chosen" -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r locks/dev.txt
	@touch $@

$(INSTALLED): $(LOCKED) pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(INSTALLED) ## Sign a PDF in every form through a local proxy (PDF=path, or an invoice made on the spot)
	$(BIN)/signproxy demo $(if $(value PDF),'$(subst ','\'',$(value PDF))')

test: $(INSTALLED) try-localstack $(if $(JUDGE_TOOLS),try-judge) ## Run the tests (under ten minutes on two cores)
	$(PYTEST) -n $(WORKERS) --dist loadgroup -m "not full and not image" $(ARGS)

test-full: $(INSTALLED) try-localstack $(if $(JUDGE_TOOLS),try-judge) ## Run every test, the long matrices too
	$(PYTEST) -n $(WORKERS) --dist loadgroup -m "not image" $(ARGS)

lint: $(INSTALLED) ## Check style, types, layers and the lock
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	@! test -x $(BIN)/hadolint || $(BIN)/hadolint docker/Dockerfile
	@! grep -nE '://|--(index|extra|find|trusted)' locks/*.txt || { echo "a lock file names an address" >&2; exit 1; }

format: $(INSTALLED) ## Rewrite the code as ruff wants it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

openapi: $(INSTALLED) ## Write docs/openapi.json from the code's schemas
	$(BIN)/signproxy openapi > docs/openapi.json.new
	mv docs/openapi.json.new docs/openapi.json

corpus: $(INSTALLED) $(if $(JUDGE_TOOLS),try-judge) ## Sign and judge the PDFs of three source packages, write docs/real-world-pdfs.md
	$(BIN)/python -m tests.corpus --write docs/real-world-pdfs.md $$(test ! -f $(JUDGE_JAR) || echo --dss) $(ARGS)

bench: $(INSTALLED) ## Measure against the goals that the README states
	$(BIN)/python -m benchmarks $(ARGS)

judge: $(JUDGE_JAR) ## Build the EU DSS judge of the conformance tests (Java 17, Maven)
	@:

$(JUDGE_JAR): $(JUDGE_SOURCES)
	mvn --quiet --batch-mode --file $(JUDGE)/pom.xml package
	@touch $@

# Without the artifacts at hand (no network yet) the tests that ask EU DSS skip by name; in CI a skip fails.
.PHONY: try-judge
try-judge:
	@$(MAKE) --no-print-directory judge || echo "the EU DSS judge could not be built: its tests will skip" >&2

localstack: $(LOCALSTACK_INSTALLED) ## Install the AWS emulator of the tests, in an environment of its own
	@:

$(LOCALSTACK_INSTALLED): locks/localstack.txt | $(INSTALLED)
	$(BIN)/python -m venv --clear $(LOCALSTACK)
	$(LOCALSTACK)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r locks/localstack.txt
	@touch $@

# The same: without the packages at hand the tests that ask it skip by name.
.PHONY: try-localstack
try-localstack:
	@$(MAKE) --no-print-directory localstack || echo "LocalStack could not be installed: its tests will skip" >&2

IMAGE := localhost/signproxy
BASE := docker.io/library/python:3.13-slim-trixie

image: ## Build the image (docker, buildah or podman, whichever works; BASE=... by digest for a release)
	docker/build.sh runtime $(IMAGE):dev --build-arg BASE=$(BASE)

# Without a registry the base is made from the mirror that apt uses here.
image-test: $(INSTALLED) ## Build the image, run it read-only and unprivileged, sign through it, stop it under load
	docker/build.sh runtime $(IMAGE):test --build-arg BASE=$(BASE) >/dev/null 2>&1 && build='--build-arg BASE=$(BASE)' || { \
	  build='--build-arg BASE=$(IMAGE)-base:trixie --pull-never'; \
	  podman image exists $(IMAGE)-base:trixie || docker/base.sh $(IMAGE)-base:trixie; \
	  docker/build.sh runtime $(IMAGE):test $$build; } \
	&& SIGNPROXY_IMAGE=$(IMAGE):test SIGNPROXY_BUILD="$$build" $(PYTEST) tests/image $(ARGS)

# Needs Node.js, which is what the CDK runs in.
$(CDK_INSTALLED): locks/cdk.txt | $(INSTALLED)
	$(BIN)/python -m venv --clear $(CDK)
	$(CDK)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r locks/cdk.txt
	@touch $@

synth: $(CDK_INSTALLED) ## Synthesise every stage and shape into cdk/cdk.out, checked by cdk-nag and cfn-lint
	cd cdk && ../$(CDK)/bin/python synth.py && ../$(CDK)/bin/cfn-lint --config-file .cfnlintrc -- cdk.out/*/*.template.json

cdk-test: $(CDK_INSTALLED) ## Run the CDK app's tests (UPDATE=1 writes the snapshots anew)
	cd cdk && UPDATE=$(UPDATE) ../$(CDK)/bin/python -m pytest $(ARGS)

sbom: $(INSTALLED) ## Write build/sbom.cdx.json: what is in the image (CycloneDX; run make image or image-test first)
	@mkdir -p build
	engine=$$(docker info >/dev/null 2>&1 && echo docker || echo podman); \
	for tag in dev test; do $$engine image inspect $(IMAGE):$$tag >/dev/null 2>&1 && break; done; \
	rm -f build/image.tar; $$engine save $(IMAGE):$$tag --output build/image.tar && \
	$(BIN)/syft scan docker-archive:build/image.tar --quiet --output cyclonedx-json=build/sbom.cdx.json; \
	status=$$?; rm -f build/image.tar; exit $$status

lock: ## Resolve the locks anew (needs uv); UPGRADE=1 takes newer versions
	@command -v uv >/dev/null || { echo "make lock needs uv on PATH" >&2; exit 1; }
	uv pip compile pyproject.toml --all-extras --group dev $(LOCK) $(if $(UPGRADE),--upgrade) --output-file locks/dev.txt
	uv pip compile pyproject.toml $(LOCK) --constraint locks/dev.txt --output-file locks/runtime.txt
	uv pip compile --group build $(LOCK) --constraint locks/dev.txt --output-file locks/build.txt
	uv pip compile --group cdk $(LOCK) $(if $(UPGRADE),--upgrade) --output-file locks/cdk.txt
	uv pip compile --group localstack $(LOCK) $(if $(UPGRADE),--upgrade) --output-file locks/localstack.txt

LOCK := --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet

pr: lint test image-test cdk-test ## All that CI runs
