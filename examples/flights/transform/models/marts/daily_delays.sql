select
    flight_date,
    origin,
    count(*) as flights,
    count(*) filter (where is_cancelled) as cancelled,
    round(avg(departure_delay_minutes), 2) as mean_departure_delay,
    round(avg(arrival_delay_minutes), 2) as mean_arrival_delay
from {{ ref('stg_flights') }}
group by flight_date, origin
order by flight_date, origin
