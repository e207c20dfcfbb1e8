from .app import create_app as create_app
from .listen import listen as listen
from .runs import Runs as Runs
from .shapes import RunInput as RunInput, RunOptions as RunOptions, RunOutput as RunOutput
