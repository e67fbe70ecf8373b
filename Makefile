# A bare machine needs make, git and Python 3.10 or newer; everything else is set up in .venv and in the user's cache.
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ENGINE := $(BIN)/python scripts/engine/engine.py

.PHONY: demo test acceptance bench lint format requirements engine-up engine-down clean

demo: $(READY)  ## lock, build, load and run the flights example
	$(BIN)/python scripts/demo/demo.py

test: $(READY)  ## everything but `acceptance`
	bash scripts/test.sh

acceptance: $(READY)  ## the long proofs
	bash scripts/test.sh acceptance

bench: $(READY)
	for each in benchmarks/[a-z]*.py; do $(BIN)/python $$each || exit 1; done

lint: $(READY)
	bash scripts/test.sh lint

format: $(READY)
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

requirements: $(READY)  ## lock the development tools anew; the file names no host
	$(BIN)/uv pip compile pyproject.toml requirements/dev.in --group dev --universal --python-version 3.10 \
	  --generate-hashes --no-header --no-annotate --no-emit-index-url --upgrade --quiet --output-file requirements/dev.txt
	for each in fakesnow google-storage moto polaris polaris-1.4; do $(BIN)/uv pip compile requirements/$$each.in --universal \
	  --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --upgrade --quiet \
	  --output-file requirements/$$each.txt || exit 1; done

engine-up: $(READY)
	$(ENGINE) up classic
	$(ENGINE) up containerd

engine-down: $(READY)
	$(ENGINE) down

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(READY): requirements/dev.txt pyproject.toml scripts/bootstrap.sh
	bash scripts/bootstrap.sh $(VENV)
	touch $(READY)
