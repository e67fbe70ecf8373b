-- Tail numbers that the list of planes does not know (mostly American's and Envoy's) are counted, not dropped.
select
    coalesce(planes.manufacturer, 'unknown') as manufacturer,
    count(distinct flights.tail_number) as planes,
    count(*) as flights,
    {{ two_decimals('avg(2013 - planes.built_in)') }} as mean_age_years,
    {{ two_decimals('avg(flights.departure_delay_minutes)') }} as mean_departure_delay
from {{ ref('stg_flights') }} as flights
left join {{ ref('stg_planes') }} as planes on flights.tail_number = planes.tail_number
group by coalesce(planes.manufacturer, 'unknown')
order by flights desc, manufacturer
