from serve.page import *
