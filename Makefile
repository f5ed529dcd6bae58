# make install   sets up .venv
# make run       ... and runs the three scripts on the images in dataset/
# make photographs  ... on the photographs in examples/clothes, into photographs/
# make test      sets up and passes the quick tests
# make test-all  ... and the slow ones
# make coverage  lists the branches of the package that no test reaches
# make lint      checks style, types and the words of pages and comments
# make site      builds the documentation as a website, site/index.html
# make lock      writes requirements.lock (to run) and requirements-dev.lock (to test)
#                anew, with hashes; needs uv (python -m pip install uv); then run
#                tools/list_licences.py
# make audit     asks a service on the network for known vulnerabilities
PYTHON ?= python3
BIN := .venv/bin

.PHONY: install run photographs announce test test-all coverage lint site lock audit

install: .venv/run

# Each says first how long it takes, measured by benchmarks/first_result.py: to install
# takes minutes too.
run: IMAGES := dataset
run: MINUTES := 5
run: announce .venv/run
	$(BIN)/python TrainModel.py --dataset dataset
	$(BIN)/python GANModel.py
	$(BIN)/python GeneratePredict.py
	@echo "$(CURDIR)/model/report.html"

# The time limit is of two cores; HOURS=1 gives better images.
HOURS ?= 0.15
photographs: IMAGES := examples/clothes
photographs: MINUTES := 12
photographs: FLAGS := --preset photo-128 --data-dir photographs --model-dir photographs
photographs: announce .venv/run
	$(BIN)/python TrainModel.py $(FLAGS) --dataset examples/clothes
	$(BIN)/python GANModel.py $(FLAGS) --hours $(HOURS)
	$(BIN)/python GeneratePredict.py $(FLAGS)
	@echo "$(CURDIR)/photographs/report.html"

announce:
	@echo "Installs into .venv where need be, some minutes of download; then trains on"
	@echo "the images in $(IMAGES), about $(MINUTES) minutes on two cores."

test: .venv/test
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

test-all: .venv/test
	$(BIN)/python -m pytest -n 2 --dist loadfile

coverage: .venv/test
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n 2 --dist loadfile
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under 95

lint: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tools/check_prose.py

site: .venv/test
	$(BIN)/python tools/build_site.py

# Versions that are locked stay, where the ranges allow it; to renew one:
# make lock UPGRADE="--upgrade-package keras"
lock:
	for name in requirements requirements-dev; do \
		uv pip compile --quiet --universal --python-version 3.11 --no-annotate \
			--no-header --generate-hashes $(UPGRADE) $$name.txt \
			--output-file $$name.lock && \
		printf '%s\n' \
			'# Exact versions for Python 3.11, 3.12 and 3.13; tested on Linux x86-64.' \
			"# Made from $$name.txt by \`make lock\`, which runs uv pip compile." \
			| cat - $$name.lock > .tmp-lock && \
		mv .tmp-lock $$name.lock || exit 1; \
	done

# In an environment of its own: it needs packages that the project does not. Strict:
# where the service knows nothing of a package, such as behind a mirror of PyPI, that
# would else count as no vulnerability.
audit:
	$(PYTHON) -m venv .audit
	.audit/bin/python -m pip install --quiet pip-audit
	.audit/bin/pip-audit --strict --require-hashes --disable-pip \
		--requirement requirements-dev.lock

# The packages to run are those to test too, in the same versions: `make test` after
# `make run` only adds the others.
.venv/run: requirements.lock
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes --requirement $<
	touch $@

.venv/test: requirements-dev.lock .venv/run
	$(BIN)/python -m pip install --quiet --require-hashes --requirement $<
	touch $@
