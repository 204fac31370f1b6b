"""The application factory."""

import os

from flask import Flask
from flask.json.provider import DefaultJSONProvider

from webapp import access_log, errors, faults, guard, identity, limits, metrics, names, probes
from webapp.settings import Settings


class ReadableJSON(DefaultJSONProvider):
    """JSON for people who read it in a terminal: indented, keys in the order they were given."""

    compact = False
    sort_keys = False


def create_app(settings: Settings | None = None) -> Flask:
    """Return the service, with the settings of the environment unless others are given.

    Raises SettingsError when the environment holds a value that cannot be used.
    """
    settings = settings or Settings.from_environ(os.environ)
    app = Flask(__name__)
    app.json = ReadableJSON(app)
    app.config["RESOLVE_TIMEOUT"] = settings.resolve_timeout

    access_log.init_app(app)
    metrics.init_app(app)
    errors.init_app(app)
    guard.init_app(app)
    limits.init_app(app, slots=settings.threads // 2)

    app.register_blueprint(identity.bp)
    app.register_blueprint(names.bp)
    app.register_blueprint(probes.bp)
    if settings.faults:
        app.register_blueprint(faults.bp)
    return app
