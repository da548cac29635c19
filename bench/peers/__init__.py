"""One module a peer: `epoch_runner(workload)` returns a function that trains one epoch on the same data."""
