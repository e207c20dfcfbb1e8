from .cli import app as app, main as main
from .docs import pages as pages
from .server.studio_files import studio_app as studio_app
