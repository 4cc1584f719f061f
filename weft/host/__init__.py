"""The embedding API: stores driven by anyio, host functions, stream and future ends."""
