"""How one task runs: media in and out, loaded models, and the LangChain tools of the table."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
