"""The Canonical ABI: value types, layouts, compiled lift and lower, and every canonical built-in."""
