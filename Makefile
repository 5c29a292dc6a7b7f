# `make demo` shows everything, `make test` proves it; both install what they need.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
# A test runs hundreds of commands; without kept bytecode each would compile the project anew, a tenth of its time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo down test test-unit test-full lint lint-manifests bench lock audit clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

$(VENV)/.made: pyproject.toml requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Cutover needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

demo: $(VENV)/.made  ## a cluster, two apps, a canary, a promotion and a rollback under traffic; leaves them running
	$(RUN) -m bench.demo

down: $(VENV)/.made  ## remove the embedded cluster and all that runs in it
	$(RUN) -m cluster down

test: lint lint-manifests  ## every test, on the embedded cluster, with real traffic
	$(RUN) -m cluster up
	$(RUN) -m pytest tests/e2e tests/cluster tests/engine tests/policy tests/unit tests/workflows -m "not full and not alone" -n 3 --dist loadfile --no-loadscope-reorder --durations 20
	$(RUN) -m pytest tests/e2e -m "alone and not full" --durations 20

test-unit: $(VENV)/.made  ## the tests that need nothing but Python
	$(RUN) -m pytest tests/unit -q

test-full: $(VENV)/.made  ## the long counts; writes docs/benchmarks.md
	$(RUN) -m cluster up
	$(RUN) -m pytest tests -m full
	$(RUN) -m bench.measure

lint: $(VENV)/.made  ## style, types, import contracts
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy .
	$(VENV)/bin/lint-imports

lint-manifests: $(VENV)/.made  ## every example's manifests, against the rules of policy/, kube-score and kube-linter
	$(RUN) -m policy.lint

bench: $(VENV)/.made  ## releases beside kubectl and Argo Rollouts, pictures of every strategy (four hours)
	$(RUN) -m bench.measure
	$(RUN) -m bench.compare --rounds 20
	$(RUN) -m bench.canaries --rounds 10
	$(RUN) -m bench.undo --rounds 10
	$(RUN) -m bench.strategies

build/tools/.made:
	$(PYTHON) -m venv build/tools
	build/tools/bin/pip install --quiet --disable-pip-version-check 'uv>=0.13,<1' 'pip-audit>=2.10,<3'
	touch $@

lock: build/tools/.made  ## pin what the requirements allow, in requirements.lock
	build/tools/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
		--output-file requirements.lock requirements-dev.txt

audit: build/tools/.made  ## ask PyPI's advisories about all that is pinned; needs pypi.org itself
	build/tools/bin/pip-audit --strict --disable-pip --require-hashes --requirement requirements.lock

clean: down  ## remove the cluster and the virtual environment
	rm -rf $(VENV) build
