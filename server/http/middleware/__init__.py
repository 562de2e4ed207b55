"""The middleware of every request, before it is routed; `server.app` puts it in order."""
