"""`POST /query`: SQL that somebody else wrote, over the published marts and nothing else.

`guard.guarded` judges a text and makes another one from what it understood; `execution` runs that
one, and only that one, where it could do no harm even if the guard were wrong.
"""
