"""What to do: state, plan, planners, nodes, executor and answer."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
