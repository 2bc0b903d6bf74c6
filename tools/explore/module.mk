# SPDX-License-Identifier: MPL-2.0
# Every interleaving of the synchronisation primitives, for small cases: `make explore`.
.PHONY: explore
explore:
	python3 tests/explore/run.py
