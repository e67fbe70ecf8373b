"""Inside the image: starts dbt with a profile made from artifacts and secrets. Never imports Docker or the toolkit."""
