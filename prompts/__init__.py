"""What is said to an LLM: Markdown prompts with named slots, and demonstrations as JSON."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
