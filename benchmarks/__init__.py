"""The figures: orderfsm beside its peers, measured in the same run. `python -m benchmarks` writes them down."""
