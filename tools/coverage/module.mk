# SPDX-License-Identifier: MPL-2.0
# Coverage of framework and services by rings 1 and 3: `make coverage`.
.PHONY: coverage
coverage:
	python3 tools/coverage/coverage.py --uncovered
