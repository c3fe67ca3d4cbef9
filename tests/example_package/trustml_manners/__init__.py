"""Does the model answer as politely as our house style asks for?"""

from trustml_manners.checks import answer_length, shouting_rate

__all__ = ["answer_length", "shouting_rate"]
