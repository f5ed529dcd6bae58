# make run   sets up and runs the three scripts on the pictures in dataset/
# make test  sets up and passes the tests
# make lint  checks style
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test lint

run: .venv/installed
	$(BIN)/python TrainModel.py
	$(BIN)/python GANModel.py
	$(BIN)/python GeneratePredict.py

test: .venv/installed
	$(BIN)/python -m pytest

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.venv/installed: requirements.lock
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	touch $@
