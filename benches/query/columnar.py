"""What the dashboard's question takes DuckDB, over the same rows in the same run.

    columnar.py CSV ROUNDS SINCE,UNTIL…

The rows are read into a DuckDB file first, which is not measured. For each range of time it prints a line: the milliseconds of each round, of the faster one of its exact and its
approximate percentiles.
"""

import sys
import time

import duckdb

QUESTION = """
    SELECT start_ns // 3600000000000 AS hour, model, count(*), count(*) FILTER (WHERE is_error), sum(input_tokens), sum(output_tokens),
           {percentiles}
    FROM spans WHERE kind = 'model' AND start_ns >= ? AND start_ns < ? GROUP BY ALL
"""
PERCENTILES = ["quantile_cont(duration_ns, [0.5, 0.95])", "approx_quantile(duration_ns, [0.5, 0.95])"]


def milliseconds(connection, question, times, rounds):
    taken = []
    for _ in range(rounds + 1):
        begun = time.perf_counter()
        connection.execute(question, times).fetchall()
        taken.append((time.perf_counter() - begun) * 1000)
    return taken[1:]  # The first one warms up.


def main():
    path, rounds, ranges = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    connection = duckdb.connect(path + ".duckdb")
    connection.execute("CREATE TABLE spans AS SELECT * FROM read_csv(?, header = true)", [path])
    for one in ranges:
        times = [int(bound) for bound in one.split(",")]
        ways = [milliseconds(connection, QUESTION.format(percentiles=way), times, rounds) for way in PERCENTILES]
        fastest = min(ways, key=lambda taken: sorted(taken)[len(taken) // 2])
        print(*(f"{taken:.3f}" for taken in fastest))


main()
