"""The HTTP server: LangServe, event streams, files, and the original's API, on one graph."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
