from .load import (
    Demonstration as Demonstration,
)
from .load import (
    demonstrations as demonstrations,
)
from .load import (
    fill as fill,
)
