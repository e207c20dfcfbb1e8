from .cli import app as app, main as main
