"""The concurrency state of the Component Model: tasks, threads, waitables, streams. No I/O."""
