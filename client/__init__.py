"""Calls a web service by its DNS name and says in one line what happened.

  0   every call was answered with a status below 400; a redirect is an answer, not followed
  1   --check only: no call recorded yet, or the record is stale
  2   wrong arguments or environment
  6   the name did not resolve, or the resolver did not answer in time (curl would say 28)
  7   connection refused, unreachable, or broken before the whole answer; TLS failed
  22  HTTP status 400 or above
  23  the output could not be written, such as a pipe that nobody reads any more
  28  connecting timed out, or the whole answer took too long

Without URL it calls CLIENT_URL, else http://webapp:8000/. The exit codes are curl's. A run returns
that of its last failed call, a service (--count 0) that of its last call. SIGINT and SIGTERM end it
at once, without the call under way.
"""
