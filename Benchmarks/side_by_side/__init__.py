"""What `./run bench archive` is made of: volumes, contenders, rounds, the writer's latency, the report."""
