"""The review page: an HTTP server over one workspace. Needs the extra `noisette[web]`."""
