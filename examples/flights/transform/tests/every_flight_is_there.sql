-- The package documents 336,776 flights. A row here is a failure.
select count(*) as flights
from {{ ref('stg_flights') }}
having count(*) <> 336776
