from prompts import *
