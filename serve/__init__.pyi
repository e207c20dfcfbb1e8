from .cli import app as app, main as main
from .docs import pages as pages
