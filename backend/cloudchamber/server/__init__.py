"""The web server: app, routes, stream, security."""
