"""The ``noisette`` command. A command parses its options, calls the pipeline, and prints."""

from noisette.cli.app import main

__all__ = ["main"]
