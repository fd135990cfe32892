# Everything starts here: `make run` and `make test` set up whatever is missing first.
PYTHON ?= python3

.PHONY: help run test lint page record picture baselines bench soak clean

help:  ## what there is
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

run:  ## set up, start the server, open the page; ARGS="--no-browser --port 8899 MODEL"
	@$(PYTHON) build/bootstrap.py python node page
	@exec .venv/bin/cloudchamber serve $(ARGS)

test:  ## set up, then every check and every test
	@$(PYTHON) build/check.py test

lint:  ## ruff, mypy, Biome, tsc, and whether the generated types are fresh
	@$(PYTHON) build/check.py lint

page:  ## build the page
	@$(PYTHON) build/bootstrap.py node page

bench:  ## measure, print a table, write bench.json; ARGS="--only decode"
	@$(PYTHON) build/bootstrap.py python node page browser
	@exec .venv/bin/python -m bench $(ARGS)

soak:  ## measure crowds, hostile input and hours (over an hour), write soak.json; ARGS="--only fan-out cuts"
	@$(PYTHON) build/bootstrap.py python
	@exec .venv/bin/python -m soak $(ARGS)

record:  ## make the recorded runs that the picture tests replay
	@$(PYTHON) build/bootstrap.py python
	@.venv/bin/cloudchamber record playwright/fixtures/smollm2.chamber --seed 2 --max-tokens 72 --threads 1 $(patsubst %,--head 23:%,0 1 2 3 4 5 6 7 8)
	@.venv/bin/python -m tests.tiny_models experts build/experts.gguf
	@.venv/bin/cloudchamber record playwright/fixtures/experts.chamber build/experts.gguf --raw --prompt "the cat sat on a mat and" --seed 2 --max-tokens 400 --threads 1
	@rm build/experts.gguf

picture:  ## take the README's picture of the real page
	@$(PYTHON) build/bootstrap.py python node page browser
	@cd playwright && npx playwright test --config picture.config.ts

baselines:  ## take the pictures anew that the tests compare with
	@$(PYTHON) build/bootstrap.py python node page browser
	@cd playwright && npx playwright test --project pictures --grep-invert damaged --update-snapshots

clean:  ## forget everything that was built or installed here
	rm -rf .venv .venv-tools node_modules dist backend/cloudchamber/server/page playwright/test-results bench.json soak.json
