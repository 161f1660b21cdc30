# Two commands matter: `make demo` and `make test`. Both work on a machine that has only Python >= 3.11 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
THREADS := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

.PHONY: demo test check docs tables clean

demo: $(VENV)/demo.stamp
	$(THREADS) $(BIN)/spectralfm demo --output transfer.png

test: check
	$(THREADS) $(BIN)/python -m pytest

check: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Every example runs, every warning is an error; the first page is docs/_build/html/index.html.
docs: $(VENV)/docs.stamp
	$(THREADS) $(BIN)/python -m sphinx -W --keep-going -d docs/_build/doctrees docs docs/_build/html

# After benchmarks/transfer.py and benchmarks/few_shot.py: tests, figure and page from what they wrote.
tables: $(VENV)/test.stamp
	$(THREADS) $(BIN)/python benchmarks/significance.py
	$(THREADS) $(BIN)/python benchmarks/standards_figure.py
	$(THREADS) $(BIN)/python benchmarks/which_method.py

# The constraints come first so that an unpinned torch never pulls a CUDA build.
$(VENV)/%.stamp: setup.cfg pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "SpectralFM needs Python >= 3.11, and $(PYTHON) is none: pass make PYTHON=python3.11" >&2; \
	    exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[$(EXTRAS_$*)]"
	touch $@

EXTRAS_demo := plot
EXTRAS_docs := plot,corpus,docs
EXTRAS_test := plot,io,corpus,docs,test

clean:
	rm -rf $(VENV) build *.egg-info docs/_build docs/auto_examples docs/api/generated docs/api/backreferences
