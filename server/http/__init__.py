"""HTTP below the framework: connections, limits, middleware, and answers to errors."""
