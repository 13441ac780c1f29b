"""Random Python programs, as users write them, against plain Python: values, written arguments and gradients.

`expressions` and `statements` write a program over a typed scope, so that Python itself seldom fails; `oracle` runs it
both ways; `shrink` makes what differs small. ``python -m tests.python_programs --count 1000`` runs a campaign.
"""
