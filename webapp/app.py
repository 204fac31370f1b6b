"""The application factory."""

import os
import time
from collections.abc import Mapping

from flask import Flask
from werkzeug.exceptions import HTTPException

from webapp import answers, faults, identity, names, observe
from webapp.settings import Settings


def create_app(environ: Mapping[str, str] = os.environ) -> Flask:
    """Return the service, set up as `environ` says; ValueError names what cannot be used."""
    settings = Settings.from_environ(environ)
    app = Flask(__name__)
    app.json.compact = app.json.sort_keys = False  # type: ignore[attr-defined]  # people read it
    app.config["RESOLVE_TIMEOUT"] = settings.resolve_timeout
    app.jinja_env.globals |= {"live": identity.live, "networks": identity.networks, "time": time}
    app.register_error_handler(HTTPException, answers.on_error)
    app.after_request(answers.harden)
    app.add_url_rule("/healthz", view_func=lambda: {"status": "ok"})  # no answer: restart me
    app.add_url_rule("/openapi.json", "openapi", lambda: app.send_static_file("openapi.json"))
    for bp in (identity.bp, names.bp, observe.bp, faults.bp if settings.faults else faults.off):
        app.register_blueprint(bp)
    return app
