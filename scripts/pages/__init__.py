"""The lab pages as programs: parse, play, check, clean up and re-record what is in labs/*.md.

Standard library only, Python 3.11 or later: it runs on the reader's machine without anything
installed. `python3 -m scripts.pages -h` from the repository's root lists the commands.
"""
