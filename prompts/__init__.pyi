from .load import (
    Demonstration as Demonstration,
    demonstrations as demonstrations,
    fill as fill,
)
