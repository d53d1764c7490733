"""How the bundles are made: gather, render, train, calibrate, quantize, evaluate. The station never imports it."""
