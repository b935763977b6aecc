.PHONY: demo test lint types
venv-test:
	@tools/setup_venv.sh local,dev
