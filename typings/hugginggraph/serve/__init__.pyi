from serve import *
