"""What the sample costs beside what people would pick instead: `./lab bench`.

Standard library only, as it runs on the reader's machine; signals and exit codes are labkit's.
"""
