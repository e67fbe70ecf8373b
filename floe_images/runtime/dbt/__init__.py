"""dbt, in a process of its own: requests in, events out. The only place that imports dbt and opens the warehouse."""
