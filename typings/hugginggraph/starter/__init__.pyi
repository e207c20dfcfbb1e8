from starter import *
