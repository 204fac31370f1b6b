"""The service of the pair: tells who it is and who called, under gunicorn.

Nothing is imported here: the healthcheck starts every few seconds and needs no Flask.
"""
