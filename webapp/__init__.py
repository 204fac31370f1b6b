"""The service of the pair: tells who it is and who called. Light: the healthcheck starts often."""
