from graph.builtin_planner import *
