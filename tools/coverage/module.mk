# SPDX-License-Identifier: MPL-2.0
# Coverage of the trusted half by its unit tests: `make coverage`.
.PHONY: coverage
coverage:
	python3 tools/coverage/coverage.py --uncovered
