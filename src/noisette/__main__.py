"""``python -m noisette`` is the ``noisette`` command."""

from noisette.cli import main

if __name__ == "__main__":
    main()
