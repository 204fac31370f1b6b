"""Plain Flask: one route and nothing else; as a program, on its development server in debug mode.

So docker/awesome-compose's flask sample starts it.
"""

from flask import Flask

app = Flask(__name__)


@app.get("/")
def hello() -> str:
    """Answer every caller the same."""
    return "Hello, World!"


if __name__ == "__main__":
    app.run("0.0.0.0", 8000, debug=True)  # noqa: S104, S201  # in a container of the bench
