select
    flights.carrier,
    airlines.airline,
    count(*) as flights,
    count(*) filter (where flights.is_cancelled) as cancelled,
    round(100.0 * count(*) filter (where flights.arrival_delay_minutes < 15) / count(*), 2) as on_time_percent,
    round(avg(flights.arrival_delay_minutes), 2) as mean_arrival_delay
from {{ ref('stg_flights') }} as flights
inner join {{ ref('stg_airlines') }} as airlines on flights.carrier = airlines.carrier
group by flights.carrier, airlines.airline
order by flights desc, flights.carrier
