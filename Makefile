# Thin on purpose: each target is a script in scripts/, the same for people and for CI.
.PHONY: help demo test check check-bundles check-arm64 faults bench lock clean
.DEFAULT_GOAL := help

help:           ## show this
	@sed -n 's/^\([a-z0-9-]*\): *## /\1\t/p' Makefile | expand -t 16

demo:           ## a hub and two stations on this machine: recordings in, an alert out (ONCE=1 ends by itself, MEDIA=folder)
	@scripts/demo

test:           ## every test (ARGS="tests/wire -k seal" picks some)
	@scripts/test $(ARGS)

check:          ## style and types
	@scripts/check

check-bundles:  ## every bundle against its golden samples, its evidence, and its float network
	@scripts/check-bundles

check-arm64:    ## every model bundle against its golden samples on emulated ARM (as root)
	@scripts/check-arm64

faults:         ## kill -9 sensor, uplink, broker and hub at random (KILLS=200)
	@scripts/faults

bench:          ## measure, and print one table
	@scripts/bench

lock:           ## write locks/*.txt again (UPGRADE=1 takes the newest versions)
	@scripts/lock

clean:          ## remove the virtual environment, caches and builds
	@scripts/clean
