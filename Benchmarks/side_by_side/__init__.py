"""What `./run bench` is made of: volumes, contenders, rounds, clients, the writer's latency, the report."""
