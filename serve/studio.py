"""What LangGraph Studio's server answers besides its own paths; ``langgraph.json`` names it."""

from hugginggraph.serve import studio_app

app = studio_app
