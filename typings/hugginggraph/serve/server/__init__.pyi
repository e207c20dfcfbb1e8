from serve.server import *
